//! Who becomes the parent of a process whose own has gone.

use crate::channel::Channel;
use crate::harness::Test;
use crate::process::{
    become_subreaper, fork, new_ns, ppid, quit, unshare_pid, wait_any, wait_for_message, Child, End,
};

pub const TESTS: &[Test] = tests![
    orphans_come_to_init,
    init_reaps_an_orphan_with_its_status,
    orphans_come_to_a_subreaper_inside,
    orphans_do_not_come_to_a_subreaper_outside,
    orphans_of_a_member_from_outside_come_to_init,
    inits_children_of_a_dead_maker_stay,
];

/// Starts a child that starts another and goes away; returns the channel to the orphan and its
/// number. The orphan answers the first message with its parent's number and exits with 4.
fn orphan() -> (Channel, Child) {
    let (mine, theirs) = Channel::pair();
    let parent = fork(|_| {
        fork(|_| {
            theirs.receive();
            theirs.send(ppid());
            quit(4);
        });
    });
    check!(parent.wait(), End::Exit(0));
    (mine, parent)
}

fn parent_of(orphan: &Channel) -> i32 {
    orphan.send(0);
    orphan.receive()
}

fn orphans_come_to_init() {
    let init = new_ns(|channel| {
        let member = fork(|channel| {
            let (orphan, _) = orphan();
            channel.send(parent_of(&orphan));
        });
        channel.send(member.receive());
    });
    check!(init.receive(), 1, "an orphan's parent");
}

fn init_reaps_an_orphan_with_its_status() {
    let init = new_ns(|channel| {
        let (orphan, parent) = orphan();
        check!(parent_of(&orphan), 1);
        let (number, end) = wait_any();
        check!(end, End::Exit(4));
        channel.send_all(&[parent.pid, number]);
    });
    check!(
        init.receive_all(),
        [2, 3],
        "the parent's and the orphan's number"
    );
}

fn orphans_come_to_a_subreaper_inside() {
    let init = new_ns(|channel| {
        let subreaper = fork(|channel| {
            become_subreaper();
            let member = fork(|channel| {
                let (orphan, _) = orphan();
                channel.send(parent_of(&orphan));
            });
            channel.send_all(&[crate::process::pid(), member.receive()]);
        });
        channel.send_all(&subreaper.receive_all());
    });
    check!(
        init.receive_all(),
        [2, 2],
        "the subreaper's number and the orphan's parent"
    );
}

fn orphans_do_not_come_to_a_subreaper_outside() {
    become_subreaper();
    let init = new_ns(|channel| {
        let member = fork(|channel| {
            let (orphan, _) = orphan();
            channel.send(parent_of(&orphan));
        });
        channel.send(member.receive());
    });
    check!(
        init.receive(),
        1,
        "an orphan's parent below a subreaper outside"
    );
}

fn orphans_of_a_member_from_outside_come_to_init() {
    become_subreaper();
    unshare_pid();
    let init = fork(wait_for_message);
    let (orphan, _) = orphan();
    check!(
        parent_of(&orphan),
        1,
        "the parent of an orphan whose grandparent is outside"
    );
    init.send(0);
    check!(init.wait(), End::Exit(0));
}

fn inits_children_of_a_dead_maker_stay() {
    become_subreaper();
    let maker = fork(|channel| {
        let init = new_ns(|_| {
            let child = fork(wait_for_message);
            child.send(0);
            check!(child.wait(), End::Exit(0));
            check!(ppid(), 0, "init's parent, made by one that may be gone");
            quit(6);
        });
        channel.send(init.pid);
    });
    let init = maker.receive();
    check!(maker.wait(), End::Exit(0));
    check!(
        wait_any(),
        (init, End::Exit(6)),
        "init, adopted by the subreaper outside"
    );
}
