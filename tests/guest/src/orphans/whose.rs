//! Whose children they are: which of them an init was given.

use std::os::fd::IntoRawFd;

use super::{end_maker, gone, in_a_namespace, orphan, wait_and_end, Orphan, STATUS};
use crate::agent;
use crate::channel::Channel;
use crate::harness::{this_program, Test};
use crate::proc_fs::Proc;
use crate::process::{
    become_subreaper, eventually, fork, new_ns, pid, quit, quit_thread, sleep_for_ever,
    start_threads, wait_for_zombie, Child, End,
};
use crate::signal_state;

pub const TESTS: &[Test] = tests![
    the_inits_own_children_are_not,
    a_thread_that_executes,
    by_a_subreaper_they_are_not,
    a_process_keeps_the_children_of_its_threads,
    a_namespace_below,
    children_of_an_orphan,
];

/// A channel that somebody has sent.
fn received(from: &Child) -> Channel {
    Channel::from_inherited(from.channel.receive_fd().into_raw_fd())
}

/// A child that a thread of the caller's process has made, which has ended.
fn child_of_a_thread() -> Orphan {
    let (channel, theirs) = Channel::pair();
    let (tell, told) = Channel::pair();
    let [theirs, tell] = [theirs, tell].map(|c| -> &'static Channel { Box::leak(Box::new(c)) });
    start_threads(1, move |_| {
        tell.send(fork(|_| wait_and_end(theirs)).pid);
        quit_thread(0);
    });
    let pid = told.receive();
    let proc = Proc::mount();
    let tasks = format!("{}/task", crate::process::pid());
    eventually("the thread has ended", || {
        (proc.numbers(&tasks).len() == 1).then_some(())
    });
    Orphan { channel, pid }
}

fn the_inits_own_children_are_not() {
    in_a_namespace(|| {
        let child = fork(wait_and_end);
        child.send(0);
        wait_for_zombie(child.pid);
        check!(child.wait(), End::Exit(STATUS));
        child_of_a_thread().end_waited_for();
    });
}

/// It has become the first, and has the same mark.
fn a_thread_that_executes() {
    in_a_namespace(|| {
        let (mine, theirs) = Channel::pair();
        let maker = fork(|channel| {
            let child = fork(|_| {
                let theirs: &'static Channel = Box::leak(Box::new(theirs));
                let program = this_program().into_raw_fd();
                start_threads(1, move |_| {
                    theirs.send(0);
                    theirs.receive();
                    agent::execute(program, theirs)
                });
                sleep_for_ever();
            });
            channel.send(child.pid);
            channel.receive();
            quit(0);
        });
        let number = maker.receive();
        mine.receive();
        end_maker(maker);
        mine.send(0);
        mine.receive_all();
        mine.send_all(&agent::message(&[agent::Command::Quit()]));
        gone(number);
    });
}

fn by_a_subreaper_they_are_not() {
    in_a_namespace(|| {
        let subreaper = fork(|channel| {
            become_subreaper();
            orphan().end_waited_for();
            let late = orphan();
            channel.send(late.pid);
            channel.send_fd(late.channel.fd());
            channel.receive();
            quit(0);
        });
        let pid = subreaper.receive();
        let channel = received(&subreaper);
        end_maker(subreaper);
        Orphan { channel, pid }.end_reaped();
    });
}

/// A thread's children are its process's when it has ended.
fn a_process_keeps_the_children_of_its_threads() {
    in_a_namespace(|| {
        let member = fork(|_| child_of_a_thread().end_waited_for());
        check!(member.wait(), End::Exit(0));
    });
}

/// The init of a namespace is an orphan like any other, in the one above; and its own children are its own.
fn a_namespace_below() {
    in_a_namespace(|| {
        let maker = fork(|channel| {
            let inner = new_ns(|channel| {
                signal_state::reset();
                channel.send(0);
                channel.receive();
                let child = fork(wait_and_end);
                child.send(0);
                wait_for_zombie(child.pid);
                check!(child.wait(), End::Exit(STATUS));
                orphan().end_reaped();
            });
            inner.receive();
            channel.send(inner.pid);
            channel.send_fd(inner.channel.fd());
            channel.receive();
            quit(0);
        });
        let pid = maker.receive();
        let channel = received(&maker);
        end_maker(maker);
        Orphan { channel, pid }.end_reaped();
    });
}

/// What an orphan has made is its own.
fn children_of_an_orphan() {
    in_a_namespace(|| {
        let (mine, theirs) = Channel::pair();
        let maker = fork(|channel| {
            let child = fork(|_| {
                theirs.receive();
                let own = fork(wait_and_end);
                own.send(0);
                wait_for_zombie(own.pid);
                check!(own.wait(), End::Exit(STATUS));
                theirs.send(pid());
            });
            channel.send(child.pid);
        });
        let number = maker.receive();
        check!(maker.wait(), End::Exit(0));
        mine.send(0);
        check!(mine.receive(), number);
        gone(number);
    });
}
