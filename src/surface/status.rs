// SPDX-License-Identifier: GPL-2.0

//! The lines `NStgid`, `NSpid`, `NSpgid` and `NSsid` of `/proc/PID/status`
//! (`fs/proc/array.c: task_state`).

use super::text::Text;
use crate::{
    hook::wrap_kept,
    imports::kernel_fn,
    object::{
        Pid,
        PidNs,
        PidType,
        SeqFile,
        Task, //
    },
};
use kernel::prelude::*;

wrap_kept! {
    /// Wraps `proc_pid_status`: puts the lines where mainline has them, between `Groups` and `Kthread`. `pid` is that
    /// of `task`, and `ns` that of the procfs. May sleep, for as long as the memory of `task` takes to go if this was the
    /// last that used it: its requests for files are waited for.
    fn proc_pid_status(seq: &SeqFile, ns: &PidNs, pid: &Pid, task: &Task) -> c_int, original => {
        let (mut text, result) = Text::after(seq, original);
        // No name has a line feed in it: the kernel writes it as `\n`.
        let Some(place) = text.find(b"\nKthread:\t") else {
            return result;
        };
        let start = text.length();
        for (label, kind) in [
            (c"\nNStgid:", PidType::Tgid),
            (c"\nNSpid:", PidType::Pid),
            (c"\nNSpgid:", PidType::Pgid),
            (c"\nNSsid:", PidType::Sid),
        ] {
            text.add_word(label);
            for upid in pid.numbers_from(ns.level()) {
                text.add_number(c"\t", kernel_fn::task_pid_nr_ns(task, kind, upid.ns()));
            }
        }
        text.move_to(place, start);
        result
    }
}
