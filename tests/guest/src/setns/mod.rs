//! How a process enters a pid namespace: `setns(2)`.

pub mod file;
pub mod members;
pub mod pidfd;
pub mod privilege;
