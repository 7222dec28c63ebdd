//! What comes to an init when those outside end: its parent, its session's leader.

use nix::sys::signal::Signal;
use nix::sys::wait::WaitPidFlag;

use crate::clone::{Clone, NEWPID};
use crate::harness::Test;
use crate::mode;
use crate::process::{
    become_subreaper, echo, fork, new_ns, sleep_for_ever, wait_event, wait_for, Child, End,
};
use crate::talk::Talk;

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

/// An init that lives through `story` and whose maker, which leads a session, has told its number:
/// the maker, the number and the line to the init.
fn with_maker(story: impl FnOnce(&Talk)) -> (Child, i32, Talk) {
    become_subreaper();
    let (mine, theirs) = Talk::pair();
    let maker = fork(|talk| {
        nix::unistd::setsid().expect("setsid");
        let init = new_ns(|talk| {
            super::own_group();
            // Nobody else is to hold this end.
            talk.say(0);
            story(&theirs);
        });
        init.hear();
        talk.say(init.pid);
        sleep_for_ever();
    });
    let number = maker.hear();
    (maker, number, mine)
}

fn with_a_signal_at_its_death(signal: Signal, story: fn(&Talk)) -> (Child, i32, Talk) {
    with_maker(move |line| {
        nix::sys::prctl::set_pdeathsig(signal).expect("PR_SET_PDEATHSIG");
        line.say(0);
        story(line);
    })
}

fn a_parent_that_dies() {
    mode::two_sided();
    for signal in [Signal::SIGTERM, Signal::SIGQUIT, Signal::SIGKILL] {
        let (maker, init, line) = with_a_signal_at_its_death(signal, echo);
        line.hear();
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
    let (maker, init, line) = with_a_signal_at_its_death(Signal::SIGTERM, echo);
    line.hear();
    maker.end();
    line.say(1);
    check!(
        line.hear_or_end(),
        Some(vec![1]),
        "init's answer after its parent's end"
    );
    check!(crate::process::kill(init, libc::SIGKILL), Ok(()));
}

fn a_parent_that_dies_while_blocked() {
    mode::two_sided();
    let (maker, init, line) = with_a_signal_at_its_death(Signal::SIGTERM, |line| {
        crate::catch::block(Signal::SIGTERM);
        line.say(0);
        line.hear();
        check!(
            crate::catch::is_pending(Signal::SIGTERM),
            true,
            "SIGTERM is pending"
        );
        crate::catch::unblock(Signal::SIGTERM);
        echo(line);
    });
    line.hear();
    line.hear();
    maker.end();
    line.say(0);
    check!(
        wait_for(init),
        End::Killed(libc::SIGTERM),
        "init's end when it unblocks"
    );
}

/// To a child its parent is the thread that made it.
fn a_thread_of_the_parent_that_ends() {
    mode::two_sided();
    let (line, theirs) = Talk::pair();
    let number = std::thread::spawn(move || {
        let init = Clone::new(NEWPID).start(|talk| {
            nix::sys::prctl::set_pdeathsig(Signal::SIGTERM).expect("PR_SET_PDEATHSIG");
            talk.say(0);
            echo(&theirs);
        });
        let init = init.expect("clone3");
        init.hear();
        init.pid
    });
    let number = number.join().expect("join");
    check!(
        wait_for(number),
        End::Killed(libc::SIGTERM),
        "init's end with its maker"
    );
    drop(line);
}

/// The parent's end comes from inside where the parent is inside.
fn a_parent_inside() {
    mode::two_sided();
    let outer = new_ns(|talk| {
        let (maker, inner, line) = with_a_signal_at_its_death(Signal::SIGTERM, echo);
        line.hear();
        maker.end();
        check!(
            wait_for(inner),
            End::Killed(libc::SIGTERM),
            "the inner init's end"
        );
        echo(talk);
    });
    outer.check_alive();
}

/// Stops an init and ends its maker, the last of its session outside its group.
fn orphan_a_stopped_init() -> (i32, Talk) {
    let (maker, init, line) = with_maker(echo);
    check!(crate::process::kill(init, libc::SIGSTOP), Ok(()));
    crate::process::eventually("init is stopped", || {
        let stat = std::fs::read_to_string(format!("/proc/{init}/stat"));
        stat.expect("stat").contains(") T ").then_some(())
    });
    maker.end();
    (init, line)
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
    let (init, line) = orphan_a_stopped_init();
    line.say(1);
    check!(
        line.hear_or_end(),
        Some(vec![1]),
        "init's answer, continued"
    );
    check!(crate::process::kill(init, libc::SIGKILL), Ok(()));
}

/// A group inside that is orphaned by one inside: its members are ordinary, init has no part in it.
fn a_group_that_is_orphaned_from_inside() {
    mode::two_sided();
    let init = new_ns(|talk| {
        nix::unistd::setsid().expect("setsid");
        let parent = fork(|talk| {
            let member = fork(|talk| {
                super::own_group();
                talk.say(0);
                sleep_for_ever();
            });
            member.hear();
            member.kill(libc::SIGSTOP);
            wait_event(member.pid, WaitPidFlag::WUNTRACED);
            super::own_group();
            talk.say(member.pid);
        });
        let member = parent.hear();
        check!(parent.wait(), End::Exit(0));
        // Init's session is the member's, and init is its parent now: not orphaned.
        check!(crate::process::kill(member, libc::SIGCONT), Ok(()));
        check!(crate::process::kill(member, libc::SIGTERM), Ok(()));
        check!(wait_for(member), End::Killed(libc::SIGTERM));
        echo(talk);
    });
    init.check_alive();
}
