//! Who becomes the parent of a process whose own has gone.

use crate::harness::Test;
use crate::process::{
    become_subreaper, fork, new_ns, ppid, quit, unshare_pid, wait_any, wait_for_word, Child, End,
};
use crate::talk::Talk;

pub const TESTS: &[Test] = tests![
    orphans_come_to_init,
    init_reaps_an_orphan_with_its_status,
    orphans_come_to_a_subreaper_inside,
    orphans_do_not_come_to_a_subreaper_outside,
    orphans_of_a_member_from_outside_come_to_init,
    inits_children_of_a_dead_maker_stay,
];

/// Starts a child that starts another and goes away; returns the line to the orphan and its
/// number. The orphan answers the first word with its parent's number and exits with 4.
fn orphan() -> (Talk, Child) {
    let (mine, theirs) = Talk::pair();
    let parent = fork(|_| {
        fork(|_| {
            theirs.hear();
            theirs.say(ppid());
            quit(4);
        });
    });
    check!(parent.wait(), End::Exit(0));
    (mine, parent)
}

fn parent_of(orphan: &Talk) -> i32 {
    orphan.say(0);
    orphan.hear()
}

fn orphans_come_to_init() {
    let init = new_ns(|talk| {
        let member = fork(|talk| {
            let (orphan, _) = orphan();
            talk.say(parent_of(&orphan));
        });
        talk.say(member.hear());
    });
    check!(init.hear(), 1, "an orphan's parent");
}

fn init_reaps_an_orphan_with_its_status() {
    let init = new_ns(|talk| {
        let (orphan, parent) = orphan();
        check!(parent_of(&orphan), 1);
        let (number, end) = wait_any();
        check!(end, End::Exit(4));
        talk.say_all(&[parent.pid, number]);
    });
    check!(
        init.hear_all(),
        [2, 3],
        "the parent's and the orphan's number"
    );
}

fn orphans_come_to_a_subreaper_inside() {
    let init = new_ns(|talk| {
        let subreaper = fork(|talk| {
            become_subreaper();
            let member = fork(|talk| {
                let (orphan, _) = orphan();
                talk.say(parent_of(&orphan));
            });
            talk.say_all(&[crate::process::pid(), member.hear()]);
        });
        talk.say_all(&subreaper.hear_all());
    });
    check!(
        init.hear_all(),
        [2, 2],
        "the subreaper's number and the orphan's parent"
    );
}

fn orphans_do_not_come_to_a_subreaper_outside() {
    become_subreaper();
    let init = new_ns(|talk| {
        let member = fork(|talk| {
            let (orphan, _) = orphan();
            talk.say(parent_of(&orphan));
        });
        talk.say(member.hear());
    });
    check!(
        init.hear(),
        1,
        "an orphan's parent below a subreaper outside"
    );
}

fn orphans_of_a_member_from_outside_come_to_init() {
    become_subreaper();
    unshare_pid();
    let init = fork(wait_for_word);
    let (orphan, _) = orphan();
    check!(
        parent_of(&orphan),
        1,
        "the parent of an orphan whose grandparent is outside"
    );
    init.say(0);
    check!(init.wait(), End::Exit(0));
}

fn inits_children_of_a_dead_maker_stay() {
    become_subreaper();
    let maker = fork(|talk| {
        let init = new_ns(|_| {
            let child = fork(wait_for_word);
            child.say(0);
            check!(child.wait(), End::Exit(0));
            check!(ppid(), 0, "init's parent, made by one that may be gone");
            quit(6);
        });
        talk.say(init.pid);
    });
    let init = maker.hear();
    check!(maker.wait(), End::Exit(0));
    check!(
        wait_any(),
        (init, End::Exit(6)),
        "init, adopted by the subreaper outside"
    );
}
