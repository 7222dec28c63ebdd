// SPDX-License-Identifier: GPL-2.0

//! What the module takes of the kernel that no module may name: functions, the originals of those that it
//! hooks, and data.

#[cfg_attr(CONFIG_PID_NS, allow(dead_code, reason = "most are supply mode's"))]
pub(crate) mod arguments;
mod both;
mod exports;
#[cfg_attr(CONFIG_PID_NS, path = "takeover.rs")]
#[cfg_attr(not(CONFIG_PID_NS), path = "supply.rs")]
mod own;
#[cfg(not(CONFIG_PID_NS))]
mod supply_exports;

#[cfg(CONFIG_TRACEPOINTS)]
pub(crate) use both::SIGNAL_GENERATE;
pub(crate) use both::{
    PID_NS_TREE,
    SIGQUEUE_CACHE,
    TASKLIST_LOCK, //
};
#[cfg(not(CONFIG_PID_NS))]
pub(crate) use own::{
    DELAYED_PUT_PID,
    NSFS_MNT,
    NS_OPERATIONS,
    PIDMAP_LOCK,
    PROC_NS_INSTANTIATE, //
};

#[cfg(not(CONFIG_PID_NS))]
pub(crate) use supply_exports::Workqueue;

use crate::hook::Call;
use kernel::prelude::*;

/// `include/linux/slab.h: kmem_cache_alloc`, a macro that tells an allocation profile where it stands.
#[cfg(not(CONFIG_MEM_ALLOC_PROFILING))]
pub(crate) use crate::bindings::kmem_cache_alloc_noprof as cache_alloc;
#[cfg(CONFIG_MEM_ALLOC_PROFILING)]
pub(crate) use crate::bindings::pidns_cache_alloc as cache_alloc;

/// Functions of the kernel, to be called.
pub(crate) mod kernel_fn {
    pub(crate) use super::{both::kernel_fn::*, exports::*};
    #[cfg(not(CONFIG_PID_NS))]
    pub(crate) use super::{own::kernel_fn::*, supply_exports::*};
}

/// The originals of hooked functions, to be called: of those that a table of hooks has as `wrapped`.
#[allow(unused_imports, reason = "this kernel may lack some of the functions")]
pub(crate) mod original {
    include!(env!("PIDNS_ORIGINALS"));
}

/// Every function.
pub(crate) static FUNCTIONS: &[&[Call]] = &[both::IMPORTS, own::IMPORTS];

/// Looks up all data.
pub(crate) fn find_data() -> Result {
    both::find_data()?;
    own::find_data()
}
