// SPDX-License-Identifier: GPL-2.0

//! Where the kernel's functions and data are.

use super::{
    call::{call, Call},
    ftrace::{enters, instruction_step, kernel_fn, leads_to},
    wrap::callbacks, //
};
use crate::{
    bindings::{self, kprobe},
    compat::enotuniq,
    edge::Passed,
};
use core::{
    cell::Cell,
    ptr,
    sync::atomic::{AtomicPtr, Ordering},
};
use kernel::{
    prelude::*,
    str::{CStr, CString},
};

/// A datum of the kernel that is not exported.
pub(crate) struct Data<T> {
    name: &'static CStr,
    address: AtomicPtr<T>,
}

impl<T> Data<T> {
    pub(crate) const fn new(name: &'static CStr) -> Self {
        Self {
            name,
            address: AtomicPtr::new(ptr::null_mut()),
        }
    }

    pub(crate) fn find(&self) -> Result {
        self.address
            .store(find(self.name)? as *mut T, Ordering::Relaxed);
        Ok(())
    }

    /// Its address, which was found before the first function was hooked.
    #[inline]
    pub(crate) fn get(&self) -> *mut T {
        self.address.load(Ordering::Relaxed)
    }
}

/// The call of the function that finds all others.
static SYMBOL_TABLE: Call = call!(kallsyms_on_each_match_symbol);

/// Logs the one line that says why the module does not load, and is its errno.
pub(super) fn refuse(why: &str, name: &CStr, errno: Error) -> Error {
    pr_err!("not loaded: {} `{}`\n", why, name);
    errno
}

/// Opens the kernel's symbol table: a kprobe is the one way by which a module finds a function
/// that is not exported, and this is the function that finds all others.
///
/// May sleep.
pub(super) fn open() -> Result {
    let name = c"kallsyms_on_each_match_symbol";
    let mut probe = KBox::new(
        kprobe {
            symbol_name: name.as_char_ptr(),
            flags: bindings::KPROBE_FLAG_DISABLED,
            ..Default::default()
        },
        GFP_KERNEL,
    )?;
    // SAFETY: The probe is zeroed but for its symbol and flag, as `register_kprobe` wants it, is
    // pinned in its box until it is unregistered, if it was registered, and is never armed.
    let address = unsafe {
        let found = bindings::register_kprobe(&mut *probe) >= 0;
        found.then(|| {
            let address = probe.addr as usize;
            bindings::unregister_kprobe(&mut *probe);
            address
        })
    };
    SYMBOL_TABLE.bind(address.ok_or_else(|| {
        refuse(
            "this kernel has no symbol table (CONFIG_KALLSYMS_ALL, CONFIG_KPROBES):",
            name,
            ENOENT,
        )
    })?);
    Ok(())
}

/// How often a name occurs, and where.
#[derive(Default)]
struct Matches {
    count: Cell<usize>,
    address: Cell<usize>,
}

/// The kernel's symbols `name`.
fn matches_of(name: &CStr) -> Matches {
    callbacks! {
        /// Counts a match.
        fn count(matches: Passed<'_, Matches>, address: c_ulong) -> c_int {
            matches.0.count.set(matches.0.count.get() + 1);
            matches.0.address.set(address);
            0
        }
    }
    let matches = Matches::default();
    // SAFETY: `open` bound the call; the callback has the type it wants and `matches` outlives it.
    unsafe {
        bindings::__SCT__pidns_kallsyms_on_each_match_symbol(
            Some(count),
            name.as_char_ptr(),
            (&raw const matches).cast_mut().cast(),
        )
    };
    matches
}

/// The address of the kernel's only symbol `name`.
///
/// # Errors
///
/// `ENOENT` if there is none, `ENOTUNIQ` if there are several; the log names it.
pub(super) fn find(name: &'static CStr) -> Result<usize> {
    let matches = matches_of(name);
    match matches.count.get() {
        0 => Err(refuse("this kernel has no", name, ENOENT)),
        1 => Ok(matches.address.get()),
        _ => Err(refuse("this kernel has more than one", name, enotuniq())),
    }
}

/// The address of the kernel's only symbol `name`, if there is one. Says nothing in the log.
pub(super) fn find_quietly(name: &CStr) -> Option<usize> {
    let matches = matches_of(name);
    (matches.count.get() == 1).then(|| matches.address.get())
}

/// The same as [`find`], of a function of which the compiler has made no other, that its callers might call in its place.
///
/// # Errors
///
/// Those of [`find`], `ENOTUNIQ` also if there is such a one, `ENOMEM`.
pub(super) fn find_all_of(name: &'static CStr) -> Result<usize> {
    let address = find(name)?;
    if parts_of(name)? != 0 {
        return Err(refuse("this kernel's compiler has split", name, enotuniq()));
    }
    Ok(address)
}

/// The address of `rest`, if that is all that the compiler has left of `name`.
pub(super) fn find_rest(name: &CStr, rest: &CStr) -> Option<usize> {
    let is_all = matches_of(name).count.get() == 0 && parts_of(name) == Ok(1);
    find_quietly(rest).filter(|_| is_all)
}

/// The address of the kernel's only symbol `name`, if there is one, of which the compiler has made no other function. Says
/// nothing in the log.
///
/// # Errors
///
/// `ENOMEM`.
pub(super) fn find_whole(name: &CStr) -> Result<Option<usize>> {
    let is_whole = parts_of(name)? == 0;
    Ok(find_quietly(name).filter(|_| is_whole))
}

/// How many other functions the compiler has made of parts of `name`.
///
/// # Errors
///
/// `ENOMEM`.
fn parts_of(name: &CStr) -> Result<usize> {
    // The last is clang's.
    const SUFFIXES: [&str; 4] = ["part", "isra", "constprop", "specialized"];
    let count = |part: CString| matches_of(&part).count.get();
    let mut parts = 0;
    for suffix in SUFFIXES {
        for nr in 0..4 {
            parts += count(CString::try_from_fmt(fmt!("{name}.{suffix}.{nr}"))?);
        }
        // A part of a part.
        for inner in SUFFIXES {
            parts += count(CString::try_from_fmt(fmt!("{name}.{inner}.0.{suffix}.0"))?);
        }
    }
    Ok(parts)
}

/// Whether the first of `callers` that this kernel has, a function, calls the one at `function`.
pub(super) fn calls(callers: &[&'static CStr], function: usize) -> bool {
    let Some(start) = callers.iter().find_map(|caller| find_quietly(caller)) else {
        return false;
    };
    let (size, offset) = (Cell::new(0), Cell::new(0));
    kernel_fn::kallsyms_lookup_size_offset(start, &size, &offset);
    let own = start..start + size.get();
    let targets = own
        .clone()
        .step_by(instruction_step() as usize)
        .map(leads_to);
    let mut calls = targets.filter(|target| !own.contains(target));
    calls.any(|target| enters(target, function))
}

#[cfg(pidns_kunit)]
#[kernel::macros::kunit_tests(pidns_symbol)]
mod tests {
    use super::*;

    #[test]
    fn who_calls_and_who_does_not() {
        let dequeue_signal = find(c"dequeue_signal").unwrap_or_default();
        for (callers, expected) in [
            (&[c"get_signal"] as &[_], true),
            (&[c"no_such_function", c"get_signal"], true),
            (&[c"free_pids", c"get_signal"], false),
            (&[c"free_pids"], false),
            (&[c"dequeue_signal"], false),
            (&[], false),
        ] {
            assert_eq!(calls(callers, dequeue_signal), expected);
        }
    }
}
