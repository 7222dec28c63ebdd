//! Settings that every pid namespace has for itself.

pub mod last_pid;
pub mod limits;
pub mod memfd;
pub mod pid_max;

use crate::proc_fs::Proc;

/// A setting as the caller's namespace has it.
#[track_caller]
pub fn get(name: &str) -> i32 {
    let text = Proc::at("/proc").read(&format!("sys/{name}"));
    let text = text.unwrap_or_else(|e| panic!("read of {name}: {e}"));
    text.trim().parse().expect("a number")
}

pub fn set(name: &str, value: impl std::fmt::Display) -> nix::Result<()> {
    Proc::at("/proc").write(&format!("sys/{name}"), &value.to_string())
}
