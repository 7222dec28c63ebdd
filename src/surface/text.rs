// SPDX-License-Identifier: GPL-2.0

//! What a wrapped function has written for a reader, and what is added to it.

use crate::{
    imports::kernel_fn,
    object::{
        fields,
        Object,
        SeqFile, //
    },
};
use core::{
    ffi::CStr,
    slice,
    str, //
};

fields! {
    SeqFile {
        /// How many bytes were written; as many as there is room for if they did not fit. Only the reader changes it.
        once written: usize = count;
        /// For how many bytes there is room.
        once room: usize = size;
    }
}

/// What was written to a `seq_file`, from a moment on.
pub(super) struct Text<'a> {
    seq: &'a SeqFile,
    start: usize,
}

impl<'a> Text<'a> {
    /// What `write` writes, and what is added to it; and what that returns.
    pub(super) fn after<T>(seq: &'a SeqFile, write: impl FnOnce() -> T) -> (Self, T) {
        let start = seq.written();
        let result = write();
        (Self { seq, start }, result)
    }

    /// Empty if it does not fit: then the kernel does it again with more room.
    fn bytes(&mut self) -> &mut [u8] {
        let all = match self.seq.written() {
            written if written < self.seq.room() => written,
            _ => self.start,
        };
        // SAFETY: A function that is passed a `seq_file` is its only reader and writer. Its first `written` bytes are
        // there, unless they did not fit.
        unsafe {
            let first = (*self.seq.as_ptr()).buf.add(self.start);
            slice::from_raw_parts_mut(first, all.saturating_sub(self.start))
        }
    }

    pub(super) fn length(&mut self) -> usize {
        self.bytes().len()
    }

    /// Where `words` begin.
    pub(super) fn find(&mut self, words: &[u8]) -> Option<usize> {
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
        kernel_fn::seq_puts(self.seq, words);
    }

    /// Adds `delimiter` and `nr`.
    pub(super) fn add_number(&mut self, delimiter: &CStr, nr: i32) {
        kernel_fn::seq_put_decimal_ll(self.seq, delimiter, nr.into());
    }

    /// Moves what was added behind `start` to `place`.
    pub(super) fn move_to(&mut self, place: usize, start: usize) {
        let bytes = self.bytes();
        let added = bytes.len().saturating_sub(start);
        if let Some(part) = bytes.get_mut(place..) {
            part.rotate_right(added.min(part.len()));
        }
    }
}
