// SPDX-License-Identifier: GPL-2.0

//! Places in the kernel's structures that a `siglock` protects. A reference to one says that the lock is held for as long
//! as that: nobody else writes there meanwhile. (Where any value will do, it is a [`Cell`].)

use crate::{
    bindings::list_head,
    object::Object, //
};
use core::{
    cell::Cell,
    iter,
    ptr, //
};

/// A place in which not every value will do, as a pointer's: only the kernel writes it.
#[repr(transparent)]
pub(crate) struct ReadOnly<T>(Cell<T>);

// SAFETY: It is laid out as that, and has interior mutability.
unsafe impl<T> Object for ReadOnly<T> {
    type C = T;
}

impl<T: Copy> ReadOnly<T> {
    /// The value.
    #[inline(always)]
    pub(super) fn get(&self) -> T {
        self.0.get()
    }
}

/// An element of a list.
///
/// # Safety
///
/// The structure must have, at `LINK`, the link of the list that it is in.
pub(super) unsafe trait Linked: Object {
    /// Where the link is.
    const LINK: usize;
}

/// The elements of a list. `step` is from a link to the next one that is looked at.
///
/// # Safety
///
/// `head` must be that of a list of such elements, none of which is removed for as long as they are used.
pub(super) unsafe fn elements<'l, T: Linked + 'l>(
    head: &'l ReadOnly<list_head>,
    step: fn(&list_head) -> *mut list_head,
) -> impl Iterator<Item = &'l T> {
    let mut link = step(&head.get());
    iter::from_fn(move || {
        if ptr::eq(link, head.as_ptr()) {
            return None;
        }
        // SAFETY: Every link but the head is that of an element, and the lock that protects the head protects all.
        unsafe {
            let element = T::from_ptr(link.byte_sub(T::LINK).cast());
            link = step(&*link);
            Some(element)
        }
    })
}
