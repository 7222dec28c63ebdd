//! An init of many threads ends with the last of them.

use nix::unistd::Pid;

use super::family;
use crate::channel::Channel;
use crate::harness::{scale, Test};
use crate::process::{
    attempt_fork, echo, eventually, fork, new_ns, quit, quit_thread, sleep_for_ever, wait_for,
    wait_for_message, End,
};

pub const TESTS: &[Test] = tests![
    the_leader_leaves_and_a_thread_stays,
    the_leader_leaves_and_init_is_killed,
    a_thread_ends_the_whole_init,
    many_threads_leave_one_by_one,
];

fn the_leader_leaves_and_a_thread_stays() {
    let (mine, theirs) = Channel::pair();
    let init = new_ns(|channel| {
        fork(|_| sleep_for_ever());
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let leader = Pid::from_raw(1);
                eventually("the leader is a zombie", || {
                    (crate::proc_fs::Proc::mount().stat("1/task/1").state == 'Z').then_some(leader)
                });
                channel.receive();
                channel.send_all(&[
                    crate::process::pid(),
                    attempt_fork().expect("fork by a thread of init"),
                ]);
                let parent = fork(|channel| {
                    let orphan = fork(wait_for_message);
                    channel.send(orphan.pid);
                });
                let orphan = parent.receive();
                check!(parent.wait(), End::Exit(0));
                check!(
                    wait_for(orphan),
                    End::Exit(0),
                    "an orphan adopted by init's last thread"
                );
                channel.send(orphan);
                channel.receive();
                quit_thread(5);
            });
            quit_thread(3);
        });
    });
    drop(theirs);
    init.send(0);
    // 1 is init, 2 its child, 3 its thread.
    check!(
        init.receive_all(),
        [1, 4],
        "init's number and its next child's, when the leader has left"
    );
    check!(init.receive(), 6);
    init.send(0);
    check!(
        init.wait(),
        End::Exit(5),
        "init's status is that of its last thread"
    );
    mine.receive_end();
}

fn the_leader_leaves_and_init_is_killed() {
    let (mine, theirs) = Channel::pair();
    let init = new_ns(|channel| {
        fork(|_| sleep_for_ever());
        std::thread::scope(|scope| {
            scope.spawn(|| echo(channel));
            quit_thread(3);
        });
    });
    drop(theirs);
    init.check_alive();
    init.end();
    mine.receive_end();
}

fn a_thread_ends_the_whole_init() {
    let (mine, theirs) = Channel::pair();
    let init = new_ns(|_| {
        family();
        std::thread::spawn(|| quit(9));
        sleep_for_ever();
    });
    drop(theirs);
    check!(init.wait(), End::Exit(9));
    mine.receive_end();
}

fn many_threads_leave_one_by_one() {
    for round in 0..scale(20, 8) {
        let (mine, theirs) = Channel::pair();
        let init = new_ns(|channel| {
            fork(|_| sleep_for_ever());
            for _ in 0..8 {
                std::thread::spawn(move || quit_thread(round));
            }
            channel.send(0);
            quit_thread(round);
        });
        drop(theirs);
        init.receive();
        check!(
            init.wait(),
            End::Exit(round),
            "init's status is its threads'"
        );
        mine.receive_end();
    }
}
