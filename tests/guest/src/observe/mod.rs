//! What the module tells: tracepoints, counts, the list of namespaces.

pub mod audit;
pub mod counts;
pub mod list;
pub mod namespace_events;
pub mod namespaces;
pub mod proc_list;
pub mod signal_sender;
pub mod signal_verdict;
pub mod tracefs;
pub mod unload;

use crate::harness::kernel;

/// Skips the test on bare mainline.
fn start() {
    if kernel() == "native" {
        crate::report::skip("the module is not loaded");
    }
}
