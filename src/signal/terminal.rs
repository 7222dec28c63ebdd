// SPDX-License-Identifier: GPL-2.0

//! A Ctrl-C that somebody outside has typed.
//!
//! The kernel makes the signal in a worker that feeds the bytes of a pseudo-terminal's master to its slave: nothing there says who
//! wrote them. So each slave remembers how deep the deepest namespace is of those who have ever written to its master. To a namespace
//! that is deeper than that, all of them stand outside: nobody in it, nor below, has written a byte. The
//! note is made before the bytes are queued, and is for ever.
//!
//! It lies in the half of the slave's `flags` that the kernel does not use on 64 bits, and goes with the terminal. It counts only if
//! the module was complete when the master was opened, and has not gone since.

use super::settings;
use crate::{
    bindings::{
        self,
        file,
        tty_struct, //
    },
    edge::exports,
    hook::{
        when,
        wrap, //
    },
    imports::kernel_fn,
    module,
    object::{
        objects,
        setters,
        Object,
        PidNs, //
    },
    task::Current,
};
use core::sync::atomic::{
    AtomicU32,
    Ordering, //
};
use kernel::{
    ffi::c_ulong,
    prelude::*, //
};

objects! {
    /// A terminal: one side of it.
    Tty(tty_struct);
}

/// What is remembered of a slave: a level, and which load of the module saw its master opened.
#[repr(transparent)]
pub(crate) struct Writers(AtomicU32);

// SAFETY: It is laid out as that, and has interior mutability.
unsafe impl Object for Writers {
    type C = u32;
}

exports! {
    // Of the slave, if it is the master of a pseudo-terminal that `/dev/ptmx` has made.
    writers_to(master: &Tty) -> Option<&Writers> = pidns_tty_writers_to;
    // Of the slave itself.
    writers_of(slave: &Tty) -> &Writers = pidns_tty_writers_of;
    // Whether it has the usual line discipline, whose writers are the tasks that call `write`. It has a reference to its own.
    is_plain(tty: &Tty) -> bool = pidns_tty_is_plain;
    // Whether the characters of a slave are those that were typed, and it has a foreground group.
    may_signal(slave: &Tty) -> bool = pidns_tty_may_signal;
}

const LEVEL: u32 = 0xff;

/// This load of the module, above [`LEVEL`].
static LOAD: AtomicU32 = AtomicU32::new(0);

/// The module is being loaded.
pub(crate) fn begin() {
    LOAD.store((kernel_fn::random() | 1 << 8) & !LEVEL, Ordering::Relaxed);
}

wrap! {
    /// Wraps `drivers/tty/pty.c: pty_open`: nobody has written to a master that is opened for the first time. Never sleeps.
    fn pty_open(tty: &Tty, file: *mut file) -> c_int, original => {
        let result = original();
        if result == 0 && module::is_live() {
            if let Some(writers) = writers_to(tty) {
                writers.0.store(LOAD.load(Ordering::Relaxed), Ordering::Relaxed);
            }
        }
        result
    }

    /// Wraps `drivers/tty/pty.c: pty_write`: whoever does not belong to the initial namespace is noted. Any context.
    fn pty_write(tty: &Tty, bytes: *const u8, count: usize) -> isize, original => {
        let me = Current::get();
        let nobody = me.flags() & bindings::PF_KTHREAD != 0
            || !kernel_fn::in_task()
            || !is_plain(tty);
        if nobody || !me.active_ns().is_initial() {
            note(tty, if nobody { LEVEL } else { me.active_ns().level() });
        }
        original()
    }

    /// Wraps `kernel/signal.c: kill_pgrp`: what [`observe`] has left counts for the length of this call. Never sleeps.
    fn kill_pgrp(pid: *mut bindings::pid, sig: c_int, private: c_int) -> c_int, original => {
        let me = Current::get();
        let message = me.message();
        let is_noted = me.flags() & bindings::PF_KTHREAD != 0 && message & !0xffff == TYPED;
        if !is_noted || !kernel_fn::in_task() {
            return original();
        }
        let is_it = message as c_int & 0xff == sig && private != 0;
        me.set_message(if is_it { SENT | message & 0xffff } else { 0 });
        let result = original();
        me.set_message(0);
        result
    }

    /// Not called: [`observe`] lets every call go on.
    fn n_tty_receive_signal_char(tty: &Tty, sig: c_int, character: u8), original => {
        original();
    }
}

/// A task of this level writes to `tty`.
#[cold]
#[inline(never)]
fn note(tty: &Tty, level: u32) {
    let Some(writers) = writers_to(tty) else {
        return;
    };
    // Who opens the master, and so stores anything else, has it before anybody can write.
    let _ = writers
        .0
        .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |seen| {
            (seen & LEVEL < level).then_some(seen & !LEVEL | level)
        });
}

/// In the `ptrace_message` of a kernel thread, which has no other use for it: it is about to send a signal that was typed. The level
/// stands above the signal.
const TYPED: c_ulong = 0x7069_646e_7400_0000;
/// The same: it sends it now.
const SENT: c_ulong = 0x7069_646e_7401_0000;

setters! {
    Current {
        // Only the task itself writes it, and whoever holds its `siglock`.
        set_message(c_ulong) = ptrace_message;
    }
}

when! {
    /// The condition of the hook on `drivers/tty/n_tty.c: n_tty_receive_signal_char`, which never applies: a signal is about to be
    /// made of a character of the slave `tty`. If it is the one that everybody knows by that name, what is known of its
    /// writers is left for those who judge the signal. Any context.
    pub(crate) fn observe(tty: &Tty = 0, sig: c_int = 1, character: c_int = 2) {
        let me = Current::get();
        if me.flags() & bindings::PF_KTHREAD != 0 && kernel_fn::in_task() {
            let seen = writers_of(tty).0.load(Ordering::Relaxed);
            let is_known = seen & !LEVEL == LOAD.load(Ordering::Relaxed) && module::is_live();
            let message = if is_known && is_of(sig, character & 0xff) && may_signal(tty) {
                TYPED | ((seen & LEVEL) as c_ulong) << 8 | sig as c_ulong
            } else {
                0
            };
            me.set_message(message);
        }
        false
    }
}

/// Whether `character` is the one that makes `sig` at every terminal that nobody has set otherwise.
fn is_of(sig: c_int, character: c_int) -> bool {
    const CTRL_C: c_int = 0x03;
    const CTRL_BACKSLASH: c_int = 0x1c;
    const CTRL_Z: c_int = 0x1a;
    match sig as c_uint {
        bindings::SIGINT => character == CTRL_C,
        bindings::SIGQUIT => character == CTRL_BACKSLASH,
        bindings::SIGTSTP => character == CTRL_Z,
        _ => false,
    }
}

/// Whether the current task `me` sends `sig` to a process group, to which the init of `ns` belongs, because somebody has
/// typed it who stands outside.
#[cold]
pub(super) fn is_from_outside(me: &Current, sig: c_int, ns: &PidNs) -> bool {
    let message = me.message();
    let level = (message >> 8) as u32 & LEVEL;
    message & !0xffff == SENT
        && message as c_int & 0xff == sig
        && level < ns.level()
        && settings::TERMINAL.of(ns) != 0
        && module::is_live()
        && kernel_fn::in_task()
}
