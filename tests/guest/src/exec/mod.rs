//! Threads, and programs that execute another.

pub mod execve;
pub mod threads;
