// SPDX-License-Identifier: GPL-2.0

//! Takeover mode: the functions that are hooked in a kernel with pid namespaces of its own, beside those
//! that are in both modes.

use crate::{hook::hooks, observe};

hooks! {
    // Namespaces come, fall and go.
    __ns_tree_add_raw => observe::life::__ns_tree_add_raw, wrapped;
    __ns_tree_remove => observe::life::__ns_tree_remove, wrapped;
    disable_pid_allocation => observe::life::disable_pid_allocation, wrapped;
}
