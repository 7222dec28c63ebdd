//! A namespace ends with its init: everything inside is killed and reaped before init's own end
//! is seen.

use nix::errno::Errno;
use nix::sys::signal::Signal;
use nix::sys::wait::{waitid, waitpid, Id, WaitPidFlag, WaitStatus};
use nix::unistd::Pid;

use crate::catch;
use crate::harness::{scale, Test};
use crate::mail::Mail;
use crate::process::{
    attempt_fork, become_subreaper, echo, eventually, fork, kill, new_ns, quit, quit_thread, sleep_for_ever,
    unshare_pid, wait_any, wait_for, wait_for_word, wait_nobody, wait_pidfd, Child, End,
};
use crate::talk::Talk;

pub const TESTS: &[Test] = tests![
    members_die_when_init_exits,
    members_die_when_init_is_killed,
    init_may_choose_its_end_in_a_handler,
    a_stopped_init_can_be_killed,
    nothing_is_left_when_init_is_reaped,
    children_that_init_never_reaped,
    init_ends_after_members_with_parents_outside,
    a_zombie_with_a_parent_outside_holds_init,
    a_parent_outside_that_ignores_its_children,
    a_parent_outside_that_goes_away,
    a_tracee_of_the_outside_holds_init,
    a_tracer_outside_that_goes_away,
    members_in_every_state_of_sleep,
    a_frozen_member,
    nested_members_with_parents_one_level_up,
    a_pidfd_outside_tells_a_members_end,
    init_killed_while_it_forks,
    members_killed_while_they_fork,
    no_fork_into_a_dying_namespace,
    the_leader_leaves_and_a_thread_stays,
    the_leader_leaves_and_init_is_killed,
    a_thread_ends_the_whole_init,
    many_threads_leave_one_by_one,
];

/// A line whose other end is held by everything that is started before it is dropped.
fn witness() -> (Talk, Talk) {
    Talk::pair()
}

/// Five members with a child each.
fn family() {
    for _ in 0..5 {
        let parent = fork(|talk| {
            fork(|_| sleep_for_ever());
            talk.say(0);
            sleep_for_ever();
        });
        parent.hear();
    }
}

fn members_die_when_init_exits() {
    let (mine, theirs) = witness();
    let init = new_ns(|_| {
        family();
        quit(7);
    });
    drop(theirs);
    check!(init.wait(), End::Exit(7));
    mine.hear_the_end();
}

fn members_die_when_init_is_killed() {
    let (mine, theirs) = witness();
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
    let (mine, theirs) = witness();
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
    let (mine, theirs) = witness();
    let init = new_ns(|talk| {
        family();
        echo(talk);
    });
    drop(theirs);
    init.check_alive();
    init.kill(libc::SIGSTOP);
    let stopped = crate::process::wait_event(init.pid, WaitPidFlag::WUNTRACED);
    check!(stopped, WaitStatus::Stopped(Pid::from_raw(init.pid), Signal::SIGSTOP));
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
            check!(kill(member, 0), Err(Errno::ESRCH), "kill of member {member} when init is reaped");
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

/// Waits until a child is dead, and leaves it as a zombie.
#[track_caller]
fn wait_for_zombie(pid: i32) {
    let dead = waitid(Id::Pid(Pid::from_raw(pid)), WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT);
    check!(dead.is_ok(), true, "waitid({pid}) that leaves a zombie: {dead:?}");
}

fn init_ends_after_members_with_parents_outside() {
    unshare_pid();
    let init = fork(wait_for_word);
    let members: Vec<Child> = (0..5).map(|_| fork(|_| sleep_for_ever())).collect();
    init.kill(libc::SIGKILL);
    let mut ends: Vec<(i32, End)> = (0..6).map(|_| wait_any()).collect();
    check!(ends.pop(), Some((init.pid, End::Killed(libc::SIGKILL))), "the last of six ends");
    ends.sort_unstable_by_key(|(pid, _)| *pid);
    let want: Vec<(i32, End)> = members.iter().map(|m| (m.pid, End::Killed(libc::SIGKILL))).collect();
    check!(ends, want, "the ends of the members");
    check!(wait_nobody(), Err(Errno::ECHILD));
}

/// Forks until the namespace for children takes nobody any more.
#[track_caller]
fn fork_until_refused() {
    eventually("the namespace takes nobody", || match attempt_fork() {
        Ok(_) => None,
        Err(e) => {
            check!(e, Errno::ENOMEM, "a fork into a dying namespace");
            Some(())
        }
    });
}

fn a_zombie_with_a_parent_outside_holds_init() {
    unshare_pid();
    let init = fork(wait_for_word);
    let zombie = fork(|_| quit(3));
    wait_for_zombie(zombie.pid);
    init.kill(libc::SIGKILL);
    fork_until_refused();
    let alive = waitpid(Pid::from_raw(init.pid), Some(WaitPidFlag::WNOHANG));
    check!(alive, Ok(WaitStatus::StillAlive), "init while a member is not reaped");
    check!(zombie.wait(), End::Exit(3));
    check!(init.wait(), End::Killed(libc::SIGKILL));
}

fn a_parent_outside_that_ignores_its_children() {
    catch::ignore(Signal::SIGCHLD);
    unshare_pid();
    let init = fork(wait_for_word);
    for _ in 0..5 {
        fork(|_| sleep_for_ever());
        fork(|_| quit(0));
    }
    let pidfd = init.pidfd();
    init.kill(libc::SIGKILL);
    wait_pidfd(&pidfd);
    // A wait of a parent that ignores SIGCHLD returns when no child is left.
    check!(waitpid(None, None), Err(Errno::ECHILD));
}

fn a_parent_outside_that_goes_away() {
    become_subreaper();
    let maker = fork(|talk| {
        unshare_pid();
        let init = fork(wait_for_word);
        let zombie = fork(|_| quit(3));
        fork(|_| sleep_for_ever());
        wait_for_zombie(zombie.pid);
        talk.say(init.pid);
        sleep_for_ever();
    });
    let init = maker.hear();
    check!(kill(init, libc::SIGKILL), Ok(()));
    maker.end();
    let mut ends = [wait_any(), wait_any(), wait_any()];
    check!(ends[2], (init, End::Killed(libc::SIGKILL)), "the last of three that were adopted");
    ends[..2].sort_unstable_by_key(|(pid, _)| *pid);
    check!(ends[0].1, End::Exit(3), "the zombie's status");
    check!(ends[1].1, End::Killed(libc::SIGKILL), "the other member's status");
    check!(wait_nobody(), Err(Errno::ECHILD));
}

fn a_tracee_of_the_outside_holds_init() {
    let mail = Mail::new();
    let init = new_ns(|_| {
        fork(|_| {
            mail.send();
            sleep_for_ever();
        });
        sleep_for_ever();
    });
    let tracee = mail.receive();
    nix::sys::ptrace::seize(Pid::from_raw(tracee), nix::sys::ptrace::Options::empty()).expect("PTRACE_SEIZE");
    init.kill(libc::SIGKILL);
    check!(wait_any(), (tracee, End::Killed(libc::SIGKILL)), "the first end is the tracee's");
    check!(wait_any(), (init.pid, End::Killed(libc::SIGKILL)), "the second end is init's");
}

fn a_tracer_outside_that_goes_away() {
    let mail = Mail::new();
    let init = new_ns(|_| {
        fork(|_| {
            mail.send();
            sleep_for_ever();
        });
        sleep_for_ever();
    });
    let tracee = mail.receive();
    let tracer = fork(|talk| {
        nix::sys::ptrace::seize(Pid::from_raw(tracee), nix::sys::ptrace::Options::empty()).expect("PTRACE_SEIZE");
        nix::sys::ptrace::interrupt(Pid::from_raw(tracee)).expect("PTRACE_INTERRUPT");
        crate::process::wait_event(tracee, WaitPidFlag::__WALL);
        talk.say(0);
        sleep_for_ever();
    });
    tracer.hear();
    init.kill(libc::SIGKILL);
    tracer.end();
    check!(init.wait(), End::Killed(libc::SIGKILL));
}

fn members_in_every_state_of_sleep() {
    let (mine, theirs) = witness();
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
            for signal in Signal::iterator().filter(|s| !matches!(s, Signal::SIGKILL | Signal::SIGSTOP)) {
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
            unsafe { libc::clone(wait_below, stack.as_mut_ptr().add(64 << 10).cast(), flags, std::ptr::null_mut()) };
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
            let events = std::fs::read_to_string(group.join("cgroup.events")).expect("cgroup.events");
            events.contains("frozen 1").then_some(())
        });
        talk.say(0);
        sleep_for_ever();
    });
    init.hear();
    init.end();
    eventually("the cgroup is empty", || std::fs::remove_dir(group).ok());
}

fn nested_members_with_parents_one_level_up() {
    let (mine, theirs) = witness();
    let outer = new_ns(|talk| {
        let maker = fork(|talk| {
            unshare_pid();
            fork(|_| sleep_for_ever());
            for _ in 0..3 {
                fork(|_| sleep_for_ever());
            }
            let zombie = fork(|_| quit(0));
            wait_for_zombie(zombie.pid);
            talk.say(0);
            sleep_for_ever();
        });
        maker.hear();
        talk.say(0);
        sleep_for_ever();
    });
    drop(theirs);
    outer.hear();
    outer.end();
    mine.hear_the_end();
}

fn a_pidfd_outside_tells_a_members_end() {
    let mail = Mail::new();
    let init = new_ns(|_| {
        fork(|_| {
            mail.send();
            sleep_for_ever();
        });
        sleep_for_ever();
    });
    let member = crate::process::pidfd_open(mail.receive()).expect("pidfd_open");
    init.kill(libc::SIGKILL);
    wait_pidfd(&member);
    check!(init.wait(), End::Killed(libc::SIGKILL));
}

fn init_killed_while_it_forks() {
    for _ in 0..scale(20, 8) {
        let (mine, theirs) = witness();
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
        let (mine, theirs) = witness();
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

fn no_fork_into_a_dying_namespace() {
    for _ in 0..scale(20, 8) {
        let helper = fork(|talk| {
            unshare_pid();
            let init = fork(|_| sleep_for_ever());
            init.kill(libc::SIGKILL);
            fork_until_refused();
            check!(attempt_fork(), Err(Errno::ENOMEM));
            talk.say(i32::from(init.wait() == End::Killed(libc::SIGKILL)));
        });
        check!(helper.hear(), 1, "the end of init");
        check!(helper.wait(), End::Exit(0));
    }
}

fn the_leader_leaves_and_a_thread_stays() {
    let (mine, theirs) = witness();
    let init = new_ns(|talk| {
        fork(|_| sleep_for_ever());
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let leader = Pid::from_raw(1);
                eventually("the leader is a zombie", || {
                    (crate::proc_fs::Proc::mount().stat("1/task/1").state == 'Z').then_some(leader)
                });
                talk.hear();
                talk.say_all(&[crate::process::pid(), attempt_fork().expect("fork by a thread of init")]);
                let parent = fork(|talk| {
                    let orphan = fork(wait_for_word);
                    talk.say(orphan.pid);
                });
                let orphan = parent.hear();
                check!(parent.wait(), End::Exit(0));
                check!(wait_for(orphan), End::Exit(0), "an orphan adopted by init's last thread");
                talk.say(orphan);
                talk.hear();
                quit_thread(5);
            });
            quit_thread(3);
        });
    });
    drop(theirs);
    init.say(0);
    // 1 is init, 2 its child, 3 its thread.
    check!(init.hear_all(), [1, 4], "init's number and its next child's, when the leader has left");
    check!(init.hear(), 6);
    init.say(0);
    check!(init.wait(), End::Exit(5), "init's status is that of its last thread");
    mine.hear_the_end();
}

fn the_leader_leaves_and_init_is_killed() {
    let (mine, theirs) = witness();
    let init = new_ns(|talk| {
        fork(|_| sleep_for_ever());
        std::thread::scope(|scope| {
            scope.spawn(|| echo(talk));
            quit_thread(3);
        });
    });
    drop(theirs);
    init.check_alive();
    init.end();
    mine.hear_the_end();
}

fn a_thread_ends_the_whole_init() {
    let (mine, theirs) = witness();
    let init = new_ns(|_| {
        family();
        std::thread::spawn(|| quit(9));
        sleep_for_ever();
    });
    drop(theirs);
    check!(init.wait(), End::Exit(9));
    mine.hear_the_end();
}

fn many_threads_leave_one_by_one() {
    for round in 0..scale(20, 8) {
        let (mine, theirs) = witness();
        let init = new_ns(|talk| {
            fork(|_| sleep_for_ever());
            for _ in 0..8 {
                std::thread::spawn(move || quit_thread(round));
            }
            talk.say(0);
            quit_thread(round);
        });
        drop(theirs);
        init.hear();
        check!(init.wait(), End::Exit(round), "init's status is its threads'");
        mine.hear_the_end();
    }
}
