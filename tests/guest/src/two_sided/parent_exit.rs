//! What comes to an init when those outside end: its parent, its session's leader.

use nix::sys::signal::Signal;
use nix::sys::wait::WaitPidFlag;

use crate::channel::Channel;
use crate::clone::{Clone, NEWPID};
use crate::harness::Test;
use crate::mode;
use crate::process::{
    become_subreaper, echo, fork, new_ns, sleep_for_ever, wait_event, wait_for, Child, End,
};

pub const TESTS: &[Test] = tests![
    a_parent_that_dies,
    a_parent_that_dies_as_mainline,
    a_parent_that_dies_while_blocked,
    a_thread_of_the_parent_that_ends,
    a_parent_inside,
    a_group_that_is_orphaned,
    a_group_that_is_orphaned_as_mainline,
    a_group_that_is_orphaned_from_inside,
];

/// An init that runs `body` and whose maker, which leads a session, has told its number:
/// the maker, the number and the channel to the init.
fn with_maker(body: impl FnOnce(&Channel)) -> (Child, i32, Channel) {
    become_subreaper();
    let (mine, theirs) = Channel::pair();
    let maker = fork(|channel| {
        nix::unistd::setsid().expect("setsid");
        let init = new_ns(|channel| {
            crate::process::lead_group();
            // Nobody else is to hold this end.
            channel.send(0);
            body(&theirs);
        });
        init.receive();
        channel.send(init.pid);
        sleep_for_ever();
    });
    let number = maker.receive();
    (maker, number, mine)
}

fn with_a_signal_at_its_death(signal: Signal, body: fn(&Channel)) -> (Child, i32, Channel) {
    with_maker(move |channel| {
        nix::sys::prctl::set_pdeathsig(signal).expect("PR_SET_PDEATHSIG");
        channel.send(0);
        body(channel);
    })
}

fn a_parent_that_dies() {
    mode::two_sided();
    for signal in [Signal::SIGTERM, Signal::SIGQUIT, Signal::SIGKILL] {
        let (maker, init, channel) = with_a_signal_at_its_death(signal, echo);
        channel.receive();
        maker.end();
        check!(
            wait_for(init),
            End::Killed(signal as i32),
            "init's end with its parent"
        );
    }
}

fn a_parent_that_dies_as_mainline() {
    mode::as_mainline();
    let (maker, init, channel) = with_a_signal_at_its_death(Signal::SIGTERM, echo);
    channel.receive();
    maker.end();
    channel.send(1);
    check!(
        channel.receive_or_end(),
        Some(vec![1]),
        "init's answer after its parent's end"
    );
    check!(crate::process::kill(init, libc::SIGKILL), Ok(()));
}

fn a_parent_that_dies_while_blocked() {
    mode::two_sided();
    let (maker, init, channel) = with_a_signal_at_its_death(Signal::SIGTERM, |channel| {
        crate::signal_state::block(libc::SIGTERM);
        channel.send(0);
        channel.receive();
        check!(
            crate::signal_state::is_pending(libc::SIGTERM),
            true,
            "SIGTERM is pending"
        );
        crate::signal_state::unblock(libc::SIGTERM);
        echo(channel);
    });
    channel.receive();
    channel.receive();
    maker.end();
    channel.send(0);
    check!(
        wait_for(init),
        End::Killed(libc::SIGTERM),
        "init's end when it unblocks"
    );
}

/// To a child its parent is the thread that made it.
fn a_thread_of_the_parent_that_ends() {
    mode::two_sided();
    let (channel, theirs) = Channel::pair();
    let number = std::thread::spawn(move || {
        let init = Clone::new(NEWPID).start(|channel| {
            nix::sys::prctl::set_pdeathsig(Signal::SIGTERM).expect("PR_SET_PDEATHSIG");
            channel.send(0);
            echo(&theirs);
        });
        let init = init.expect("clone3");
        init.receive();
        init.pid
    });
    let number = number.join().expect("join");
    check!(
        wait_for(number),
        End::Killed(libc::SIGTERM),
        "init's end with its maker"
    );
    drop(channel);
}

/// The parent's end comes from inside where the parent is inside.
fn a_parent_inside() {
    mode::two_sided();
    let outer = new_ns(|channel| {
        let (maker, inner, to_inner) = with_a_signal_at_its_death(Signal::SIGTERM, echo);
        to_inner.receive();
        maker.end();
        check!(
            wait_for(inner),
            End::Killed(libc::SIGTERM),
            "the inner init's end"
        );
        echo(channel);
    });
    outer.check_alive();
}

/// Stops an init and ends its maker, the last of its session outside its group.
fn orphan_a_stopped_init() -> (i32, Channel) {
    let (maker, init, channel) = with_maker(echo);
    check!(crate::process::kill(init, libc::SIGSTOP), Ok(()));
    crate::process::eventually("init is stopped", || {
        let stat = std::fs::read_to_string(format!("/proc/{init}/stat"));
        stat.expect("stat").contains(") T ").then_some(())
    });
    maker.end();
    (init, channel)
}

fn a_group_that_is_orphaned() {
    mode::two_sided();
    let (init, _line) = orphan_a_stopped_init();
    check!(
        wait_for(init),
        End::Killed(libc::SIGHUP),
        "init's end in an orphaned group"
    );
}

fn a_group_that_is_orphaned_as_mainline() {
    mode::as_mainline();
    let (init, channel) = orphan_a_stopped_init();
    channel.send(1);
    check!(
        channel.receive_or_end(),
        Some(vec![1]),
        "init's answer, continued"
    );
    check!(crate::process::kill(init, libc::SIGKILL), Ok(()));
}

/// A group inside that is orphaned by one inside: its members are ordinary, init has no part in it.
fn a_group_that_is_orphaned_from_inside() {
    mode::two_sided();
    let init = new_ns(|channel| {
        nix::unistd::setsid().expect("setsid");
        let parent = fork(|channel| {
            let member = fork(|channel| {
                crate::process::lead_group();
                channel.send(0);
                sleep_for_ever();
            });
            member.receive();
            member.kill(libc::SIGSTOP);
            wait_event(member.pid, WaitPidFlag::WUNTRACED);
            crate::process::lead_group();
            channel.send(member.pid);
        });
        let member = parent.receive();
        check!(parent.wait(), End::Exit(0));
        // Init's session is the member's, and init is its parent now: not orphaned.
        check!(crate::process::kill(member, libc::SIGCONT), Ok(()));
        check!(crate::process::kill(member, libc::SIGTERM), Ok(()));
        check!(wait_for(member), End::Killed(libc::SIGTERM));
        echo(channel);
    });
    init.check_alive();
}
