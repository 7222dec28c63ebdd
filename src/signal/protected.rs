// SPDX-License-Identifier: GPL-2.0

//! Places in the kernel's structures that a `siglock` protects.

use crate::bindings::list_head;
use core::{
    cell::Cell,
    iter,
    ptr, //
};

/// What stands in such a place. A reference to it says that the `siglock` is held for as long as that: nobody
/// else writes there meanwhile.
///
/// # Safety
///
/// It must be transparent over a `C` that may change behind a shared reference.
pub(super) unsafe trait Protected: Sized {
    /// The type in C.
    type C;

    /// The address.
    #[inline(always)]
    fn address(&self) -> *mut Self::C {
        ptr::from_ref(self).cast_mut().cast()
    }

    /// What stands at `address`.
    ///
    /// # Safety
    ///
    /// It must be valid, and the `siglock` that protects it held, for as long as the reference is used.
    #[inline(always)]
    unsafe fn at<'l>(address: *const Self::C) -> &'l Self {
        // SAFETY: The caller's promise; the types are the same but in name.
        unsafe { &*address.cast() }
    }
}

// SAFETY: A cell is transparent.
unsafe impl<T> Protected for Cell<T> {
    type C = T;
}

/// A place in which not every value will do, as a pointer's: only the kernel writes it.
#[repr(transparent)]
pub(super) struct ReadOnly<T>(Cell<T>);

// SAFETY: It is transparent.
unsafe impl<T> Protected for ReadOnly<T> {
    type C = T;
}

impl<T: Copy> ReadOnly<T> {
    /// The value.
    #[inline(always)]
    pub(super) fn get(&self) -> T {
        self.0.get()
    }
}

/// Fields of a structure that the same lock protects: cells, or structures with such.
macro_rules! protected {
    ($object:ident {
        $($(#[$meta:meta])* $visibility:vis $name:ident: $type:ty = $($path:ident).+;)*
    }) => {
        impl $object {
            $(
                $(#[$meta])*
                #[inline(always)]
                $visibility fn $name(&self) -> &$type {
                    // SAFETY: The field is part of what the reference says is valid and locked.
                    unsafe {
                        $crate::signal::protected::Protected::at(
                            &raw const (*$crate::signal::protected::Protected::address(self)).$($path).+
                        )
                    }
                }
            )*
        }
    };
}
pub(super) use protected;

/// An element of a list.
///
/// # Safety
///
/// The structure must have, at `LINK`, the link of the list that it is in.
pub(super) unsafe trait Linked: Protected {
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
        if ptr::eq(link, head.address()) {
            return None;
        }
        // SAFETY: Every link but the head is that of an element, and the lock that protects the head protects all.
        unsafe {
            let element = T::at(link.byte_sub(T::LINK).cast());
            link = step(&*link);
            Some(element)
        }
    })
}
