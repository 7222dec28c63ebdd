//! What procfs says of namespaces: `NSpid` and its like in `status`, and mounts with options.

pub mod lines;
pub mod options;
pub mod pidns;
