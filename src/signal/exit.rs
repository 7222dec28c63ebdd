// SPDX-License-Identifier: GPL-2.0

//! A task exits.

use super::{
    fall,
    orphan, //
};
use crate::{
    bindings::{
        self,
        task_struct, //
    },
    hook::wrap,
    module::Inside,
    task::Current,
};

wrap! {
    /// Wraps `kernel/signal.c: exit_signals`, which `do_exit` calls before anything is given up: of an init that a signal from
    /// outside has ended, the threads wait for the members. And whoever has children leaves them.
    ///
    /// May sleep for the time of grace; the module is kept meanwhile. The original may sleep as well, where cgroups are changed.
    fn exit_signals(task: *mut task_struct), original => {
        let me = Current::get();
        // With a reference to the module, and not as one inside: a freezer takes whoever sleeps as SRCU's reader for a fault.
        if me.signal().flags() & bindings::SIGNAL_GROUP_EXIT != 0 {
            fall::of_init(&me);
        }
        let _inside = Inside::enter();
        orphan::leave_children(&me);
        original();
    }
}
