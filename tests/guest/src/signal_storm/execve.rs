//! An init executes this program again and again, under random signals from inside.

use std::os::fd::AsRawFd;

use super::attack::{attack_from_inside, RANDOM_SIGNALS};
use super::attacked::for_a_while;
use super::{check_ends, check_untouched};
use crate::agent::{self, Command};
use crate::harness::{this_program, Test};
use crate::mode;
use crate::process::new_ns;

pub const TESTS: &[Test] = tests![900;
    an_init_that_executes_itself_again_and_again,
];

fn an_init_that_executes_itself_again_and_again() {
    mode::two_sided();
    let program = this_program();
    let init = new_ns(|channel| {
        // A program's start handles SIGSEGV for itself.
        let signals: Vec<i32> = RANDOM_SIGNALS
            .into_iter()
            .filter(|s| *s != libc::SIGSEGV)
            .collect();
        attack_from_inside(1, &signals);
        agent::execute(program.as_raw_fd(), channel);
    });
    check!(init.receive_all()[0], 1);
    let mut commands = [
        Command::ChangeAndExecute(),
        Command::ChangeAndExecuteByThread(),
    ]
    .into_iter()
    .cycle();
    for_a_while(2, || {
        let numbers = agent::ask(&init, commands.next().expect("a command"));
        check!(numbers[..2], [1, 1], "the numbers of a new program");
        check_untouched(&init);
    });
    check!(agent::ask(&init, Command::ResetSignals()), [0]);
    check_ends(&init, libc::SIGTERM);
}
