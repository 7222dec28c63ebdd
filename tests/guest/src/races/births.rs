//! Children are born while something is sent to their parent.

use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

use super::nap;
use crate::channel::Channel;
use crate::harness::{sample, Test};
use crate::mode;
use crate::process::{fork, kill, new_ns, Child, End};
use crate::random::Random;
use crate::signal_state;

pub const TESTS: &[Test] = tests![300;
    nothing_of_a_signal_is_inherited,
];

const SIGNAL: i32 = libc::SIGUSR1;

extern "C" fn handler(_: i32) {}

/// Waits for a message with the signal ignored; fails if something else ends that, which nothing would begin anew.
fn wait_undisturbed(channel: &Channel) {
    signal_state::ignore(SIGNAL);
    let epoll = Epoll::new(EpollCreateFlags::empty()).expect("epoll_create");
    // SAFETY: the channel outlives the call.
    let fd = unsafe { BorrowedFd::borrow_raw(channel.fd()) };
    epoll
        .add(fd, EpollEvent::new(EpollFlags::EPOLLIN, 0))
        .expect("epoll_ctl");
    channel.send(0);
    let mut events = [EpollEvent::empty()];
    let woken = epoll.wait(&mut events, EpollTimeout::NONE);
    check!(woken, Ok(1), "a wait of a child that ignores the signal");
}

/// What a send to an init keeps the kernel from doing meanwhile is not the child's: a signal that the child ignores does
/// not wake it.
fn nothing_of_a_signal_is_inherited() {
    if mode::is_there() {
        mode::two_sided();
    }
    let init = new_ns(|_| {
        // SAFETY: the handler does nothing.
        unsafe { libc::signal(SIGNAL, handler as *const () as libc::sighandler_t) };
        let senders: Vec<Child> = (0..3)
            .map(|nr| {
                fork(|_| {
                    let mut random = Random::new(nr);
                    loop {
                        let began = Instant::now();
                        for _ in 0..random.below(20) {
                            let _ = kill(1, SIGNAL);
                        }
                        // A fork begins anew when something was sent before it has begun: a slow machine needs longer rests.
                        nap(&mut random, 2 * began.elapsed().as_micros() as usize + 1);
                    }
                })
            })
            .collect();
        let began = Instant::now();
        for _ in 0..sample(60, 20, 8) {
            if began.elapsed() > Duration::from_secs(60) {
                break;
            }
            let children: Vec<Child> = (0..150).map(|_| fork(wait_undisturbed)).collect();
            for child in &children {
                child.receive();
            }
            std::thread::sleep(Duration::from_millis(20));
            for child in &children {
                child.kill(SIGNAL);
            }
            std::thread::sleep(Duration::from_millis(20));
            for child in &children {
                child.send(0);
            }
            for child in children {
                check!(child.wait(), End::Exit(0), "the end of a child");
            }
        }
        senders.into_iter().for_each(Child::end);
    });
    check!(init.wait(), End::Exit(0), "the end of init");
}
