//! What a pidfd says of namespaces, and what may be done with one across them.

pub mod autokill;
pub mod information;
pub mod namespaces;
pub mod scarce;
pub mod use_across;
