// SPDX-License-Identifier: GPL-2.0

//! The module's own life: whether it is complete, who is inside it, and who keeps it.

mod inside;
mod loaded;
mod readiness;

pub(crate) use inside::{drain, synchronize_rcu_tasks, Inside};
pub(crate) use loaded::{keep, Loaded};
pub(crate) use readiness::check_tasks_rcu;

use core::sync::atomic::{AtomicBool, Ordering};

/// The module is complete, and not about to go: namespaces may be created, and files of namespaces opened.
static LIVE: AtomicBool = AtomicBool::new(false);

/// Whether the module is complete, and not about to go.
pub(crate) fn is_live() -> bool {
    LIVE.load(Ordering::Acquire)
}

/// The module is complete, every function hooked; on drop it goes.
pub(crate) struct Live(());

impl Live {
    pub(crate) fn begin() -> Self {
        LIVE.store(true, Ordering::Release);
        Self(())
    }
}

impl Drop for Live {
    /// Says that the module goes, and waits for those inside it that may still think that it stays: in takeover mode
    /// none of them relies on it, but for a reference to the module, which nobody gets any more. May sleep.
    fn drop(&mut self) {
        LIVE.store(false, Ordering::Release);
        inside::wait();
    }
}
