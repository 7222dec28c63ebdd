//! A process is a chain of numbers, one for each level.

pub mod pidfd;
pub mod sequence;
pub mod set_tid;
