//! When init ends, everything inside is killed and reaped before init's own end is seen.

use nix::errno::Errno;
use nix::sys::signal::Signal;
use nix::sys::wait::{WaitPidFlag, WaitStatus};
use nix::unistd::Pid;

use super::family;
use crate::catch;
use crate::harness::{scale, Test};
use crate::mail::Mail;
use crate::process::{
    attempt_fork, echo, eventually, fork, kill, new_ns, quit, quit_thread, sleep_for_ever,
    wait_for_zombie, Child, End,
};
use crate::talk::Talk;

pub const TESTS: &[Test] = tests![
    members_die_when_init_exits,
    members_die_when_init_is_killed,
    init_may_choose_its_end_in_a_handler,
    a_stopped_init_can_be_killed,
    nothing_is_left_when_init_is_reaped,
    children_that_init_never_reaped,
    members_in_every_state_of_sleep,
    a_frozen_member,
    init_killed_while_it_forks,
    members_killed_while_they_fork,
];

fn members_die_when_init_exits() {
    let (mine, theirs) = Talk::pair();
    let init = new_ns(|_| {
        family();
        quit(7);
    });
    drop(theirs);
    check!(init.wait(), End::Exit(7));
    mine.hear_the_end();
}

fn members_die_when_init_is_killed() {
    let (mine, theirs) = Talk::pair();
    let init = new_ns(|talk| {
        family();
        talk.say(0);
        sleep_for_ever();
    });
    drop(theirs);
    init.hear();
    init.kill(libc::SIGKILL);
    check!(init.wait(), End::Killed(libc::SIGKILL));
    mine.hear_the_end();
}

fn init_may_choose_its_end_in_a_handler() {
    let (mine, theirs) = Talk::pair();
    let init = new_ns(|talk| {
        family();
        catch::catch(&[libc::SIGTERM]);
        talk.say(0);
        quit(100 + catch::next().signal);
    });
    drop(theirs);
    init.hear();
    init.kill(libc::SIGTERM);
    check!(init.wait(), End::Exit(100 + libc::SIGTERM));
    mine.hear_the_end();
}

fn a_stopped_init_can_be_killed() {
    let (mine, theirs) = Talk::pair();
    let init = new_ns(|talk| {
        family();
        echo(talk);
    });
    drop(theirs);
    init.check_alive();
    init.kill(libc::SIGSTOP);
    let stopped = crate::process::wait_event(init.pid, WaitPidFlag::WUNTRACED);
    check!(
        stopped,
        WaitStatus::Stopped(Pid::from_raw(init.pid), Signal::SIGSTOP)
    );
    init.end();
    mine.hear_the_end();
}

fn nothing_is_left_when_init_is_reaped() {
    let mail = Mail::new();
    for _ in 0..10 {
        let init = new_ns(|talk| {
            for _ in 0..4 {
                fork(|_| {
                    mail.send();
                    sleep_for_ever();
                });
            }
            echo(talk);
        });
        let members: Vec<i32> = (0..4).map(|_| mail.receive()).collect();
        init.end();
        for member in members {
            check!(
                kill(member, 0),
                Err(Errno::ESRCH),
                "kill of member {member} when init is reaped"
            );
        }
    }
}

fn children_that_init_never_reaped() {
    let init = new_ns(|talk| {
        let zombies: Vec<Child> = (0..20).map(|code| fork(|_| quit(code))).collect();
        zombies.iter().for_each(|z| wait_for_zombie(z.pid));
        talk.say(0);
        quit(9);
    });
    init.hear();
    check!(init.wait(), End::Exit(9));
}

fn members_in_every_state_of_sleep() {
    let (mine, theirs) = Talk::pair();
    let init = new_ns(|talk| {
        let stopped = fork(|_| sleep_for_ever());
        stopped.kill(libc::SIGSTOP);
        crate::process::wait_event(stopped.pid, WaitPidFlag::WUNTRACED);
        let traced = fork(|_| {
            nix::sys::ptrace::traceme().expect("PTRACE_TRACEME");
            nix::sys::signal::raise(Signal::SIGSTOP).expect("raise");
        });
        crate::process::wait_event(traced.pid, WaitPidFlag::WUNTRACED);
        let deaf = fork(|talk| {
            for signal in
                Signal::iterator().filter(|s| !matches!(s, Signal::SIGKILL | Signal::SIGSTOP))
            {
                catch::block(signal);
            }
            talk.say(0);
            sleep_for_ever();
        });
        deaf.hear();
        let in_vfork = fork(|talk| {
            // The parent of a vforked child waits where only a fatal signal reaches it.
            extern "C" fn wait_below(_: *mut libc::c_void) -> i32 {
                sleep_for_ever()
            }
            let mut stack = vec![0u8; 64 << 10];
            talk.say(0);
            let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::SIGCHLD;
            // SAFETY: the stack is the child's alone for as long as it lives.
            unsafe {
                libc::clone(
                    wait_below,
                    stack.as_mut_ptr().add(64 << 10).cast(),
                    flags,
                    std::ptr::null_mut(),
                )
            };
        });
        in_vfork.hear();
        let threads = fork(|talk| {
            for _ in 0..3 {
                std::thread::spawn(|| sleep_for_ever());
            }
            talk.say(0);
            std::thread::park();
        });
        threads.hear();
        let half_dead = fork(|talk| {
            std::thread::spawn(|| sleep_for_ever());
            talk.say(0);
            quit_thread(0);
        });
        half_dead.hear();
        fork(|talk| {
            talk.hear_or_end();
        });
        std::mem::forget(talk.hear_or_end());
        sleep_for_ever();
    });
    drop(theirs);
    init.say(0);
    init.end();
    mine.hear_the_end();
}

fn a_frozen_member() {
    let group = std::path::Path::new("/sys/fs/cgroup/pidns-frozen");
    if std::fs::create_dir(group).is_err() {
        crate::report::skip("no writable cgroup v2 on /sys/fs/cgroup");
    }
    let init = new_ns(|talk| {
        let member = fork(|_| sleep_for_ever());
        std::fs::write(group.join("cgroup.procs"), member.pid.to_string()).expect("cgroup.procs");
        std::fs::write(group.join("cgroup.freeze"), "1").expect("cgroup.freeze");
        eventually("the member is frozen", || {
            let events =
                std::fs::read_to_string(group.join("cgroup.events")).expect("cgroup.events");
            events.contains("frozen 1").then_some(())
        });
        talk.say(0);
        sleep_for_ever();
    });
    init.hear();
    init.end();
    eventually("the cgroup is empty", || std::fs::remove_dir(group).ok());
}

fn init_killed_while_it_forks() {
    for _ in 0..scale(20, 8) {
        let (mine, theirs) = Talk::pair();
        let init = new_ns(|talk| loop {
            fork(|_| sleep_for_ever());
            talk.say(0);
        });
        drop(theirs);
        for _ in 0..5 {
            init.hear();
        }
        init.end();
        mine.hear_the_end();
    }
}

fn members_killed_while_they_fork() {
    for _ in 0..scale(10, 4) {
        let (mine, theirs) = Talk::pair();
        let init = new_ns(|talk| {
            for _ in 0..4 {
                fork(|_| loop {
                    let _ = attempt_fork();
                    talk.say(0);
                });
            }
            sleep_for_ever();
        });
        drop(theirs);
        for _ in 0..20 {
            init.hear();
        }
        init.end();
        mine.hear_the_end();
    }
}
