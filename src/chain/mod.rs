// SPDX-License-Identifier: GPL-2.0

//! The chain: a `struct pid` with one `upid` for each level, from the root to its own namespace.

#[cfg(not(CONFIG_PID_NS))]
mod leaf;
mod lookup;
#[cfg(not(CONFIG_PID_NS))]
mod node;
mod ns;
#[cfg(not(CONFIG_PID_NS))]
pub(crate) mod number;
#[cfg(not(CONFIG_PID_NS))]
mod pidmap;
#[cfg(not(CONFIG_PID_NS))]
mod search;
#[cfg(not(CONFIG_PID_NS))]
mod table;
mod tasklist;
mod upid;

pub(crate) use {
    ns::HasPid,
    tasklist::Tasklist, //
};

#[cfg(not(CONFIG_PID_NS))]
pub(crate) use {
    node::InWork,
    pidmap::Pidmap,
    tasklist::TasklistMut, //
};
