// SPDX-License-Identifier: GPL-2.0

//! Takeover mode: what the module touches in a kernel with pid namespaces of its own, beside what
//! it touches in both modes.

use super::{call::imports, table::hooks};
use crate::observe;
use kernel::prelude::*;

/// There is no more data to look up.
pub(super) fn find_data() -> Result {
    Ok(())
}

imports! {}

hooks! {
    // Namespaces come, fall and go.
    __ns_tree_add_raw => observe::life::__ns_tree_add_raw, wrapped;
    __ns_tree_remove => observe::life::__ns_tree_remove, wrapped;
    disable_pid_allocation => observe::life::disable_pid_allocation, wrapped;
}
