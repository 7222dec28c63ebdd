//! The disposition of a signal may change while the signal is pending.

use super::MAKERS;
use crate::agent::Agent;
use crate::harness::Test;
use crate::mode;
use crate::send_signal::{SendCall, SEND_CALLS};

pub const TESTS: &[Test] = tests![300;
    a_handler_is_installed,
    a_handler_is_taken_away,
    it_is_ignored_meanwhile,
    a_handler_for_one_of_two,
    a_handler_for_one_and_then_another,
    the_first_from_outside_the_second_from_inside,
    the_first_from_inside_the_second_from_outside,
    another_program_is_executed,
    a_handler_ends_with_its_program,
    mainlines_rule_when_it_is_taken,
    mainlines_rule_when_it_was_sent,
];

const SIGNALS: [i32; 3] = [libc::SIGTERM, libc::SIGQUIT, 40];

fn a_handler_is_installed() {
    mode::two_sided();
    let init = Agent::init();
    let mut runs = 0;
    for call in SEND_CALLS {
        for signal in SIGNALS {
            init.block(signal);
            init.outside(call, signal);
            init.handle(signal);
            init.unblock(signal);
            runs += 1;
            check!(init.runs(), runs, "handlers for {signal} by {call:?}");
            init.set_default(signal);
        }
    }
    init.survives("what its handlers saw");
}

fn a_handler_is_taken_away() {
    mode::two_sided();
    for signal in SIGNALS {
        let init = Agent::init();
        init.handle(signal);
        init.block(signal);
        init.inside(SendCall::Kill, signal);
        init.set_default(signal);
        init.unblock(signal);
        init.survives("one from inside");
        init.handle(signal);
        init.block(signal);
        init.outside(SendCall::Kill, signal);
        init.set_default(signal);
        init.unblock_and_end(signal, "one from outside");
    }
}

/// Ignoring a signal discards those that wait.
fn it_is_ignored_meanwhile() {
    mode::two_sided();
    let init = Agent::init();
    for signal in SIGNALS {
        init.block(signal);
        init.outside(SendCall::Kill, signal);
        init.ignore(signal);
        init.check_pending(signal, false);
        init.set_default(signal);
        init.unblock(signal);
        init.survives("a discarded signal");
        // Nothing of the first one is left on the second.
        init.block(signal);
        init.inside(SendCall::Kill, signal);
        init.unblock(signal);
        init.survives("one from inside after it");
    }
}

fn a_handler_for_one_of_two() {
    mode::two_sided();
    for (who, make) in MAKERS {
        let agent = Agent::new(make);
        agent.block(40);
        agent.handle_once(40);
        agent.outside(SendCall::Kill, 40);
        agent.outside(SendCall::Sigqueue, 40);
        agent.unblock_and_end(40, &format!("the second signal to {who}"));
    }
}

fn a_handler_for_one_and_then_another() {
    mode::two_sided();
    for signal in SIGNALS {
        let init = Agent::init();
        init.handle_once(signal);
        init.outside(SendCall::Kill, signal);
        check!(init.runs(), 1);
        init.inside(SendCall::Kill, signal);
        init.survives("one from inside without a handler");
        init.outside(SendCall::Kill, signal);
        init.ends(signal, "the second from outside");
    }
}

fn the_first_from_outside_the_second_from_inside() {
    mode::two_sided();
    let init = Agent::init();
    init.block(40);
    init.handle_once(40);
    init.outside(SendCall::Kill, 40);
    init.inside(SendCall::Kill, 40);
    init.unblock(40);
    check!(init.runs(), 1);
    init.check_pending(40, false);
    init.survives("one from inside after one that its handler saw");
}

fn the_first_from_inside_the_second_from_outside() {
    mode::two_sided();
    let init = Agent::init();
    init.block(40);
    init.handle_once(40);
    init.inside(SendCall::Kill, 40);
    init.outside(SendCall::Kill, 40);
    init.unblock_and_end(40, "one from outside after one that its handler saw");
}

fn another_program_is_executed() {
    mode::two_sided();
    for signal in SIGNALS {
        let init = Agent::init();
        init.block(signal);
        init.inside(SendCall::Kill, signal);
        init.execute();
        init.check_pending(signal, true);
        init.unblock(signal);
        init.survives("one from inside");
        init.block(signal);
        init.outside(SendCall::Tgkill, signal);
        init.execute();
        init.check_pending(signal, true);
        init.unblock_and_end(signal, "one that waited for another program");
    }
}

fn a_handler_ends_with_its_program() {
    mode::two_sided();
    for signal in SIGNALS {
        let init = Agent::init();
        init.handle(signal);
        init.outside(SendCall::Kill, signal);
        check!(init.runs(), 1);
        init.execute();
        init.inside(SendCall::Kill, signal);
        init.survives("one from inside");
        init.outside(SendCall::Kill, signal);
        init.ends(signal, "one for a program without a handler");
    }
}

fn mainlines_rule_when_it_is_taken() {
    mode::two_sided();
    let init = Agent::init();
    for signal in SIGNALS {
        init.block(signal);
        init.outside(SendCall::Kill, signal);
        mode::as_mainline();
        init.unblock(signal);
        init.survives("one that is taken by mainline's rule");
        mode::two_sided();
    }
}

/// Mainline's rule does not ask where a signal comes from that is blocked; what did not say is not from
/// outside.
fn mainlines_rule_when_it_was_sent() {
    mode::two_sided();
    for signal in SIGNALS {
        let init = Agent::init();
        init.block(signal);
        mode::as_mainline();
        init.outside(SendCall::Kill, signal);
        mode::two_sided();
        init.unblock(signal);
        init.survives("one that was sent by mainline's rule");
        init.outside(SendCall::Kill, signal);
        init.ends(signal, "one that was not");
    }
}
