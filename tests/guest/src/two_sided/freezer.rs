//! An init in a frozen cgroup: what ends a frozen process ends it.

use std::path::PathBuf;

use super::subject::Subject;
use crate::harness::Test;
use crate::mode;
use crate::process::eventually;

pub const TESTS: &[Test] = tests![
    sigterm_ends_a_frozen_init,
    sigquit_waits_for_the_thaw,
    a_frozen_init_is_safe_from_inside,
];

/// A cgroup of its own, which is removed when nobody is in it any more.
pub struct Freezer(PathBuf);

impl Freezer {
    pub fn around(pid: i32) -> Freezer {
        let freezer = Freezer::asked(pid);
        eventually("the cgroup is frozen", || freezer.is_frozen().then_some(()));
        freezer
    }

    /// The same, which does not wait until the process is frozen.
    pub fn asked(pid: i32) -> Freezer {
        let place = PathBuf::from(format!("/sys/fs/cgroup/sides-{pid}"));
        std::fs::create_dir(&place).expect("a cgroup");
        let freezer = Freezer(place);
        freezer.write("cgroup.procs", &pid.to_string());
        freezer.write("cgroup.freeze", "1");
        freezer
    }

    pub fn is_frozen(&self) -> bool {
        let events = std::fs::read_to_string(self.0.join("cgroup.events"));
        events.expect("events").contains("frozen 1")
    }

    fn write(&self, file: &str, text: &str) {
        std::fs::write(self.0.join(file), text).unwrap_or_else(|e| panic!("{file}: {e}"));
    }

    fn thaw(&self) {
        self.write("cgroup.freeze", "0");
    }

    pub fn remove(self) {
        eventually("the cgroup is empty", || std::fs::remove_dir(&self.0).ok());
    }
}

fn sigterm_ends_a_frozen_init() {
    mode::two_sided();
    for signal in [libc::SIGTERM, libc::SIGHUP, 40] {
        for subject in [Subject::ordinary(), Subject::new()] {
            let freezer = Freezer::around(subject.number());
            subject.outside(signal);
            subject.check_ends(signal, "while it is frozen");
            freezer.remove();
        }
    }
}

fn sigquit_waits_for_the_thaw() {
    mode::two_sided();
    for subject in [Subject::ordinary(), Subject::new()] {
        let freezer = Freezer::around(subject.number());
        subject.outside(libc::SIGQUIT);
        // Long enough for its end, if it came.
        std::thread::sleep(std::time::Duration::from_millis(200));
        let state = std::fs::read_to_string(format!("/proc/{}/stat", subject.number()));
        check!(
            state.expect("stat").contains(") Z "),
            false,
            "the end while it is frozen"
        );
        freezer.thaw();
        subject.check_ends(libc::SIGQUIT, "when it is thawed");
        freezer.remove();
    }
}

fn a_frozen_init_is_safe_from_inside() {
    mode::two_sided();
    let subject = Subject::new();
    let freezer = Freezer::around(subject.number());
    for signal in [
        libc::SIGTERM,
        libc::SIGQUIT,
        libc::SIGKILL,
        libc::SIGSTOP,
        40,
    ] {
        subject.inside(signal);
    }
    freezer.thaw();
    subject.check_alive("after it was thawed");
    subject.outside(libc::SIGTERM);
    subject.check_ends(libc::SIGTERM, "when it is thawed");
    freezer.remove();
}
