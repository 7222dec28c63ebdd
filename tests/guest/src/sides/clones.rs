//! An init that makes processes while signals come.

use nix::errno::Errno;

use super::subject::{set_disposition, Subject};
use crate::catch;
use crate::clone::{Clone, NEWPID};
use crate::harness::{scale, Test};
use crate::mode;
use crate::process::{attempt_fork, fork, new_ns, sleep_for_ever, wait_nobody, End};

pub const TESTS: &[Test] = tests![
    in_the_middle_of_vfork,
    in_the_middle_of_forks,
    in_the_middle_of_namespaces,
    no_sibling_at_any_instant,
    no_sibling_of_one_that_dumps_core,
];

fn in_the_middle_of_vfork() {
    mode::two_sided();
    for signal in [libc::SIGTERM, libc::SIGHUP, 40] {
        for flags in [0, NEWPID] {
            let subject = Subject::with(flags, |talk| {
                talk.say(0);
                let vfork = (libc::CLONE_VFORK) as u64;
                drop(Clone::new(vfork).start(|_| sleep_for_ever()));
                panic!("the child of vfork has gone");
            });
            crate::process::eventually("init waits in vfork", || {
                let children = std::fs::read_to_string(format!(
                    "/proc/{0}/task/{0}/children",
                    subject.number()
                ));
                // The member is the other one.
                (children.expect("children").split_whitespace().count() == 2).then_some(())
            });
            if flags == NEWPID {
                subject.inside(signal);
                subject.inside(libc::SIGKILL);
            }
            subject.outside(signal);
            subject.check_ends(signal, "which waits in vfork");
        }
    }
}

fn in_the_middle_of_forks() {
    mode::two_sided();
    for signal in [libc::SIGTERM, libc::SIGQUIT, 40] {
        for _ in 0..scale(10, 3) {
            let subject = Subject::with(NEWPID, |talk| {
                talk.say(0);
                loop {
                    let _ = attempt_fork();
                }
            });
            for _ in 0..3 {
                subject.inside(signal);
            }
            subject.outside(signal);
            subject.check_ends(signal, "which forks");
        }
    }
}

fn in_the_middle_of_namespaces() {
    mode::two_sided();
    for _ in 0..scale(10, 3) {
        let subject = Subject::with(NEWPID, |talk| {
            talk.say(0);
            loop {
                let _ = Clone::new(NEWPID).attempt();
            }
        });
        for _ in 0..3 {
            subject.inside(libc::SIGTERM);
        }
        subject.outside(libc::SIGTERM);
        subject.check_ends(libc::SIGTERM, "which makes namespaces");
    }
}

/// Tries for ever to make a sibling, which would be a child of init's parent outside.
fn try_siblings() {
    loop {
        // SAFETY: without a stack or shared memory the call is a fork; a child ends at once.
        let made = unsafe { libc::syscall(libc::SYS_clone, libc::CLONE_PARENT, 0, 0, 0, 0) };
        if made == 0 {
            crate::process::quit(0);
        }
        check!(
            (made, Errno::last()),
            (-1, Errno::EINVAL),
            "clone(CLONE_PARENT) by init"
        );
    }
}

/// An init whose threads try to make siblings, while a member shoots at it.
fn with_threads_and_attackers(signals: &'static [i32], handler: bool) -> crate::process::Child {
    let init = new_ns(move |talk| {
        for _ in 0..2 {
            fork(|_| loop {
                for signal in signals {
                    let _ = crate::process::kill(1, *signal);
                }
                let _ = crate::process::kill(1, libc::SIGKILL);
                std::thread::sleep(std::time::Duration::from_micros(200));
            });
        }
        if handler {
            for signal in signals {
                set_disposition(*signal, libc::SIG_DFL);
            }
            catch::catch(&[libc::SIGUSR1]);
        }
        for _ in 0..3 {
            std::thread::spawn(try_siblings);
        }
        talk.say(0);
        // Whoever catches fills a pipe, which has to be emptied.
        loop {
            if handler {
                catch::next();
            } else {
                nix::unistd::pause();
            }
        }
    });
    init.hear();
    init
}

fn no_sibling_at_any_instant() {
    mode::two_sided();
    const SIGNALS: &[i32] = &[libc::SIGTERM, libc::SIGUSR1, libc::SIGTSTP, 40];
    for round in 0..scale(12, 4) {
        let init = with_threads_and_attackers(SIGNALS, true);
        for _ in 0..scale(100, 20) {
            init.kill(libc::SIGUSR1);
            init.kill(libc::SIGSTOP);
            init.kill(libc::SIGWINCH);
            init.kill(libc::SIGCONT);
        }
        let signal = [libc::SIGTERM, libc::SIGHUP, 40, libc::SIGUSR2][round % 4];
        init.kill(signal);
        check!(init.wait(), End::Killed(signal), "the end of init");
        check!(wait_nobody(), Err(Errno::ECHILD), "siblings of init");
    }
}

fn no_sibling_of_one_that_dumps_core() {
    mode::two_sided();
    use nix::sys::resource::{setrlimit, Resource, RLIM_INFINITY};
    let _ = std::fs::create_dir("/tmp/siblings");
    std::env::set_current_dir("/tmp/siblings").expect("chdir");
    setrlimit(Resource::RLIMIT_CORE, RLIM_INFINITY, RLIM_INFINITY).expect("RLIMIT_CORE");
    const SIGNALS: &[i32] = &[libc::SIGQUIT, libc::SIGABRT, libc::SIGTERM];
    for round in 0..scale(12, 4) {
        let init = with_threads_and_attackers(SIGNALS, false);
        let signal = [libc::SIGQUIT, libc::SIGABRT][round % 2];
        init.kill(signal);
        check!(
            crate::process::wait_for_core(init.pid),
            (End::Killed(signal), true),
            "the end of init, and whether it dumped core"
        );
        check!(wait_nobody(), Err(Errno::ECHILD), "siblings of init");
    }
}
