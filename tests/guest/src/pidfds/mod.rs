//! What a pidfd says of namespaces, and what may be done with one across them.

pub mod across_namespaces;
pub mod autokill;
pub mod descriptor_limit;
pub mod information;
pub mod namespaces;
