//! Numbers of processes where they leave the kernel: each reader gets its own namespace's.

pub mod accounting;
pub mod cgroup;
pub mod events;
pub mod futex;
pub mod ipc;
pub mod iterator;
pub mod perf;
pub mod program;
pub mod sockets;
