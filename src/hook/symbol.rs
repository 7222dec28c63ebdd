// SPDX-License-Identifier: GPL-2.0

//! Where the kernel's functions and data are.

use super::{
    call::{call, Call},
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

/// Makes sure that the compiler has made no other function of a part of `name`, which its callers might call in its place.
///
/// # Errors
///
/// `ENOTUNIQ` if there is one, `ENOMEM`.
pub(super) fn find_no_part(name: &'static CStr) -> Result {
    if has_part(name)? {
        return Err(refuse("this kernel's compiler has split", name, enotuniq()));
    }
    Ok(())
}

/// The address of the kernel's only symbol `name`, if there is one, of which the compiler has made no other function. Says
/// nothing in the log.
///
/// # Errors
///
/// `ENOMEM`.
pub(super) fn find_whole(name: &CStr) -> Result<Option<usize>> {
    let matches = matches_of(name);
    let is_whole = matches.count.get() == 1 && !has_part(name)?;
    Ok(is_whole.then(|| matches.address.get()))
}

/// Whether the compiler has made another function of a part of `name`.
///
/// # Errors
///
/// `ENOMEM`.
fn has_part(name: &CStr) -> Result<bool> {
    const SUFFIXES: [&str; 3] = ["part", "isra", "constprop"];
    let is_there = |part: CString| matches_of(&part).count.get() != 0;
    for suffix in SUFFIXES {
        for nr in 0..4 {
            if is_there(CString::try_from_fmt(fmt!("{name}.{suffix}.{nr}"))?) {
                return Ok(true);
            }
        }
        // A part of a part.
        for inner in SUFFIXES {
            if is_there(CString::try_from_fmt(fmt!("{name}.{inner}.0.{suffix}.0"))?) {
                return Ok(true);
            }
        }
    }
    Ok(false)
}
