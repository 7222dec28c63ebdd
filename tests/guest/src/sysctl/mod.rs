//! Settings that every pid namespace has for itself.

pub mod last_pid;
pub mod limits;
pub mod memfd;
pub mod pid_max;

use crate::proc_fs::Proc;
use crate::process::new_ns;
use crate::talk::Talk;

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

/// Lives through a story as an init.
#[track_caller]
pub fn inside(story: impl FnOnce(&Talk)) {
    let init = new_ns(|talk| {
        story(talk);
        talk.say(0);
    });
    init.hear();
}
