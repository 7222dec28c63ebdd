// SPDX-License-Identifier: GPL-2.0

//! The functions that are hooked in every kernel.
//!
//! `docs/ARCHITECTURE.md` says why each function is hooked.

use crate::{hook::hooks, signal};

hooks! {
    // The two sides of an init.
    send_signal_locked => signal::send_signal_locked, replaced;
    dequeue_signal => signal::dequeue_signal, wrapped;
    ptrace_stop => signal::ptrace_stop, wrapped when signal::is_handed_over;
}
