//! What the module tells: tracepoints, counts, the list of namespaces.

pub mod counts;
pub mod life;
pub mod list;
pub mod namespaces;
pub mod trace;
pub mod unload;
pub mod verdicts;

use crate::harness::kernel;

/// Skips the test on bare mainline.
fn start() {
    if kernel() == "native" {
        crate::report::skip("the module is not loaded");
    }
}
