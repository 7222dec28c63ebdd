// SPDX-License-Identifier: GPL-2.0

//! Whether a load, which waits for Tasks RCU, would come to its end now.

use crate::bindings::{
    self,
    rcu_synchronize, //
};
use kernel::{
    prelude::*,
    time::msecs_to_jiffies, //
};

/// How long a load waits for a task that is ready to run and does not come to run.
const PATIENCE_MS: u32 = 20_000;

/// Waits for a grace period of Tasks RCU, while nothing is hooked yet: a load that has begun cannot be broken off, and
/// those who wait for it wait as long. Who is starved of the processor, by anybody, holds such a period up for as long as
/// that lasts.
///
/// May sleep.
///
/// # Errors
///
/// `ENOMEM`; `EBUSY` if it did not come to an end in time. The log says so.
pub(crate) fn check_tasks_rcu() -> Result {
    let waiting = KBox::into_raw(KBox::new(rcu_synchronize::default(), GFP_KERNEL)?);
    // SAFETY: It is live, and nobody else's until it is passed on; then it is Tasks RCU's, whose callback, which is the
    // kernel's own, touches it last when it completes it: whoever has seen that may free it (`completion.h`).
    unsafe {
        bindings::init_completion(&raw mut (*waiting).completion);
        bindings::call_rcu_tasks(&raw mut (*waiting).head, Some(bindings::wakeme_after_rcu));
        let patience = msecs_to_jiffies(PATIENCE_MS);
        if bindings::wait_for_completion_timeout(&raw mut (*waiting).completion, patience) != 0 {
            drop(KBox::from_raw(waiting));
            return Ok(());
        }
    }
    // The callback comes some day, maybe when the module's memory is gone, and these few bytes are left for it.
    pr_err!("not loaded: a task that is ready to run has not come to run for {} seconds, and Tasks RCU waits for it: try again when the processors are less busy\n", PATIENCE_MS / 1000);
    Err(EBUSY)
}
