// SPDX-License-Identifier: GPL-2.0

//! All pid namespaces of the machine, as the lines of a file.
//!
//! They come in the order in which they were made, so a child is always behind its parent. The file is read
//! piece by piece, each under RCU: a namespace that lives all the while is there once, whatever comes
//! and goes around it.

use crate::{
    bindings::{
        self,
        loff_t,
        seq_operations, //
    },
    edge::exports,
    hook::callbacks,
    imports::{
        kernel_fn,
        PID_NS_TREE, //
    },
    object::{
        objects,
        File,
        FromC,
        IntoC,
        Object,
        PidNs, //
    },
};
use core::{
    mem, ptr,
    sync::atomic::{
        AtomicI64,
        Ordering, //
    },
};
use kernel::{
    fmt::{
        self,
        Display,
        Formatter, //
    },
    prelude::*,
    seq_file::SeqFile,
    sync::rcu, //
};

objects! {
    /// A file that is being opened.
    NewFile(bindings::file);
}

exports! {
    seq_open(file: &NewFile, operations: &'static Operations<seq_operations>) -> c_int = seq_open;
    // The open file.
    opened<'rcu>(to: &SeqFile) -> &'rcu File = pidns_opened;
    // Ends what `start` has begun.
    rcu_read_unlock() = rcu_read_unlock;
}

/// What the kernel calls.
pub(super) struct Operations<T>(pub(super) T);

// SAFETY: The kernel only reads them.
unsafe impl<T> Sync for Operations<T> {}

impl<T> IntoC for &'static Operations<T> {
    type C = *const T;

    #[inline(always)]
    fn into_c(self) -> *const T {
        &raw const self.0
    }
}

/// What a file shows of each namespace.
type Show = unsafe extern "C" fn(*mut bindings::seq_file, *mut c_void) -> c_int;

/// A line by `show` for the header and for each namespace.
pub(super) const fn lines(show: Show) -> Operations<seq_operations> {
    Operations(seq_operations {
        start: Some(start),
        stop: Some(stop),
        next: Some(next),
        show: Some(show),
    })
}

// SAFETY: It is transparent over an `Opaque` of that.
unsafe impl Object for SeqFile {
    type C = bindings::seq_file;
}

/// What there is a line for. RCU keeps it from `start` to `stop`.
pub(super) enum Item<'rcu> {
    Header,
    Namespace(&'rcu PidNs),
}

/// The header's address.
const HEADER: *mut c_void = ptr::without_provenance_mut(1);

impl FromC for Item<'_> {
    type C = *mut c_void;

    unsafe fn from_c(item: *mut c_void) -> Self {
        match item {
            HEADER => Self::Header,
            // SAFETY: The caller's promise.
            ns => Self::Namespace(unsafe { PidNs::from_ptr(ns.cast()) }),
        }
    }
}

impl Item<'_> {
    /// As the kernel keeps it.
    fn into_raw(self) -> *mut c_void {
        match self {
            Self::Header => HEADER,
            Self::Namespace(ns) => ns.as_ptr().cast(),
        }
    }

    /// Where it is: 0 is the header's place, any other is the number (`ns_id`) of a namespace, by which they are
    /// ordered, and which is never used twice.
    fn position(&self) -> loff_t {
        match self {
            Self::Header => 0,
            Self::Namespace(ns) => kernel_fn::ns_id(ns) as loff_t,
        }
    }

    /// The next.
    fn following<'rcu>(&self, _rcu: &'rcu rcu::Guard) -> Option<Item<'rcu>> {
        let before = match self {
            Self::Header => ptr::null_mut(),
            Self::Namespace(ns) => ns.as_ptr(),
        };
        // SAFETY: RCU, from `start` to `stop`, keeps the list and what was found in it.
        let ns = unsafe { FromC::from_c(bindings::pidns_next_ns(PID_NS_TREE.get(), before)) };
        Option::map(ns, Item::Namespace)
    }
}

/// To `seq_file`: there is no line for this one.
pub(super) const SKIP: c_int = 1;

callbacks! {
    /// Begins at a position; if what was there is gone, with the next. Under RCU from here to [`stop`].
    fn start(_to: &SeqFile, position: &AtomicI64) -> *mut c_void {
        let rcu = rcu::read_lock();
        let mut item = Some(Item::Header);
        let position = position.load(Ordering::Relaxed);
        while let Some(before) = item.take_if(|item| item.position() < position) {
            item = before.following(&rcu);
        }
        let item = item.map_or(ptr::null_mut(), Item::into_raw);
        mem::forget(rcu);
        item
    }

    fn stop(_to: &SeqFile, _item: *mut c_void) {
        rcu_read_unlock();
    }

    fn next(_to: &SeqFile, item: Item<'_>, position: &AtomicI64) -> *mut c_void {
        let rcu = rcu::read_lock();
        let next = item.following(&rcu);
        let behind = position.load(Ordering::Relaxed) + 1;
        position.store(next.as_ref().map_or(behind, Item::position), Ordering::Relaxed);
        next.map_or(ptr::null_mut(), Item::into_raw)
    }
}

/// Something, or a dash.
pub(super) struct OrNone<T>(pub(super) Option<T>);

impl<T: Display> Display for OrNone<T> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(it) => it.fmt(f),
            None => f.pad("-"),
        }
    }
}
