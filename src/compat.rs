// SPDX-License-Identifier: GPL-2.0

//! What differs between the kernels that this source is for: Linux 7.2 and 7.3.
//!
//! | | 7.2 | 7.3 | here |
//! | --- | --- | --- | --- |
//! | names of errors in the `kernel` crate | no `ENOTUNIQ`, no `EOPNOTSUPP` | both | [`enotuniq`], [`eopnotsupp`] |
//! | the module's own address for a `static` | a `static THIS_MODULE` | a constant of the module's type | [`this_module`] |
//! | types of module parameters | integers, given by reference | also `bool`, given by value | a `u8`, compared by a method (`pidns.rs`) |
//!
//! In the kernel's C there is one more: `kill(2)` passes a `siginfo` to the send side in 7.2, and the
//! small number for "the current task" in 7.3. `signal/send.rs` knows both, because other senders pass either.
//!
//! Supply mode is for 7.3 alone: what it hooks was looked at there.

use crate::bindings;
use kernel::prelude::*;

/// "Name not unique on network": here, a symbol that occurs twice.
pub(crate) fn enotuniq() -> Error {
    Error::from_errno(-(bindings::ENOTUNIQ as c_int))
}

/// "Operation not supported on transport endpoint": here, on this kernel.
pub(crate) fn eopnotsupp() -> Error {
    Error::from_errno(-(bindings::EOPNOTSUPP as c_int))
}

extern "C" {
    /// A `struct module`, made by the kernel when it loads this one; `THIS_MODULE` is its address.
    static __this_module: [u8; 0];
}

/// The module itself, for what has an owner.
pub(crate) const fn this_module() -> *mut bindings::module {
    (&raw const __this_module)
        .cast::<bindings::module>()
        .cast_mut()
}
