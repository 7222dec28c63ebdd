//! What an init sends to itself it has asked for: that acts as on any process, and nobody else can do it in its place.

use super::{ALL_KINDS, JOB_CONTROL, TERMINATE};
use crate::agent::Agent;
use crate::channel::Channel;
use crate::harness::Test;
use crate::mode;
use crate::process::{
    check_continues, check_stops, echo, fork, kill, lead_group, new_ns, pid, wait_for_core, Child,
    End,
};
use crate::send_signal::{SendCall, SEND_CALLS};
use crate::signal_capture;
use crate::signal_state;

pub const TESTS: &[Test] = tests![
    it_ends_itself,
    it_aborts,
    it_stops_itself,
    it_raises_what_it_has_caught,
    it_raises_what_it_blocks,
    after_one_from_inside,
    before_one_from_inside,
    as_a_member_of_its_group,
    sigkill_and_sigstop,
    what_the_kernel_sends_for_its_own_calls,
    its_child_is_another,
    its_child_in_its_memory_is_another,
    in_mainlines_mode,
];

/// Signals that end any process.
const ENDING: [i32; 5] = [libc::SIGTERM, libc::SIGINT, libc::SIGHUP, libc::SIGQUIT, 40];

/// An ordinary process that runs a body with all signals at their default, and an init that must do the same.
fn both(body: impl Fn(&Channel)) -> [(&'static str, Child); 2] {
    let run = |channel: &Channel| {
        signal_state::reset();
        body(channel);
    };
    [("an ordinary process", fork(run)), ("init", new_ns(run))]
}

#[track_caller]
fn check_ends_itself(signal: i32, call: SendCall) {
    let started = both(|_| check!(call.send(pid(), signal), Ok(())));
    for (who, child) in started {
        let end = child.wait();
        check!(end, End::Killed(signal), "{who} by {call:?}");
    }
}

fn it_ends_itself() {
    mode::two_sided();
    for call in SEND_CALLS {
        for signal in ENDING {
            check_ends_itself(signal, call);
        }
    }
    for signal in TERMINATE {
        check_ends_itself(signal, SendCall::Tgkill);
    }
}

fn it_aborts() {
    mode::two_sided();
    for (who, child) in both(|_| std::process::abort()) {
        let (end, _) = wait_for_core(child.pid);
        check!(end, End::Killed(libc::SIGABRT), "{who}");
    }
}

fn it_stops_itself() {
    mode::two_sided();
    for signal in JOB_CONTROL {
        let started = both(|channel| {
            lead_group();
            channel.receive();
            check!(kill(pid(), signal), Ok(()));
            echo(channel);
        });
        for (who, child) in started {
            child.send(0);
            check_stops(&child, signal, who);
            child.kill(libc::SIGCONT);
            check_continues(&child, who);
            child.check_alive();
        }
    }
}

/// As the manuals say that a program should end that cleans up at a signal.
fn it_raises_what_it_has_caught() {
    mode::two_sided();
    for signal in [libc::SIGTERM, libc::SIGINT, 40] {
        let started = both(|channel| {
            signal_capture::capture(&[signal]);
            channel.send(0);
            signal_capture::next();
            signal_state::set_default(signal);
            check!(SendCall::Tgkill.send(pid(), signal), Ok(()));
            echo(channel);
        });
        for (who, child) in started {
            child.receive();
            child.kill(signal);
            check!(child.wait(), End::Killed(signal), "{who} after its handler");
        }
    }
}

fn it_raises_what_it_blocks() {
    mode::two_sided();
    for call in SEND_CALLS {
        for signal in ENDING {
            let init = Agent::init();
            init.block(signal);
            check!(init.itself(call, signal), 0, "{signal} by {call:?}");
            init.check_pending(signal, true);
            init.unblock_and_end(signal, &format!("by {call:?}, unblocked"));
        }
    }
}

const QUEUES: [SendCall; 2] = [SendCall::Kill, SendCall::Tgkill];

fn after_one_from_inside() {
    mode::two_sided();
    for call in QUEUES {
        for signal in [libc::SIGTERM, libc::SIGABRT, 40] {
            let init = Agent::init();
            init.block(signal);
            init.inside(call, signal);
            check!(init.itself(call, signal), 0);
            init.unblock_and_end(signal, &format!("from inside, then by itself, {call:?}"));
        }
    }
}

fn before_one_from_inside() {
    mode::two_sided();
    for call in QUEUES {
        for signal in [libc::SIGTERM, libc::SIGABRT, 40] {
            let init = Agent::init();
            init.block(signal);
            check!(init.itself(call, signal), 0);
            init.inside(call, signal);
            init.unblock_and_end(signal, &format!("by itself, then from inside, {call:?}"));
        }
    }
}

fn as_a_member_of_its_group() {
    mode::two_sided();
    let init = Agent::init();
    for signal in ALL_KINDS {
        check!(init.itself(SendCall::OwnGroup, signal), 0);
        check!(init.itself(SendCall::Group, signal), 0);
        init.survives(&format!("{signal} to its group"));
    }
}

fn sigkill_and_sigstop() {
    mode::two_sided();
    let init = Agent::init();
    for call in SEND_CALLS {
        for signal in [libc::SIGKILL, libc::SIGSTOP] {
            check!(init.itself(call, signal), 0, "{signal} by {call:?}");
            init.survives(&format!("{signal} to itself"));
        }
    }
}

/// A SIGPIPE and a SIGXFSZ come from what it did, but it has not asked for them.
fn what_the_kernel_sends_for_its_own_calls() {
    mode::two_sided();
    let init = new_ns(|channel| {
        signal_state::reset();
        let (in_end, out_end) = nix::unistd::pipe().expect("pipe");
        drop(in_end);
        let written = nix::unistd::write(&out_end, b"x");
        check!(written, Err(nix::errno::Errno::EPIPE), "a broken pipe");
        let path = "/tmp/too-large";
        let file = std::fs::File::create(path).expect("a file");
        use nix::sys::resource::{setrlimit, Resource};
        setrlimit(Resource::RLIMIT_FSIZE, 1, 1).expect("RLIMIT_FSIZE");
        let too_large = nix::unistd::lseek(&file, 1, nix::unistd::Whence::SeekSet);
        check!(too_large, Ok(1));
        let written = nix::unistd::write(&file, b"x");
        check!(written, Err(nix::errno::Errno::EFBIG), "a file too large");
        let _ = std::fs::remove_file(path);
        echo(channel);
    });
    init.check_alive();
}

fn its_child_is_another() {
    mode::two_sided();
    let init = new_ns(|channel| {
        signal_state::reset();
        for call in SEND_CALLS {
            let child = fork(|_| {
                for signal in ENDING {
                    check!(call.send(1, signal), Ok(()), "{signal} by {call:?}");
                }
            });
            check!(child.wait(), End::Exit(0));
        }
        echo(channel);
    });
    init.check_alive();
}

/// It shares the memory and the signal handlers, but is no thread.
fn its_child_in_its_memory_is_another() {
    mode::two_sided();
    let init = new_ns(|channel| {
        signal_state::reset();
        let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::CLONE_SIGHAND | libc::SIGCHLD;
        // SAFETY: the parent waits while the child uses its stack, and that returns from nothing.
        unsafe {
            let child = libc::syscall(libc::SYS_clone, flags, 0, 0, 0, 0);
            if child == 0 {
                for signal in ENDING {
                    libc::syscall(libc::SYS_kill, 1, signal);
                    libc::syscall(libc::SYS_tkill, 1, signal);
                }
                libc::syscall(libc::SYS_exit_group, 0);
            }
            check!(crate::process::wait_for(child as i32), End::Exit(0));
        }
        echo(channel);
    });
    init.check_alive();
}

fn in_mainlines_mode() {
    mode::as_mainline();
    let init = Agent::init();
    for call in SEND_CALLS {
        for signal in ALL_KINDS {
            check!(init.itself(call, signal), 0, "{signal} by {call:?}");
            init.survives(&format!("{signal} to itself, with one side"));
        }
    }
}
