// SPDX-License-Identifier: GPL-2.0

//! The soft fall of a namespace. When a signal from outside ends its init by the default action, the members get that signal as
//! well, and some time to end by themselves ([`settings::grace_ms`]), before the kernel kills what is left, as ever. So a server behind a
//! shell that is the init runs its handler.
//!
//! The init waits for them at the beginning of `do_exit`: it still has its files and its terminal, orphans come to it, and
//! whoever is outside sees a process that has not ended yet. A SIGKILL from outside ends the wait.

use super::{
    info::{
        of_kill,
        Info, //
    },
    settings,
    siglock::{
        wake_process,
        Thread, //
    },
    sigset::Sigset,
    verdict::{
        Sender,
        SIGKILL, //
    },
};
use crate::{
    bindings,
    chain::{
        Tasklist, //
    },
    imports::{
        arguments::WholeProcess,
        kernel_fn, //
    },
    module::Loaded,
    object::{
        Pid,
        PidNs,
        PidType, //
    },
    task::Current,
};
use core::sync::atomic::{
    fence,
    Ordering, //
};
use kernel::{
    prelude::*,
    sync::rcu,
    time::{
        msecs_to_jiffies,
        Instant,
        Monotonic, //
    },
};

/// In [`super::kept::Kept::fall`], where the signal lies that has ended the init; 0 if it has not, or its namespace does not fall softly.
const SIGNAL: u32 = 0x7f;
/// As above: a thread of the init sees to it.
const UNDER_WAY: u32 = 1 << 7;
/// As above: who is in the init's process group has the signal already.
const GROUP: u32 = 1 << 8;
/// As above, and not a part of the fall: the last signal that acts and that a terminal has sent to the init's whole process
/// group; 0 if it was sent otherwise since.
const TO_GROUP: u32 = SIGNAL << TO_GROUP_SHIFT;
const TO_GROUP_SHIFT: u32 = 16;

/// After how long the init looks first whether all are gone, and at the latest again, in milliseconds. Nothing tells it:
/// `free_pid` does so only when no more numbers are given out.
const FIRST_LOOK_MS: u32 = 1;
const LOOK_MS: u32 = 16;
/// After how long those that wait beside it look by themselves, and how much longer than it they wait at most.
const BESIDE_MS: u32 = 1000;

/// The init of `ns` ends by `sig`, which is from this `sender` and has its default action: from outside, the fall is soft. The
/// `siglock` of the init is held.
pub(super) fn begin(ns: &PidNs, sig: c_int, sender: Sender) {
    if sender == Sender::Ancestor && settings::grace_ms(ns) != 0 {
        change(ns, |word| {
            let to_group = word & TO_GROUP;
            let is_to_group = to_group == (sig as u32) << TO_GROUP_SHIFT;
            to_group | sig as u32 | if is_to_group { GROUP } else { 0 }
        });
        // Before the group's exit, which comes next: it is looked at without a lock ([`of_init`]).
        fence(Ordering::Release);
    }
}

/// A `sig` that acts is sent to the init of `ns`, if `to_group` by a terminal and to its whole process group. (Of what a task sends
/// to a group, some of that may not get it: permissions are asked for each.) The `siglock` of the init is held.
pub(super) fn sent(ns: &PidNs, sig: c_int, to_group: bool) {
    let this = (sig as u32) << TO_GROUP_SHIFT;
    let there = ns.kept().fall.load(Ordering::Relaxed) & TO_GROUP;
    if to_group || there == this {
        let to_group = if to_group { this } else { 0 };
        change(ns, |word| word & !TO_GROUP | to_group);
    }
}

/// The init of which `t` is a thread may end by something else than the signal by which a fall has begun, or not at all: another thread
/// of it was faster. Its namespace does not fall softly then.
pub(super) fn check(t: &Thread) {
    let process = t.process();
    let by = process.group_exit_code().get() as u32 & SIGNAL;
    if !process.is_exiting() || t.active_ns().kept().fall.load(Ordering::Relaxed) & SIGNAL != by {
        cut_short(t);
    }
}

/// What is left of the namespace of `t`, a thread of its init, is killed at once; or the init does not end after all.
pub(super) fn cut_short(t: &Thread) {
    let was = change(t.active_ns(), |word| word & TO_GROUP);
    if was & UNDER_WAY != 0 {
        // Those that wait; others look what has woken them, and find nothing.
        for thread in t.process().threads() {
            wake_process(thread);
        }
    }
}

/// Returns what was there. Any context: whoever changes it may be met by the end of a wait.
fn change(ns: &PidNs, f: impl Fn(u32) -> u32) -> u32 {
    let fall = &ns.kept().fall;
    fall.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |word| Some(f(word)))
        .unwrap_or_default()
}

/// The current task `me` exits with its whole process, and is in `exit_signals`. If that is the init of a namespace which falls softly,
/// its first thread that comes here waits for the members, and the others beside it. May sleep for the time of grace; the module is
/// kept meanwhile.
#[inline]
pub(super) fn of_init(me: &Current) {
    // What was written before the exit that the caller has seen.
    fence(Ordering::Acquire);
    let ns = me.active_ns();
    if !ns.is_initial() && me.tgid().is_init() {
        begin_to_wait(me, ns);
    }
}

#[cold]
#[inline(never)]
fn begin_to_wait(me: &Current, ns: &PidNs) {
    let fall = &ns.kept().fall;
    // Who works for the kernel has nothing that the members know, and whoever stops it waits until it has exited.
    let passes = bindings::PF_USER_WORKER | bindings::PF_EXITING;
    if fall.load(Ordering::Relaxed) & SIGNAL == 0 || me.flags() & passes != 0 {
        return;
    }
    let Some(_loaded) = Loaded::get() else {
        return;
    };
    // Before it claims: the clock of those beside it, which begins when they see that, is never the older one.
    let (began, most_ms) = (Instant::now(), settings::grace_ms(ns));
    let claimed = fall.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |word| {
        let is_for_me = word & SIGNAL != 0 && word & UNDER_WAY == 0;
        is_for_me.then_some(word | UNDER_WAY)
    });
    forget_sigkill(me);
    if let Ok(word) = claimed {
        signal_members(me, ns, (word & SIGNAL) as c_int, word & GROUP != 0);
        wait_for_members(me, ns, began, most_ms);
    } else {
        wait_beside(me, ns);
    }
    with_siglock(me, cut_short);
}

/// Does `f` with the `siglock` of `me`, unless that has gone on in `exit_signals`.
fn with_siglock(me: &Current, f: impl FnOnce(&Thread)) {
    if me.flags() & bindings::PF_EXITING == 0 {
        // SAFETY: The current task alone sets the flag, long before anybody reaps it.
        unsafe { me.with_siglock(f) }
    }
}

/// Waits while another thread of the init of `ns` waits for the members, so that this one keeps, too, what ends with it: its children
/// whom its death kills, its tracees, its files. Whoever ends the wait wakes it; if nobody does (that one is frozen, or an oops has
/// ended it), it goes on by itself when that one had to. May sleep.
fn wait_beside(me: &Current, ns: &PidNs) {
    let began = Instant::<Monotonic>::now();
    let most_ms = i64::from(settings::grace_ms(ns)) + i64::from(BESIDE_MS);
    let goes_on = || {
        let is_under_way = ns.kept().fall.load(Ordering::Relaxed) & UNDER_WAY != 0;
        is_under_way && began.elapsed().as_millis() < most_ms && !me.signal().is_oom_victim()
    };
    while goes_on() {
        sleep_while(goes_on, BESIDE_MS);
    }
}

/// Sleeps for so long at most, and not if it does not `go_on`.
fn sleep_while(goes_on: impl Fn() -> bool, ms: u32) {
    // Before it looks: whoever ends the wait does that first, and wakes it then.
    kernel_fn::set_current_idle();
    if goes_on() {
        kernel_fn::schedule_timeout(msecs_to_jiffies(ms) as c_long);
    }
    kernel_fn::set_current_running();
}

/// Takes back the SIGKILL by which the end of its process was told to the current task `me`, as `get_signal` does on the usual way:
/// who finds one pending sends no other.
fn forget_sigkill(me: &Current) {
    with_siglock(me, |me| me.pending().signals().remove(SIGKILL));
}

/// Waits until the members of `ns` are gone, or the time is over that was theirs when the fall `began`. Whoever may set that meanwhile
/// can end the wait, and not make it longer: a member may. May sleep.
fn wait_for_members(me: &Current, ns: &PidNs, began: Instant<Monotonic>, most_ms: u32) {
    let grace_ms = || i64::from(settings::grace_ms(ns).min(most_ms));
    let left = || grace_ms() - began.elapsed().as_millis();
    let goes_on = || {
        let is_soft = ns.kept().fall.load(Ordering::Relaxed) & SIGNAL != 0;
        is_soft && left() > 0 && !me.signal().is_oom_victim()
    };
    let mut look = FIRST_LOOK_MS;
    loop {
        me.reap_dead_children(goes_on);
        if !goes_on() || !has_members(me, ns) {
            return;
        }
        sleep_while(goes_on, look.min(left().max(1) as u32));
        look = (look * 2).min(LOOK_MS);
    }
}

/// Whether `ns` has a number in use that is not one of its init's, of which the current task `me` is a thread. Its threads have one
/// each, and the first of all stays, as a zombie, until the last is gone.
fn has_members(me: &Current, ns: &PidNs) -> bool {
    let has_more_numbers = || {
        let numbers = ns.pid_allocated() & !bindings::PIDNS_ADDING;
        // Of a thread that has exited the number goes last: in this order that one may be taken for a member, and no member for that.
        fence(Ordering::Acquire);
        i64::from(numbers) > i64::from(me.signal().nr_threads())
    };
    if has_more_numbers() {
        return true;
    }
    // A thread that was born in between counts as one, and its number may not: who works for the kernel may still make some.
    let _tasklist = Tasklist::lock();
    has_more_numbers()
}

/// Sends `sig` to every process of `ns` but its init's, and those of its group if that has it, as from outside, and to the inits of
/// the namespaces below it, which see to their own members. While the lock is held no fork ends; a child whose fork has begun gets
/// what its parent does (`kernel/signal.c: __send_signal_locked`, of what is sent to more than one process).
fn signal_members(me: &Current, ns: &PidNs, sig: c_int, group_has_it: bool) {
    let rcu = rcu::read_lock();
    let tasklist = Tasklist::lock();
    let uid = kernel_fn::from_kuid_munged(me.cred(&rcu).user_ns(), kernel_fn::current_uid());
    let info = of_kill(sig, uid);
    let Some(info) = Info::of(&info).siginfo() else {
        return;
    };
    ns.for_each_member(PidType::Tgid, &rcu, &tasklist, |pid, task| {
        let has_it = group_has_it && task.signal().group() == me.signal().group();
        if is_addressed(pid, ns) && !has_it {
            kernel_fn::do_send_sig_info(sig, info, task, WholeProcess);
        }
    });
}

/// Whether the process with this pid, which has a number in `ns`, is a member of that itself, or the init of the next one.
fn is_addressed(pid: &Pid, ns: &PidNs) -> bool {
    let below = pid.level().saturating_sub(ns.level());
    below == 0 || below == 1 && pid.is_init()
}
