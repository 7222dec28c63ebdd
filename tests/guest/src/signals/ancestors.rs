//! Signals over several levels, to groups, and at the death of a parent.

use nix::sys::signal::Signal;

use crate::catch::{self, catch_and_tell};
use crate::harness::Test;
use crate::mail::Mail;
use crate::mode;
use crate::process::{
    become_subreaper, echo, fork, kill, new_ns, sleep_for_ever, unshare_pid, wait_for, End,
};
use crate::talk::Talk;
use crate::way::WAYS;

pub const TESTS: &[Test] = tests![
    a_grandparent_is_an_ancestor,
    an_inner_init_dies_for_the_outer_one,
    kill_all_one_level_up_kills_those_below,
    kill_of_a_group_with_an_init,
    a_parents_death_kills_init,
    a_parents_death_with_a_default_action,
    a_parents_death_with_a_handler,
    a_parents_death_inside,
];

fn a_grandparent_is_an_ancestor() {
    mode::as_mainline();
    let mail = Mail::new();
    let outer = new_ns(|talk| {
        let inner = new_ns(|talk| {
            mail.send();
            catch_and_tell(talk, &[libc::SIGTERM]);
        });
        inner.hear();
        talk.say(0);
        talk.say_all(&inner.hear_all());
        check!(
            inner.wait(),
            End::Killed(libc::SIGKILL),
            "the end of the inner init"
        );
        echo(talk);
    });
    let inner = mail.receive();
    outer.hear();
    check!(
        kill(inner, libc::SIGINT),
        Ok(()),
        "a default action, which does nothing"
    );
    check!(kill(inner, libc::SIGTERM), Ok(()));
    check!(
        outer.hear_all()[..3],
        [libc::SIGTERM, libc::SI_USER, 0],
        "signal, si_code and si_pid"
    );
    check!(kill(inner, libc::SIGKILL), Ok(()));
    outer.check_alive();
}

fn an_inner_init_dies_for_the_outer_one() {
    mode::as_mainline();
    let outer = new_ns(|talk| {
        for way in WAYS {
            let inner = new_ns(echo);
            check!(way.send(inner.pid, libc::SIGTERM), Ok(()));
            inner.check_alive();
            let killer = fork(|_| check!(way.send(inner.pid, libc::SIGKILL), Ok(())));
            check!(killer.wait(), End::Exit(0));
            check!(
                inner.wait(),
                End::Killed(libc::SIGKILL),
                "the inner init's end by {way:?}"
            );
        }
        echo(talk);
    });
    outer.check_alive();
}

fn kill_all_one_level_up_kills_those_below() {
    mode::as_mainline();
    let (mine, theirs) = Talk::pair();
    let outer = new_ns(|talk| {
        let inner = new_ns(|talk| {
            fork(|_| sleep_for_ever());
            talk.say(0);
            sleep_for_ever();
        });
        inner.hear();
        drop(theirs);
        let killer = fork(|talk| {
            check!(kill(-1, libc::SIGTERM), Ok(()), "SIGTERM to all");
            check!(
                kill(inner.pid, 0),
                Ok(()),
                "the inner init after SIGTERM to all"
            );
            check!(kill(-1, libc::SIGKILL), Ok(()), "SIGKILL to all");
            talk.say(0);
        });
        killer.hear();
        check!(
            inner.wait(),
            End::Killed(libc::SIGKILL),
            "the end of the inner init"
        );
        echo(talk);
    });
    outer.check_alive();
    drop(mine);
}

fn kill_of_a_group_with_an_init() {
    mode::as_mainline();
    unshare_pid();
    let init = fork(|talk| {
        nix::unistd::setsid().expect("setsid");
        let member = fork(|_| sleep_for_ever());
        talk.say(0);
        check!(
            member.wait(),
            End::Killed(libc::SIGTERM),
            "the end of a member in init's group"
        );
        echo(talk);
    });
    init.hear();
    check!(
        kill(-init.pid, libc::SIGTERM),
        Ok(()),
        "SIGTERM to init's group"
    );
    init.check_alive();
    check!(
        kill(-init.pid, libc::SIGKILL),
        Ok(()),
        "SIGKILL to init's group"
    );
    check!(init.wait(), End::Killed(libc::SIGKILL));
}

/// An init whose maker dies; `story` is init's, after it has asked for `signal` at that moment.
/// Returns init's number here and the line to it.
fn init_of_a_dying_maker(signal: Signal, story: fn(&Talk)) -> (i32, Talk) {
    become_subreaper();
    let (mine, theirs) = Talk::pair();
    let maker = fork(|talk| {
        let init = new_ns(|talk| {
            nix::sys::prctl::set_pdeathsig(signal).expect("PR_SET_PDEATHSIG");
            talk.say(0);
            story(&theirs);
        });
        init.hear();
        talk.say(init.pid);
        sleep_for_ever();
    });
    let init = maker.hear();
    maker.end();
    (init, mine)
}

fn a_parents_death_kills_init() {
    let (init, _line) = init_of_a_dying_maker(Signal::SIGKILL, |_| sleep_for_ever());
    check!(
        wait_for(init),
        End::Killed(libc::SIGKILL),
        "the end of init with its maker"
    );
}

fn a_parents_death_with_a_default_action() {
    mode::as_mainline();
    let (_, line) = init_of_a_dying_maker(Signal::SIGTERM, echo);
    line.say(3);
    check!(
        line.hear(),
        3,
        "the answer of init after SIGTERM at its maker's death"
    );
}

fn a_parents_death_with_a_handler() {
    catch::block(Signal::SIGTERM);
    let (_, line) = init_of_a_dying_maker(Signal::SIGTERM, |talk| {
        catch::catch(&[libc::SIGTERM]);
        catch::unblock(Signal::SIGTERM);
        talk.say_all(&catch::next().to_numbers()[..4]);
    });
    check!(
        line.hear_all(),
        [libc::SIGTERM, libc::SI_USER, 0, 0],
        "signal, si_code, si_pid and si_uid"
    );
}

fn a_parents_death_inside() {
    let init = new_ns(|talk| {
        let parent = fork(|talk| {
            let child = fork(|talk| {
                nix::sys::prctl::set_pdeathsig(Signal::SIGTERM).expect("PR_SET_PDEATHSIG");
                talk.say(0);
                sleep_for_ever();
            });
            child.hear();
            talk.say(child.pid);
        });
        let child = parent.hear();
        check!(parent.wait(), End::Exit(0));
        check!(
            wait_for(child),
            End::Killed(libc::SIGTERM),
            "the end of a member with its parent"
        );
        talk.say(0);
    });
    init.hear();
}
