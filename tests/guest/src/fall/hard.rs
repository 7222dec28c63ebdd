//! What still makes a namespace fall at once: all but a signal from outside that has its default action.

use super::{check_took, namespace, server, with_grace, LONG, TERM};
use crate::channel::Channel;
use crate::harness::Test;
use crate::mode;
use crate::process::{fork, new_ns, pid, quit, touch_null, Child, End};
use crate::send_signal::SendCall;
use crate::signal_state;
use std::time::Instant;

pub const TESTS: &[Test] = tests![
    sigkill,
    an_exit,
    a_fault,
    what_it_sends_to_itself,
    a_handler_that_exits,
    without_grace,
    in_mainlines_mode,
];

/// A namespace with a server in it, whose init then does this. Fails if the server was told of a signal.
#[track_caller]
fn check_hard(init_does: impl FnOnce(&Channel), outside: impl FnOnce(&Child), end: End) {
    let (report, theirs) = Channel::pair();
    let init = new_ns(|channel| {
        signal_state::reset();
        server(&theirs, &[TERM, libc::SIGABRT, libc::SIGSEGV]);
        channel.send(0);
        channel.receive();
        init_does(channel);
    });
    init.receive();
    drop(theirs);
    let began = Instant::now();
    init.send(0);
    outside(&init);
    check!(init.wait(), end, "the init's end");
    check_took(began.elapsed(), 0, "the fall");
    check!(report.receive_or_end(), None, "what the server was told");
}

fn wait(channel: &Channel) {
    channel.receive_or_end();
}

fn sigkill() {
    with_grace(LONG);
    check_hard(
        wait,
        |init| init.kill(libc::SIGKILL),
        End::Killed(libc::SIGKILL),
    );
}

fn an_exit() {
    with_grace(LONG);
    check_hard(|_| quit(3), |_| (), End::Exit(3));
}

fn a_fault() {
    with_grace(LONG);
    check_hard(|_| touch_null(), |_| (), End::Killed(libc::SIGSEGV));
}

fn what_it_sends_to_itself() {
    with_grace(LONG);
    for signal in [TERM, libc::SIGABRT] {
        let when_unblocked = |_: &Channel| {
            signal_state::block(signal);
            check!(SendCall::Kill.send(pid(), signal), Ok(()));
            signal_state::unblock(signal);
        };
        check_hard(when_unblocked, |_| (), End::Killed(signal));
        let raise = |_: &Channel| check!(SendCall::Tgkill.send(pid(), signal), Ok(()));
        check_hard(raise, |_| (), End::Killed(signal));
    }
}

fn a_handler_that_exits() {
    with_grace(LONG);
    extern "C" fn end(_: i32, _: *mut libc::siginfo_t, _: *mut libc::c_void) {
        quit(7);
    }
    check_hard(
        |channel| {
            signal_state::handle(TERM, end, 0);
            channel.send(0);
            channel.receive_or_end();
        },
        |init| {
            init.receive();
            init.kill(TERM);
        },
        End::Exit(7),
    );
}

fn without_grace() {
    with_grace(0);
    check_hard(wait, |init| init.kill(TERM), End::Killed(TERM));
}

fn in_mainlines_mode() {
    mode::as_mainline();
    let init = namespace(|| drop(fork(wait)));
    init.kill(TERM);
    init.kill(libc::SIGKILL);
    check!(init.wait(), End::Killed(libc::SIGKILL));
}
