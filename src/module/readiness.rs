// SPDX-License-Identifier: GPL-2.0

//! Whether a load, which waits for Tasks RCU, would come to its end now.

use crate::bindings::{
    self,
    rcu_synchronize, //
};
use kernel::{
    prelude::*,
    time::{
        msecs_to_jiffies,
        Jiffies, //
    },
};

/// How long a load waits for a task that is ready to run and does not come to run.
const PATIENCE_MS: u32 = 20_000;

/// Waits for two grace periods of Tasks RCU, while nothing is hooked yet: a load that has begun cannot be broken off, and
/// those who wait for it wait as long. Who is starved of the processor, by anybody, holds such a period up for as long as
/// that lasts. The first may end because he comes to run for once in a long time; the second is as long as that time.
///
/// May sleep.
///
/// # Errors
///
/// `ENOMEM`; `EBUSY` if they did not come to an end in time. The log says so.
pub(crate) fn check_tasks_rcu() -> Result {
    let mut patience = msecs_to_jiffies(PATIENCE_MS);
    for _ in 0..2 {
        patience = wait_for_tasks_rcu(patience)?;
        if patience == 0 {
            pr_err!("not loaded: a task that is ready to run has not come to run for seconds, and Tasks RCU waits for it: try again when the processors are less busy\n");
            return Err(EBUSY);
        }
    }
    Ok(())
}

/// Waits for one, for at most so many jiffies; how many of them are left, 0 if it has not ended. May sleep.
fn wait_for_tasks_rcu(patience: Jiffies) -> Result<Jiffies> {
    let waiting = KBox::into_raw(KBox::new(rcu_synchronize::default(), GFP_KERNEL)?);
    // SAFETY: It is live, and nobody else's until it is passed on; then it is Tasks RCU's, whose callback, which is the
    // kernel's own, touches it last when it completes it: whoever has seen that may free it (`completion.h`). Where none
    // is seen it comes some day, maybe when the module's memory is gone, and these few bytes are left for it.
    unsafe {
        bindings::init_completion(&raw mut (*waiting).completion);
        bindings::call_rcu_tasks(&raw mut (*waiting).head, Some(bindings::wakeme_after_rcu));
        let left = bindings::wait_for_completion_timeout(&raw mut (*waiting).completion, patience);
        if left != 0 {
            drop(KBox::from_raw(waiting));
        }
        Ok(left)
    }
}
