//! Namespaces in namespaces, down to the thirty-second.

use nix::errno::Errno;

use crate::channel::Channel;
use crate::clone::{Clone, NEWPID};
use crate::harness::{scale, Test};
use crate::mode;
use crate::proc_fs::Proc;
use crate::process::{attempt_fork, kill, new_ns, pid, ppid, unshare, End};
use crate::scm_credentials::CredentialsSocket;

pub const TESTS: &[Test] = tests![
    thirty_two_levels_and_no_more,
    unshare_at_the_bottom_is_refused,
    everybody_is_one_and_has_no_parent,
    the_bottoms_number_at_every_level,
    each_level_sees_those_below,
    numbers_on_demand_at_every_level,
    a_fork_storm_at_the_bottom,
    the_tower_ends_with_its_first,
    the_tower_ends_from_the_middle,
    a_grandparent_kills_the_bottom,
];

const DEEPEST: i32 = 32;

/// Builds namespaces below the caller's, one in another, down to the thirty-second. `at` is what
/// each level's init runs once the levels below it stand; the innermost comes first.
fn tower(level: i32, at: &dyn Fn(i32, &Channel)) {
    tower_to(DEEPEST, level, at);
}

fn tower_to(deepest: i32, level: i32, at: &dyn Fn(i32, &Channel)) {
    let init = new_ns(|channel| {
        if level < deepest {
            tower_to(deepest, level + 1, at);
        }
        at(level, channel);
        channel.send(level);
        channel.receive_or_end();
    });
    check!(init.receive(), level, "the level that stands");
    // The channel stays open for as long as this process lives, and so does the level below.
    std::mem::forget(init);
}

fn thirty_two_levels_and_no_more() {
    tower(1, &|level, _| {
        let more = Clone::new(NEWPID).attempt();
        check!(
            more.is_ok(),
            level < DEEPEST,
            "a namespace below level {level}: {more:?}"
        );
        if level == DEEPEST {
            check!(more, Err(Errno::ENOSPC), "a thirty-third level");
            check!(attempt_fork(), Ok(2), "a plain fork at the bottom");
        }
    });
}

fn unshare_at_the_bottom_is_refused() {
    tower(1, &|level, _| {
        if level == DEEPEST {
            check!(unshare(libc::CLONE_NEWPID), Err(Errno::ENOSPC));
            check!(
                unshare(libc::CLONE_NEWPID | libc::CLONE_NEWUTS),
                Err(Errno::ENOSPC)
            );
            check!(attempt_fork(), Ok(2));
        }
    });
}

fn everybody_is_one_and_has_no_parent() {
    tower(1, &|level, _| {
        check!(
            (pid(), ppid()),
            (1, 0),
            "init and its parent at level {level}"
        )
    });
}

fn the_bottoms_number_at_every_level() {
    let socket = CredentialsSocket::new();
    tower(1, &|level, _| {
        if level == DEEPEST {
            (0..DEEPEST).for_each(|_| socket.send());
        } else {
            // Level L gave 2 to the init of L+1, 3 to that of L+2, and so on.
            check!(
                socket.receive(),
                DEEPEST - level + 1,
                "the bottom's number at level {level}"
            );
        }
    });
    check!(
        kill(socket.receive(), 0),
        Ok(()),
        "kill of the bottom by its number at level 0"
    );
}

fn each_level_sees_those_below() {
    tower(1, &|level, _| {
        let proc = Proc::mount();
        let below = DEEPEST - level;
        check!(
            proc.pids(),
            (1..=below + 1).collect::<Vec<i32>>(),
            "processes in /proc at level {level}"
        );
        check!(
            kill(below + 1, 0),
            Ok(()),
            "kill of the bottom at level {level}"
        );
        check!(
            kill(below + 2, 0),
            Err(Errno::ESRCH),
            "kill of nobody at level {level}"
        );
        let parent = if below == 0 { 0 } else { below };
        check!(
            proc.stat(&(below + 1).to_string()).ppid,
            parent,
            "the bottom's parent at level {level}"
        );
    });
}

fn numbers_on_demand_at_every_level() {
    const FIRST: i32 = 1000;
    let socket = CredentialsSocket::new();
    tower(1, &|level, _| {
        if level == DEEPEST {
            // From the innermost outwards: 1032 at level 32, 1031 at 31, ..., 1001 at level 1.
            let wish: Vec<i32> = (1..=DEEPEST).rev().map(|l| FIRST + l).collect();
            let member = Clone::new(0).set_tid(&wish).start(|channel| {
                (1..=DEEPEST).for_each(|_| socket.send());
                channel.send(pid());
                channel.receive_or_end();
            });
            let member = member.expect("clone3 with 32 numbers");
            check!(member.receive(), FIRST + DEEPEST);
            std::mem::forget(member);
        }
        check!(
            socket.receive(),
            FIRST + level,
            "the member's number at level {level}"
        );
    });
}

fn a_fork_storm_at_the_bottom() {
    let forks = scale(300, 100);
    tower(1, &|level, _| {
        if level == DEEPEST {
            for number in 2..2 + forks {
                check!(attempt_fork(), Ok(number));
            }
        }
    });
}

fn the_tower_ends_with_its_first() {
    let (mine, theirs) = Channel::pair();
    let first = new_ns(|channel| {
        tower(2, &|_, _| ());
        channel.send(0);
        channel.receive_or_end();
    });
    first.receive();
    drop(theirs);
    first.end();
    mine.receive_end();
}

fn the_tower_ends_from_the_middle() {
    const MIDDLE: i32 = 16;
    let (above, above_theirs) = Channel::pair();
    let first = new_ns(|channel| {
        tower_to(MIDDLE - 1, 2, &|level, channel| {
            if level < MIDDLE - 1 {
                return;
            }
            let (below, below_theirs) = Channel::pair();
            let middle = new_ns(|channel| {
                tower(MIDDLE + 1, &|_, _| ());
                channel.send(0);
                channel.receive_or_end();
            });
            middle.receive();
            drop(below_theirs);
            middle.end();
            below.receive_end();
            check!(
                Clone::new(NEWPID).attempt_inside(),
                Ok(1),
                "a new namespace above the fallen part"
            );
            let _ = channel;
        });
        channel.send(0);
        channel.receive();
    });
    first.receive();
    drop(above_theirs);
    first.send(0);
    check!(first.wait(), End::Exit(0), "the part above the fallen one");
    above.receive_end();
}

fn a_grandparent_kills_the_bottom() {
    mode::as_mainline();
    let first = new_ns(|channel| {
        tower(2, &|_, _| ());
        let bottom = DEEPEST;
        check!(kill(bottom, libc::SIGTERM), Ok(()), "SIGTERM to the bottom");
        check!(
            Proc::mount().pids().len() as i32,
            DEEPEST,
            "processes after SIGTERM"
        );
        check!(kill(bottom, libc::SIGKILL), Ok(()), "SIGKILL to the bottom");
        crate::process::eventually("the bottom is a zombie", || {
            (Proc::mount().stat(&bottom.to_string()).state == 'Z').then_some(())
        });
        check!(
            kill(bottom - 1, 0),
            Ok(()),
            "the level above the bottom lives"
        );
        channel.send(0);
    });
    check!(first.receive(), 0);
    check!(first.wait(), End::Exit(0));
}
