// SPDX-License-Identifier: GPL-2.0

//! How a kernel function is replaced, and given back.
//!
//! A load is all or nothing: [`Symbols::find`] looks up every function and datum that the module
//! touches and changes nothing; [`Symbols::arm`] then replaces all hooked functions, or none.
//!
//! While the sites are being patched some functions are already ours and others still the
//! kernel's. That is harmless: every replacement does what the original does as long as no
//! namespace of ours exists, on the same data under the same locks, and none can be created
//! before the [`Doors`] open or after they close (see `namespace::create`).

mod both;
mod call;
mod inside;
#[cfg_attr(not(pidns_jumps), path = "no_jump.rs")]
mod jump;
mod loaded;
#[cfg_attr(CONFIG_PID_NS, path = "takeover.rs")]
#[cfg_attr(not(CONFIG_PID_NS), path = "supply.rs")]
mod own;
mod redirect;
mod symbol;
mod table;

#[cfg(CONFIG_TRACEPOINTS)]
pub(crate) use both::SIGNAL_GENERATE;
pub(crate) use both::{PID_NS_TREE, SIGQUEUE_CACHE};
pub(crate) use loaded::Loaded;
#[cfg(not(CONFIG_PID_NS))]
pub(crate) use {
    inside::{Guest, Inside},
    own::{
        DELAYED_PUT_PID, NSFS_MNT, NS_OPERATIONS, PIDMAP_LOCK, PROC_NS_INSTANTIATE, TASKLIST_LOCK,
    },
};

/// Functions that the kernel does not export, to be called.
pub(crate) mod kernel_fn {
    pub(crate) use super::both::kernel_fn::*;
    #[cfg(not(CONFIG_PID_NS))]
    pub(crate) use super::own::kernel_fn::*;
}

/// The originals of hooked functions, to be called.
pub(crate) mod original {
    pub(crate) use super::{both::original::*, own::original::*};
}

use crate::bindings;
use core::sync::atomic::{AtomicBool, Ordering};
use jump::{can_jump, Jumps};
use kernel::{prelude::*, str::CStr};
use redirect::Redirects;

/// The module is complete: namespaces may be created, and files of namespaces opened.
static ARMED: AtomicBool = AtomicBool::new(false);

/// Whether the module is complete.
pub(crate) fn armed() -> bool {
    ARMED.load(Ordering::Acquire)
}

/// The module is complete, every function hooked; on drop it goes.
pub(crate) struct Doors(());

impl Doors {
    pub(crate) fn open() -> Self {
        ARMED.store(true, Ordering::Release);
        Self(())
    }
}

impl Drop for Doors {
    /// Says that the module goes, and waits for those inside it who may still think that it stays.
    /// May sleep.
    fn drop(&mut self) {
        ARMED.store(false, Ordering::Release);
        inside::wait();
    }
}

/// Logs the one line that says why the module does not load, and is its errno.
fn refuse(why: &str, name: &CStr, errno: Error) -> Error {
    pr_err!("not loaded: {} `{}`\n", why, name);
    errno
}

/// Proof that everything which the module needs of this kernel is there.
pub(crate) struct Symbols(());

impl Symbols {
    /// Looks up every symbol and binds the static calls. Hooks nothing.
    ///
    /// May sleep.
    ///
    /// # Errors
    ///
    /// `EPERM` in a locked-down kernel, `ENOENT` when a function or datum is missing, `ENOTUNIQ`
    /// when its name is ambiguous, `EOPNOTSUPP` when it cannot be hooked; one line in the log
    /// names it.
    pub(crate) fn find() -> Result<Self> {
        // SAFETY: A pure query of the security modules; it may sleep, and so may we.
        let locked =
            unsafe { bindings::security_locked_down(bindings::lockdown_reason_LOCKDOWN_KPROBES) };
        if locked != 0 {
            pr_err!("not loaded: the kernel is locked down and forbids to hook functions\n");
            return Err(EPERM);
        }
        symbol::open()?;
        call::bind_all()?;
        both::find_data()?;
        for hook in table::all() {
            hook.find()?;
        }
        Ok(Self(()))
    }

    /// Replaces every hooked function, with a direct jump where `direct` and the kernel allow it.
    ///
    /// May sleep.
    ///
    /// # Errors
    ///
    /// Those of ftrace; then nothing is hooked.
    pub(crate) fn arm(self, direct: bool) -> Result<Hooks> {
        for hook in table::all() {
            hook.bind_original();
            hook.decide(direct && can_jump(hook));
        }
        // First of all, so that a failure below waits for those who were already redirected.
        let drain = Drain;
        let hooks = Hooks {
            _redirects: Redirects::arm()?,
            _jumps: Jumps::arm()?,
            _drain: drain,
        };
        Ok(hooks)
    }
}

/// The hooked functions; dropping gives them back and waits until no task is inside the module.
///
/// The fields are dropped in this order. The jumps go at once; to take the redirects back takes a grace period, in
/// which a signal that is led around the protection could not be led to its end, because nobody may enter any more.
pub(crate) struct Hooks {
    _jumps: Option<Jumps>,
    _redirects: Option<Redirects>,
    _drain: Drain,
}

// SAFETY: What the fields point to belongs to ftrace, which has its own locks, and is only used
// again when the hooks are dropped.
unsafe impl Send for Hooks {}
// SAFETY: As above: nothing can be done with a shared reference.
unsafe impl Sync for Hooks {}

impl Hooks {
    /// How many functions are hooked.
    pub(crate) fn count(&self) -> usize {
        table::all().count()
    }
}

/// Unhooks, with `f`, which says 0 when that worked, and does not return before it did: a site that
/// leads into the text of a module that has gone is the end of the machine.
///
/// It may want a little memory, which comes. If ftrace has shut itself down for a fault of its own
/// it never works; then the module stays. May sleep.
fn unhook(mut f: impl FnMut() -> c_int) {
    let mut told = false;
    while f() != 0 {
        if !told {
            pr_err!("cannot unhook the kernel's functions, trying again; if this stays, reboot\n");
            told = true;
        }
        // SAFETY: The module's exit may sleep.
        unsafe { bindings::msleep(100) };
    }
}

/// On drop, with every function given back: waits for the tasks that are still inside.
struct Drain;

impl Drop for Drain {
    fn drop(&mut self) {
        inside::drain();
    }
}
