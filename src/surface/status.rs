// SPDX-License-Identifier: GPL-2.0

//! The lines `NStgid`, `NSpid`, `NSpgid` and `NSsid` of `/proc/PID/status`
//! (`fs/proc/array.c: task_state`).

use crate::{
    bindings::{self, pid, pid_namespace, pid_type, seq_file, task_struct},
    hook::{original, Inside},
    pid::numbers_below,
};
use core::{ffi::CStr, slice, str};
use kernel::prelude::*;

/// Wraps `proc_pid_status`: puts the lines where mainline has them, between `Groups` and `Kthread`.
///
/// # Safety
///
/// The kernel's: `seq` is being read by the current task, `pid` is that of `task`, which is held,
/// and `ns` that of the procfs. May sleep.
pub(crate) unsafe extern "C" fn proc_pid_status(
    seq: *mut seq_file,
    ns: *mut pid_namespace,
    pid: *mut pid,
    task: *mut task_struct,
) -> c_int {
    let _inside = Inside::enter();
    let mut result = 0;
    // SAFETY: The caller's promise.
    unsafe {
        let mut text = Text::after(seq, || {
            result = original::proc_pid_status(seq, ns, pid, task);
        });
        // No name has a line feed in it: the kernel writes it as `\n`.
        let Some(place) = text.find(b"\nKthread:\t") else {
            return result;
        };
        let start = text.length();
        for (label, kind) in [
            (c"\nNStgid:", bindings::pid_type_PIDTYPE_TGID),
            (c"\nNSpid:", bindings::pid_type_PIDTYPE_PID),
            (c"\nNSpgid:", bindings::pid_type_PIDTYPE_PGID),
            (c"\nNSsid:", bindings::pid_type_PIDTYPE_SID),
        ] {
            add_line(
                &mut text,
                label,
                kind,
                task,
                numbers_below(pid, (*ns).level),
            );
        }
        text.move_to(place, start);
    }
    result
}

/// # Safety
///
/// `task` must be held, `levels` those of its pid.
unsafe fn add_line(
    text: &mut Text,
    label: &CStr,
    kind: pid_type,
    task: *mut task_struct,
    levels: &[bindings::upid],
) {
    text.add_word(label);
    for level in levels {
        // SAFETY: The caller's promise.
        text.add_number(c"\t", unsafe {
            bindings::__task_pid_nr_ns(task, kind, level.ns)
        });
    }
}

/// What was written to a `seq_file`, from a moment on.
pub(super) struct Text {
    seq: *mut seq_file,
    start: usize,
}

impl Text {
    /// What `write` writes, and what is added to it.
    ///
    /// # Safety
    ///
    /// `seq` must be the current task's to write, as long as this lives.
    pub(super) unsafe fn after(seq: *mut seq_file, write: impl FnOnce()) -> Self {
        // SAFETY: The caller's promise.
        let start = unsafe { (*seq).count };
        write();
        Self { seq, start }
    }

    /// Empty if it does not fit: then the kernel does it again with more room.
    fn bytes(&mut self) -> &mut [u8] {
        // SAFETY: The promise of `after`; the first `count` bytes are written, and `count` is
        // `size` if they did not fit.
        unsafe {
            let all = match (*self.seq).count {
                count if count < (*self.seq).size => count,
                _ => self.start,
            };
            let buffer = (*self.seq).buf.cast::<u8>();
            slice::from_raw_parts_mut(buffer.add(self.start), all.saturating_sub(self.start))
        }
    }

    fn length(&mut self) -> usize {
        self.bytes().len()
    }

    /// Where `words` begin.
    fn find(&mut self, words: &[u8]) -> Option<usize> {
        self.bytes()
            .windows(words.len())
            .position(|part| part == words)
    }

    /// The number that follows `words` at the beginning.
    pub(super) fn number_behind(&mut self, words: &[u8]) -> Option<i32> {
        let line = self.bytes().strip_prefix(words)?;
        let end = line.iter().position(|byte| *byte == b'\n')?;
        str::from_utf8(line.get(..end)?).ok()?.parse().ok()
    }

    /// Adds `words`.
    pub(super) fn add_word(&mut self, words: &CStr) {
        let words = words.to_bytes();
        // SAFETY: The promise of `after`.
        unsafe { bindings::seq_write(self.seq, words.as_ptr().cast(), words.len()) };
    }

    /// Adds `delimiter` and `nr`.
    pub(super) fn add_number(&mut self, delimiter: &CStr, nr: i32) {
        // SAFETY: The promise of `after`.
        unsafe { bindings::seq_put_decimal_ll(self.seq, delimiter.as_char_ptr(), nr.into()) };
    }

    /// Moves what was added behind `start` to `place`.
    fn move_to(&mut self, place: usize, start: usize) {
        let bytes = self.bytes();
        let added = bytes.len().saturating_sub(start);
        if let Some(part) = bytes.get_mut(place..) {
            part.rotate_right(added.min(part.len()));
        }
    }
}
