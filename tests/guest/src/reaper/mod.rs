//! A namespace ends with its init.

pub mod fall;
pub mod orphans;
pub mod outsiders;
pub mod threads;
