// SPDX-License-Identifier: GPL-2.0

//! A traced init: its tracer sees each signal first, and says which it is to take.

use super::{
    info::of_kill,
    sender::is_outside,
    settings,
    siglock::{
        OwnSiglock,
        Thread, //
    },
    sigset::Sigset,
    take::take,
    to_init::queue_again,
    verdict::{
        self,
        Disposition,
        Sender, //
    },
};
use crate::{
    bindings::{
        self,
        pid_type,
        task_struct, //
    },
    hook::{
        when,
        wrap_kept, //
    },
    imports::kernel_fn,
    module::keep,
    object::{
        fields,
        FromC,
        Object,
        Registers,
        Siginfo,
        SignalStruct,
        Task, //
    },
    task::Current,
};
use kernel::{
    ffi::c_ulong,
    prelude::*, //
};

/// In `task_struct.ptrace_message`, which is 0 but during a stop: `dequeue_signal` has just taken a signal that
/// `ptrace_stop` is about to show to the tracer, under one hold of the `siglock`. Its number is in the second byte.
const HANDED_OVER: c_ulong = 0x7069_646e_7300_0000;
/// The signal came from outside.
const OUTSIDE: c_ulong = 1;
/// It came from inside. If neither is set, it does not matter; if both are, the init has sent it to itself.
const INSIDE: c_ulong = 2;
/// It was the process's, not the thread's.
const SHARED: c_ulong = 4;

fields! {
    Task {
        /// Only the task itself writes it.
        once message: c_ulong = ptrace_message;
        /// Not null, if somebody who has attached has become the parent. Set without the `siglock`, after that.
        once ptracer_cred: *const bindings::cred = ptracer_cred;
    }
}

fields! {
    SignalStruct {
        /// Its `SIGNAL_` bits. Written under the `siglock`.
        once flags: u32 = flags;
    }
}

/// What a stop that is not about a signal shows.
const SIGTRAP: c_int = bindings::SIGTRAP as c_int;

/// The mark of a signal of which nothing else is known.
fn mark_of(sig: c_int) -> c_ulong {
    HANDED_OVER | (sig as c_ulong) << 8
}

/// Tells [`ptrace_stop`] about the signal `sig` that `me`, the current init, has dequeued.
pub(super) fn hand_over(me: &Thread, sig: c_int, sender: Option<Sender>, type_: pid_type) {
    let mut message = mark_of(sig);
    message |= match sender {
        Some(Sender::Ancestor) => OUTSIDE,
        Some(Sender::Inside) => INSIDE,
        Some(Sender::Itself) => OUTSIDE | INSIDE,
        Some(Sender::Kernel) | None => 0,
    };
    if type_ != bindings::pid_type_PIDTYPE_PID {
        message |= SHARED;
    }
    me.ptrace_message().set(message);
}

/// Takes back what no stop has followed: the compiler may have made the first lines of `ptrace_stop`, which return to
/// whom somebody kills or sets free, part of its callers.
pub(super) fn take_back(me: &Thread) {
    let message = me.ptrace_message();
    if message.get() & !0xffff == HANDED_OVER {
        message.set(0);
    }
}

/// The condition of the hook on `ptrace_stop`: whether the current task is an init that shows a signal to its tracer. Leaves
/// a reference to the module: it stays there for as long as the tracer likes. If the module goes, the stop is the
/// kernel's alone.
pub(crate) fn shows_signal(registers: &Registers) -> bool {
    let me = Current::get();
    let shows = shows_handed_over(registers)
        || me.ptrace() != 0
            && me.signal().flags() & bindings::SIGNAL_UNKILLABLE != 0
            && shows_fault(registers)
            && !me.active_ns().is_initial()
            && settings::is_two_sided(me.active_ns());
    shows && keep(registers)
}

when! {
    /// Whether `ptrace_stop` shows the signal that was handed over.
    fn shows_handed_over(shown: c_int = 0) {
        Current::get().message() & !(OUTSIDE | INSIDE | SHARED) == mark_of(shown)
    }

    /// Whether `ptrace_stop` shows a fault: what the kernel takes from the queue without passing `dequeue_signal`.
    fn shows_fault(shown: c_int = 0, why: c_int = 1, info: Option<&Siginfo> = 3) {
        // A stop that is not about a signal has SIGTRAP in both places.
        let is_fault = |info: &Siginfo| {
            info.signo() == shown && info.code() > 0 && (shown, info.code()) != (SIGTRAP, SIGTRAP)
        };
        let is_shown = verdict::is_synchronous(shown) && why == bindings::CLD_TRAPPED as c_int;
        is_shown && info.is_some_and(is_fault)
    }
}

/// The `siglock` that is held when `ptrace_stop` is called for the current task, which is passed.
struct StopsUnder<'l>(OwnSiglock<'l>);

impl FromC for StopsUnder<'_> {
    type C = *mut task_struct;

    #[inline(always)]
    unsafe fn from_c(me: *mut task_struct) -> Self {
        // SAFETY: The caller's promise: the kernel's own function gives the lock up, too.
        Self(unsafe { OwnSiglock::of_get_signal(FromC::from_c(me)) })
    }
}

wrap_kept! {
    /// Wraps `kernel/signal.c: ptrace_stop` when an init shows a signal to its tracer ([`shows_signal`]): a signal that the
    /// tracer lets pass acts by where it came from, and another one by where the tracer stands. A fault that it lets pass acts
    /// as if there were no tracer. The current task's `siglock` is held.
    ///
    /// Sleeps for as long as the tracer likes, and keeps the module meanwhile.
    fn ptrace_stop(
        exit_code: c_int,
        why: c_int,
        message: c_ulong,
        info: Option<&Siginfo>,
    ) -> c_int, original, siglock: StopsUnder<'_> = Current::get().as_ptr() => {
        stop(siglock.0, exit_code, info, |_| original())
    }
}

/// The same, of the signal `shown`, of which `info` tells. `original` gives the `siglock` up and takes it again.
#[inline(always)]
fn stop(
    mut siglock: OwnSiglock<'_>,
    shown: c_int,
    info: Option<&Siginfo>,
    original: impl FnOnce(&mut OwnSiglock<'_>) -> c_int,
) -> c_int {
    let me = siglock.me();
    let handed = me.ptrace_message().replace(0);
    let cred = me.ptracer_cred();
    let mut tracer_outside = !cred.is_null() && is_traced_from_outside(me);

    let sig = original(&mut siglock);
    let me = siglock.me();
    if me.ptrace() != 0 && (cred.is_null() || me.ptracer_cred() == cred) {
        // Who traces it now is who did when the stop began, or was about to attach then: that may be seen by halves, and
        // has taken the `siglock` since. If nobody traces it now, nobody has put a signal in its place.
        tracer_outside = is_attached(me) && is_traced_from_outside(me);
    }
    let Some(info) = info else {
        return sig;
    };
    if sig == 0 || !me.process().is_unkillable() {
        return sig;
    }
    let injected = sig != shown;
    if handed == 0 && !injected {
        let_fault_pass(me, sig);
        return sig;
    }
    let sender = match (settings::is_two_sided(me.active_ns()), injected) {
        (false, _) => None,
        (true, true) if tracer_outside => Some(Sender::Ancestor),
        (true, true) => Some(Sender::Inside),
        (true, false) => match handed & (OUTSIDE | INSIDE) {
            OUTSIDE => Some(Sender::Ancestor),
            INSIDE => Some(Sender::Inside),
            0 => None,
            _ => Some(Sender::Itself),
        },
    };
    if sender == Some(Sender::Ancestor) && sig != info.signo() {
        name_tracer(me, info, sig);
    }
    // What is blocked, or comes after a fatal signal, the kernel sends again, as the init's own.
    if !me.blocked().has(sig) && !kernel_fn::fatal_signal_pending(me) {
        let sig = take(siglock.reborrow(), sig, info, sender);
        // An end that has begun `get_signal` sees by itself; a signal the kernel would send again.
        let ends = kernel_fn::fatal_signal_pending(siglock.me());
        return if ends { 0 } else { sig };
    }
    let Some(sender) = sender.filter(|sender| sender.acts()) else {
        return sig;
    };
    let type_ = if handed & SHARED != 0 {
        bindings::pid_type_PIDTYPE_TGID
    } else {
        bindings::pid_type_PIDTYPE_PID
    };
    queue_again(siglock.locked(), sig, info, type_, sender);
    0
}

/// Whether the parent of `me`, the current task, is its tracer.
fn is_attached(me: &Thread) -> bool {
    !me.ptracer_cred().is_null()
}

/// Whether the tracer of `me`, the current task, is outside its namespace.
fn is_traced_from_outside(me: &Thread) -> bool {
    is_outside(me.parent_task(me).pid(me), me.active_ns())
}

/// A tracer lets a fault of `me`, the current task, pass. Without a tracer `kernel/signal.c: force_sig_info_to_task` would have
/// taken the protection away: nothing keeps an init that has no handler from faulting again, for ever.
fn let_fault_pass(me: &Thread, sig: c_int) {
    let is_default = me.disposition(sig) == Disposition::Default;
    if is_default && !me.blocked().has(sig) && settings::is_two_sided(me.active_ns()) {
        let flags = me.process().flags();
        flags.set(flags.get() & !bindings::SIGNAL_UNKILLABLE);
    }
}

/// Makes `info`, which is that of `me`, the current task, say what the kernel would: that the tracer sent `sig`
/// (`kernel/signal.c: ptrace_signal`). The tracer is outside, and has no number here.
fn name_tracer(me: &Thread, info: &Siginfo, sig: c_int) {
    let tracer = me.parent_task(me).real_cred(me).uid();
    let user_ns = Current::get().cred(me).user_ns();
    let told = of_kill(sig, kernel_fn::from_kuid_munged(user_ns, tracer));
    // SAFETY: The task's own, in which its tracer writes under the `siglock`.
    unsafe { info.as_ptr().write(told) };
}
