// SPDX-License-Identifier: GPL-2.0

//! The prototypes that `bindings/input.h` has by hand, against what the kernel says of its functions, where it says it.

use super::{
    btf::{Btf, Sections},
    symbol::{self, refuse},
    Needs,
};
use crate::compat::eopnotsupp;
use core::slice;
use kernel::{prelude::*, str::CString};

/// Each with its name, made of `bindings/input.h`.
const PROTOTYPES: &[(&str, &str)] = include!(env!("PIDNS_PROTOTYPES"));

// Each has a bit in a word.
const _: () = assert!(PROTOTYPES.len() <= u64::BITS as usize);

/// Compares those of the functions that `needs` names. May sleep.
///
/// # Errors
///
/// `EOPNOTSUPP` for a function that is another one here, `ENOMEM`.
pub(super) fn check(needs: &'static Needs) -> Result {
    check_all(PROTOTYPES, |name| needs.names(name))
}

fn check_all(prototypes: &[(&str, &str)], is_needed: impl Fn(&str) -> bool) -> Result {
    let (Some(start), Some(stop)) = (
        symbol::find_quietly(c"__start_BTF"),
        symbol::find_quietly(c"__stop_BTF"),
    ) else {
        return Ok(());
    };
    let size = stop.saturating_sub(start);
    // SAFETY: The linker puts these symbols around the section, which is never written and stays.
    let bytes = unsafe { slice::from_raw_parts(start as *const u8, size) };
    let Some(sections) = Sections::of(bytes) else {
        return Ok(());
    };
    let mut places = KVVec::with_capacity(sections.places().count(), GFP_KERNEL)?;
    for place in sections.places() {
        places.push(place, GFP_KERNEL)?;
    }
    let btf = Btf {
        sections,
        places: &places,
    };
    // There may be several of a name: one must be right.
    let (mut seen, mut right) = (0_u64, 0_u64);
    for (name, function) in btf.functions() {
        for (nr, (own, prototype)) in prototypes.iter().enumerate() {
            if own.as_bytes() != name {
                continue;
            }
            let is_right = btf.is(function, prototype);
            seen |= u64::from(is_right.is_some()) << nr;
            right |= u64::from(is_right == Some(true)) << nr;
        }
    }
    let is_wrong = |nr: usize| (seen & !right) >> nr & 1 != 0;
    for (nr, (name, _)) in prototypes.iter().enumerate() {
        if is_wrong(nr) && is_needed(name) {
            let name = CString::try_from_fmt(fmt!("{name}"))?;
            return Err(refuse(
                "this kernel has another prototype of",
                &name,
                eopnotsupp(),
            ));
        }
    }
    Ok(())
}

#[cfg(pidns_kunit)]
#[kernel::macros::kunit_tests(pidns_prototypes)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_prototype_is_found() {
        assert_eq!(check_all(PROTOTYPES, |_| true), Ok(()));
        for wrong in [
            "ssize_t(struct kiocb*)",
            "int(struct kiocb*,struct iov_iter*)",
            "ssize_t(struct kiocb*,struct iov_iter)",
        ] {
            let wrong = check_all(&[("proc_sys_read", wrong)], |_| true);
            assert_eq!(wrong.err(), Some(eopnotsupp()));
        }
        let unused = check_all(&[("proc_sys_read", "void()")], |_| false);
        assert_eq!(unused, Ok(()));
        let unknown = check_all(&[("no_such_function", "void()")], |_| true);
        assert_eq!(unknown, Ok(()));
    }
}
