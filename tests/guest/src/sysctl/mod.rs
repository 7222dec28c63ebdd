//! Settings that every pid namespace has for itself.

pub mod last_pid;
pub mod limits;
pub mod memfd;
pub mod pid_max;

use crate::channel::Channel;
use crate::proc_fs::Proc;
use crate::process::new_ns;

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

/// Runs a body as an init.
#[track_caller]
pub fn inside(body: impl FnOnce(&Channel)) {
    let init = new_ns(|channel| {
        body(channel);
        channel.send(0);
    });
    init.receive();
}
