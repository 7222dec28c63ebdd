//! Signals over several levels, to groups, and at the death of a parent.

use nix::sys::signal::Signal;

use crate::channel::Channel;
use crate::harness::Test;
use crate::mode;
use crate::process::{
    become_subreaper, echo, fork, kill, new_ns, sleep_for_ever, unshare_pid, wait_for, End,
};
use crate::scm_credentials::CredentialsSocket;
use crate::send_signal::SEND_CALLS;
use crate::signal_capture::{self, capture_and_report};
use crate::signal_state;

pub const TESTS: &[Test] = tests![
    a_grandparent_is_an_ancestor,
    an_inner_init_dies_for_the_outer_one,
    kill_all_one_level_up_kills_those_below,
    kill_of_a_group_with_an_init,
    a_parents_death_kills_init,
    a_parents_death_with_a_default_action,
    a_parents_death_with_a_handler,
    a_parents_death_inside,
];

fn a_grandparent_is_an_ancestor() {
    mode::as_mainline();
    let socket = CredentialsSocket::new();
    let outer = new_ns(|channel| {
        let inner = new_ns(|channel| {
            socket.send();
            capture_and_report(channel, &[libc::SIGTERM]);
        });
        inner.receive();
        channel.send(0);
        channel.send_all(&inner.receive_all());
        check!(
            inner.wait(),
            End::Killed(libc::SIGKILL),
            "the end of the inner init"
        );
        echo(channel);
    });
    let inner = socket.receive();
    outer.receive();
    check!(
        kill(inner, libc::SIGINT),
        Ok(()),
        "a default action, which does nothing"
    );
    check!(kill(inner, libc::SIGTERM), Ok(()));
    check!(
        outer.receive_all()[..3],
        [libc::SIGTERM, libc::SI_USER, 0],
        "signal, si_code and si_pid"
    );
    check!(kill(inner, libc::SIGKILL), Ok(()));
    outer.check_alive();
}

fn an_inner_init_dies_for_the_outer_one() {
    mode::as_mainline();
    let outer = new_ns(|channel| {
        for call in SEND_CALLS {
            let inner = new_ns(echo);
            check!(call.send(inner.pid, libc::SIGTERM), Ok(()));
            inner.check_alive();
            let killer = fork(|_| check!(call.send(inner.pid, libc::SIGKILL), Ok(())));
            check!(killer.wait(), End::Exit(0));
            check!(
                inner.wait(),
                End::Killed(libc::SIGKILL),
                "the inner init's end by {call:?}"
            );
        }
        echo(channel);
    });
    outer.check_alive();
}

fn kill_all_one_level_up_kills_those_below() {
    mode::as_mainline();
    let (mine, theirs) = Channel::pair();
    let outer = new_ns(|channel| {
        let inner = new_ns(|channel| {
            fork(|_| sleep_for_ever());
            channel.send(0);
            sleep_for_ever();
        });
        inner.receive();
        drop(theirs);
        let killer = fork(|channel| {
            check!(kill(-1, libc::SIGTERM), Ok(()), "SIGTERM to all");
            check!(
                kill(inner.pid, 0),
                Ok(()),
                "the inner init after SIGTERM to all"
            );
            check!(kill(-1, libc::SIGKILL), Ok(()), "SIGKILL to all");
            channel.send(0);
        });
        killer.receive();
        check!(
            inner.wait(),
            End::Killed(libc::SIGKILL),
            "the end of the inner init"
        );
        echo(channel);
    });
    outer.check_alive();
    drop(mine);
}

fn kill_of_a_group_with_an_init() {
    mode::as_mainline();
    unshare_pid();
    let init = fork(|channel| {
        nix::unistd::setsid().expect("setsid");
        let member = fork(|_| sleep_for_ever());
        channel.send(0);
        check!(
            member.wait(),
            End::Killed(libc::SIGTERM),
            "the end of a member in init's group"
        );
        echo(channel);
    });
    init.receive();
    check!(
        kill(-init.pid, libc::SIGTERM),
        Ok(()),
        "SIGTERM to init's group"
    );
    init.check_alive();
    check!(
        kill(-init.pid, libc::SIGKILL),
        Ok(()),
        "SIGKILL to init's group"
    );
    check!(init.wait(), End::Killed(libc::SIGKILL));
}

/// An init whose maker dies; `body` is init's, after it has asked for `signal` at that moment.
/// Returns init's number here and the channel to it.
fn init_of_a_dying_maker(signal: Signal, body: fn(&Channel)) -> (i32, Channel) {
    become_subreaper();
    let (mine, theirs) = Channel::pair();
    let maker = fork(|channel| {
        let init = new_ns(|channel| {
            nix::sys::prctl::set_pdeathsig(signal).expect("PR_SET_PDEATHSIG");
            channel.send(0);
            body(&theirs);
        });
        init.receive();
        channel.send(init.pid);
        sleep_for_ever();
    });
    let init = maker.receive();
    maker.end();
    (init, mine)
}

fn a_parents_death_kills_init() {
    let (init, _line) = init_of_a_dying_maker(Signal::SIGKILL, |_| sleep_for_ever());
    check!(
        wait_for(init),
        End::Killed(libc::SIGKILL),
        "the end of init with its maker"
    );
}

fn a_parents_death_with_a_default_action() {
    mode::as_mainline();
    let (_, line) = init_of_a_dying_maker(Signal::SIGTERM, echo);
    line.send(3);
    check!(
        line.receive(),
        3,
        "the answer of init after SIGTERM at its maker's death"
    );
}

fn a_parents_death_with_a_handler() {
    signal_state::block(libc::SIGTERM);
    let (_, line) = init_of_a_dying_maker(Signal::SIGTERM, |channel| {
        signal_capture::capture(&[libc::SIGTERM]);
        signal_state::unblock(libc::SIGTERM);
        channel.send_all(&signal_capture::next().to_numbers()[..4]);
    });
    check!(
        line.receive_all(),
        [libc::SIGTERM, libc::SI_USER, 0, 0],
        "signal, si_code, si_pid and si_uid"
    );
}

fn a_parents_death_inside() {
    let init = new_ns(|channel| {
        let parent = fork(|channel| {
            let child = fork(|channel| {
                nix::sys::prctl::set_pdeathsig(Signal::SIGTERM).expect("PR_SET_PDEATHSIG");
                channel.send(0);
                sleep_for_ever();
            });
            child.receive();
            channel.send(child.pid);
        });
        let child = parent.receive();
        check!(parent.wait(), End::Exit(0));
        check!(
            wait_for(child),
            End::Killed(libc::SIGTERM),
            "the end of a member with its parent"
        );
        channel.send(0);
    });
    init.receive();
}
