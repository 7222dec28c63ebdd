//! BPF iterators over tasks: they walk the namespace of whoever opened them.

use crate::bpf::{Tasks, Walk, Walker};
use crate::harness::Test;
use crate::ns_file::{NsFile, NS_GET_PID_FROM_PIDNS};
use crate::process::{fork, new_ns, pid, sleepers, wait_for_message, Child};

pub const TESTS: &[Test] = tests![
    a_walk_passes_the_members,
    a_walk_from_below_does_not_pass_those_above,
    a_walk_over_one_task,
    a_walk_of_one_who_entered,
    a_walk_over_a_dead_namespace,
];

/// An init with two children that opens a walk, and the walk.
#[track_caller]
fn opened_inside(walker: &Walker) -> (Child, Walk) {
    let init = new_ns(|channel| {
        let _members = sleepers(2);
        channel.send_fd(walker.open().fd());
        channel.receive_or_end();
    });
    let walk = Walk::from_fd(init.channel.receive_fd());
    (init, walk)
}

/// The number out here of a member.
#[track_caller]
fn out_here(init: &Child, number: i32) -> i32 {
    let file = NsFile::of(init.pid);
    file.ask(NS_GET_PID_FROM_PIDNS, number).expect("a member")
}

fn a_walk_passes_the_members() {
    let walker = Walker::over(Tasks::All);
    let (init, mut walk) = opened_inside(&walker);
    let members = [1, 2, 3].map(|n| out_here(&init, n));
    check!(walk.numbers(), members, "opened inside, in their order");
    let all = walker.open().numbers();
    for number in members.into_iter().chain([1, pid()]) {
        check!(all.contains(&number), true, "{number} from outside");
    }
    check!(all.is_sorted(), true, "{all:?}");
}

fn a_walk_from_below_does_not_pass_those_above() {
    let walker = Walker::over(Tasks::All);
    let outer = new_ns(|channel| {
        let (inner, walk) = opened_inside(&walker);
        channel.send(inner.pid);
        channel.send_fd(walk.fd());
        channel.send_fd(walker.open().fd());
        channel.receive_or_end();
    });
    let inner = out_here(&outer, outer.receive());
    let mut walk = Walk::from_fd(outer.channel.receive_fd());
    let file = NsFile::of(inner);
    let number = |n| file.ask(NS_GET_PID_FROM_PIDNS, n).expect("a member");
    let members = [1, 2, 3].map(number);
    check!(walk.numbers(), members, "of the inner one");
    let mut walk = Walk::from_fd(outer.channel.receive_fd());
    let all = [outer.pid, members[0], members[1], members[2]];
    check!(walk.numbers(), all, "of the outer one");
}

fn a_walk_over_one_task() {
    for tasks in [Tasks::Thread(2), Tasks::Process(2)] {
        let walker = Walker::over(tasks);
        let (init, mut walk) = opened_inside(&walker);
        check!(walk.numbers(), [out_here(&init, 2)], "opened inside");
        check!(walker.open().numbers(), [2], "opened outside");
    }
    let walker = Walker::over(Tasks::Thread(4));
    let (_init, mut walk) = opened_inside(&walker);
    check!(walk.numbers(), [0; 0], "a number that nobody has there");
}

fn a_walk_of_one_who_entered() {
    let walker = Walker::over(Tasks::All);
    let init = new_ns(wait_for_message);
    check!(NsFile::of(init.pid).enter(0), Ok(()));
    let numbers = walker.open().numbers();
    check!(numbers.contains(&pid()), true, "himself, who stays outside");
    let child = fork(|channel| {
        channel.send_fd(walker.open().fd());
        channel.receive_or_end();
    });
    let mut walk = Walk::from_fd(child.channel.receive_fd());
    check!(walk.numbers(), [init.pid, child.pid], "opened by his child");
}

fn a_walk_over_a_dead_namespace() {
    let walker = Walker::over(Tasks::All);
    let (init, mut walk) = opened_inside(&walker);
    init.end();
    check!(walk.numbers(), [0; 0]);
}
