//! Threads, and programs that start anew.

pub mod anew;
pub mod program;
pub mod threads;
