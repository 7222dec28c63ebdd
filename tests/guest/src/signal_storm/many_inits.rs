//! Inits within inits and beside each other, under random signals.

use super::attack::{attack_from_inside, rest, RANDOM_SIGNALS};
use super::attacked::for_a_while;
use super::{check_ends, check_untouched, fork_attacker, send_at_random, survive};
use crate::harness::Test;
use crate::mode;
use crate::process::{fork, kill, new_ns, quit, wait_for_message, End};
use crate::random::Random;
use crate::stress::in_parallel;

pub const TESTS: &[Test] = tests![900;
    inits_within_inits,
    inits_come_and_go,
];

fn inits_within_inits() {
    mode::two_sided();
    let outer = new_ns(|channel| {
        nix::unistd::setsid().expect("setsid");
        attack_from_inside(1, &RANDOM_SIGNALS);
        let mut threads = [1, 4].into_iter().cycle();
        loop {
            let inner = new_ns(|channel| {
                fork_attacker(|| loop {
                    // Both inits are in this group.
                    check!(kill(0, libc::SIGTERM), Ok(()));
                    rest();
                });
                survive(channel, threads.next().expect("a number"));
            });
            inner.receive();
            channel.send(0);
            wait_for_message(channel);
            check_ends(&inner, libc::SIGHUP);
        }
    });
    for_a_while(2, || {
        outer.receive();
        check_untouched(&outer);
        outer.send(0);
    });
    // Not while the inner one forks: in a namespace that ends it gets ENOMEM, and minds.
    outer.receive();
    check_ends(&outer, libc::SIGTERM);
}

fn inits_come_and_go() {
    mode::two_sided();
    in_parallel(|worker| {
        let mut random = Random::new(worker);
        for_a_while(2, || {
            let init = new_ns(|channel| {
                (0..2).for_each(|n| {
                    fork(|_| send_at_random(1, &[], &RANDOM_SIGNALS, &mut Random::new(n)));
                });
                wait_for_message(channel);
                quit(3);
            });
            if random.below(2) == 0 {
                (0..random.below(3)).for_each(|_| rest());
                init.kill(libc::SIGTERM);
                check!(init.wait(), End::Killed(libc::SIGTERM));
            } else {
                init.send(0);
                check!(init.wait(), End::Exit(3));
            }
        });
    });
}
