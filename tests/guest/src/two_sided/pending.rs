//! A blocked signal keeps where it came from, and what it does is decided when it is taken.

use super::{ALL_KINDS, JOB_CONTROL};
use crate::agent::Agent;
use crate::harness::Test;
use crate::mode;
use crate::process::{errno_of, kill};
use crate::send_signal::{SendCall, SEND_CALLS};

pub const TESTS: &[Test] = tests![300;
    from_outside_it_acts,
    from_outside_it_stops,
    from_inside_it_does_nothing,
    from_outside_after_inside,
    from_inside_after_outside,
    the_threads_queue_and_the_processs,
    real_time_signals_one_by_one,
    real_time_signals_of_other_numbers,
    a_full_queue,
    a_full_queue_promoted,
    an_own_timer_and_the_outside,
    the_outside_and_an_own_timer,
    an_own_timer_alone,
    an_own_fault_and_the_outside,
    the_outside_and_an_own_fault,
    an_own_fault_alone,
];

const TERM: i32 = libc::SIGTERM;
const RT: i32 = 40;

fn from_outside_it_acts() {
    mode::two_sided();
    for call in SEND_CALLS {
        for signal in [TERM, libc::SIGQUIT, libc::SIGSEGV, RT] {
            let init = Agent::init();
            init.block(signal);
            init.outside(call, signal);
            init.check_pending(signal, true);
            init.unblock_and_end(signal, &format!("{signal} by {call:?}"));
        }
    }
}

fn from_outside_it_stops() {
    mode::two_sided();
    let init = Agent::init();
    for call in SEND_CALLS {
        for signal in JOB_CONTROL {
            init.block(signal);
            init.outside(call, signal);
            init.check_pending(signal, true);
            init.unblock_and_stop(signal, &format!("init by {call:?}"));
        }
    }
}

fn from_inside_it_does_nothing() {
    mode::two_sided();
    let init = Agent::init();
    for call in SEND_CALLS {
        for signal in ALL_KINDS {
            init.block(signal);
            init.inside(call, signal);
            init.check_pending(signal, ![libc::SIGKILL, libc::SIGSTOP].contains(&signal));
            init.unblock(signal);
            init.survives(&format!("{signal} by {call:?}"));
            init.check_pending(signal, false);
        }
    }
}

/// Ways into the process's queue and into the thread's.
const QUEUES: [[SendCall; 2]; 2] = [
    [SendCall::Kill, SendCall::Pidfd],
    [SendCall::Tgkill, SendCall::TgSigqueue],
];

fn from_outside_after_inside() {
    mode::two_sided();
    for [first, second] in QUEUES {
        for signal in [TERM, libc::SIGABRT, RT] {
            let init = Agent::init();
            init.block(signal);
            init.inside(first, signal);
            init.outside(second, signal);
            init.unblock_and_end(signal, &format!("{first:?}, then {second:?} from outside"));
        }
    }
}

fn from_inside_after_outside() {
    mode::two_sided();
    for [first, second] in QUEUES {
        for signal in [TERM, libc::SIGABRT, RT] {
            let init = Agent::init();
            init.block(signal);
            init.outside(first, signal);
            init.inside(second, signal);
            init.itself(second, signal);
            init.unblock_and_end(signal, &format!("{first:?} from outside, then {second:?}"));
        }
    }
}

/// `sigtimedwait` takes from the thread's queue first.
fn the_threads_queue_and_the_processs() {
    mode::two_sided();
    let [[process, _], [thread, _]] = QUEUES;
    for signal in [TERM, RT] {
        let init = Agent::init();
        init.block(signal);
        init.inside(thread, signal);
        init.outside(process, signal);
        check!(init.take(signal) > 1, true, "si_pid of a sender inside");
        init.unblock_and_end(signal, "the process's queue");

        let init = Agent::init();
        init.block(signal);
        init.inside(process, signal);
        init.outside(thread, signal);
        check!(init.take(signal), 0, "si_pid of a sender outside");
        init.unblock(signal);
        init.survives("what is left in the process's queue");

        for [first, second] in [[process, thread], [thread, process]] {
            let init = Agent::init();
            init.block(signal);
            init.inside(first, signal);
            init.outside(second, signal);
            init.unblock_and_end(signal, &format!("{second:?} beside {first:?} from inside"));
        }
    }
}

/// Whether a signal comes from outside.
type Origins<'a> = &'a [bool];

fn real_time_signals_one_by_one() {
    mode::two_sided();
    const IN: bool = false;
    const OUT: bool = true;
    let rows: [Origins; 6] = [
        &[IN, IN, OUT, IN],
        &[OUT, IN, IN],
        &[IN, OUT],
        &[OUT, OUT],
        &[IN, IN, IN, IN],
        &[OUT],
    ];
    for calls in QUEUES {
        for row in rows {
            for taken in 0..=row.len() {
                let init = Agent::init();
                init.block(RT);
                for outside in row {
                    let call = calls[usize::from(*outside)];
                    if *outside {
                        init.outside(call, RT);
                    } else {
                        init.inside(call, RT);
                    }
                }
                for _ in 0..taken {
                    init.take(RT);
                }
                let words = format!("{row:?} without {taken}");
                if row[taken..].contains(&OUT) {
                    init.unblock_and_end(RT, &words);
                } else {
                    init.unblock(RT);
                    init.survives(&words);
                }
            }
        }
    }
}

fn real_time_signals_of_other_numbers() {
    mode::two_sided();
    let init = Agent::init();
    init.handle(41);
    for signal in [RT, 41, 42] {
        init.block(signal);
    }
    init.inside(SendCall::Kill, RT);
    init.outside(SendCall::Kill, 41);
    init.inside(SendCall::Sigqueue, 42);
    for signal in [RT, 41, 42] {
        init.unblock(signal);
    }
    check!(init.runs(), 1);
    init.survives("signals of other numbers");
}

/// An init that has as many pending signals as its user may have, and blocks two more.
fn with_a_full_queue() -> Agent {
    let init = Agent::init();
    for signal in [RT, TERM, 60] {
        init.block(signal);
    }
    init.limit_queue(50);
    for _ in 0..60 {
        if init.itself(SendCall::Sigqueue, 60) == libc::EAGAIN {
            return init;
        }
    }
    panic!("the queue is never full");
}

fn a_full_queue() {
    mode::two_sided();
    for signal in [RT, TERM] {
        let init = with_a_full_queue();
        // There is no room for who sent it.
        init.inside(SendCall::Kill, signal);
        init.check_pending(signal, true);
        init.unblock(signal);
        init.survives("a signal from inside that found no room");
        init.block(signal);
        if signal == RT {
            let refused = errno_of(SendCall::Sigqueue.send(init.pid, signal));
            check!(refused, libc::EAGAIN, "a signal with a value");
        }
        init.outside(SendCall::Kill, signal);
        init.check_pending(signal, true);
        init.unblock_and_end(signal, "one from outside that found no room");
    }
    let init = with_a_full_queue();
    init.unblock_and_end(60, "what it has sent to itself");
}

fn a_full_queue_promoted() {
    mode::two_sided();
    for signal in [RT, TERM] {
        let init = with_a_full_queue();
        init.inside(SendCall::Kill, signal);
        init.outside(SendCall::Kill, signal);
        init.inside(SendCall::Kill, signal);
        init.unblock_and_end(signal, "one from outside between two from inside");
    }
    let init = with_a_full_queue();
    check!(kill(init.pid, RT), Ok(()));
    check!(kill(init.pid, RT), Ok(()));
    init.take(RT);
    init.check_pending(RT, false);
    init.unblock(RT);
    init.survives("nothing that is left");
}

fn an_own_timer_and_the_outside() {
    mode::two_sided();
    for signal in [TERM, libc::SIGALRM, RT] {
        let init = Agent::init();
        init.block(signal);
        init.let_timer_send(signal);
        init.check_pending(signal, true);
        init.outside(SendCall::Kill, signal);
        init.unblock_and_end(signal, "one beside a timer's");
    }
}

fn the_outside_and_an_own_timer() {
    mode::two_sided();
    for signal in [TERM, libc::SIGALRM, RT] {
        let init = Agent::init();
        init.block(signal);
        init.outside(SendCall::Kill, signal);
        init.let_timer_send(signal);
        init.unblock_and_end(signal, "one before a timer's");
    }
}

fn an_own_timer_alone() {
    mode::two_sided();
    let init = Agent::init();
    for signal in [TERM, libc::SIGALRM, libc::SIGQUIT, RT] {
        init.block(signal);
        init.let_timer_send(signal);
        init.inside(SendCall::Kill, signal);
        init.let_timer_send(signal);
        init.unblock(signal);
        init.survives("its timer");
    }
}

/// What the kernel takes as the fault of an instruction, before all else and without asking who sent it.
const FAULTS: [(i32, i32); 6] = [
    (libc::SIGTRAP, 6),
    (libc::SIGTRAP, 1),
    (libc::SIGSEGV, 1),
    (libc::SIGSYS, 1),
    (libc::SIGFPE, 1),
    (libc::SIGBUS, 3),
];

fn an_own_fault_and_the_outside() {
    mode::two_sided();
    for (signal, code) in FAULTS {
        for call in SEND_CALLS {
            let init = Agent::init();
            init.block(signal);
            init.forge_fault(signal, code);
            init.check_pending(signal, true);
            init.outside(call, signal);
            let words = format!("{signal} by {call:?} after its own with the code {code}");
            init.unblock_and_end(signal, &words);
        }
    }
}

fn the_outside_and_an_own_fault() {
    mode::two_sided();
    for (signal, code) in FAULTS {
        for call in SEND_CALLS {
            let init = Agent::init();
            init.block(signal);
            init.outside(call, signal);
            init.forge_fault(signal, code);
            let words = format!("{signal} by {call:?} before its own with the code {code}");
            init.unblock_and_end(signal, &words);
        }
    }
}

fn an_own_fault_alone() {
    mode::two_sided();
    let init = Agent::init();
    for (signal, code) in FAULTS {
        for call in SEND_CALLS {
            init.block(signal);
            init.forge_fault(signal, code);
            init.inside(call, signal);
            init.unblock(signal);
            init.survives("its own, and one from inside");
            // Nothing is left of them.
            init.block(signal);
            init.inside(call, signal);
            init.unblock(signal);
            init.survives("one from inside");
        }
    }
}
