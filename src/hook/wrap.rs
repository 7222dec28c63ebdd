// SPDX-License-Identifier: GPL-2.0

//! Functions that the kernel calls. One that wraps another calls its original once at the most, with the arguments that
//! it got itself.

/// Writes the `extern "C"` function that takes the place of a kernel function of the same name.
///
/// Its arguments are seen as the types say ([`crate::edge::FromC`]): the kernel passes what its own function
/// may be given. `original()` is the kernel's function with the very same arguments. What holds besides, such as a lock of the
/// current task's, can be one more: `, name: Type = what the type is made of`.
///
/// ```ignore
/// wrap! {
///     /// Wraps `ipc/util.c: sysvipc_proc_release`. May sleep.
///     fn sysvipc_proc_release(inode: &Inode, file: &File) -> c_int, original => {
///         original()
///     }
/// }
/// ```
macro_rules! wrap {
    ($(
        $(#[$meta:meta])*
        fn $name:ident($($argument:ident: $type:ty),* $(,)?) $(-> $result:ty)?,
            $original:ident $(, $held:ident: $token:ty = $of:expr)? => $body:block
    )*) => {$(
        $(#[$meta])*
        ///
        /// # Safety
        ///
        /// The kernel's: it is called in the place of the function that it replaces.
        pub(crate) unsafe extern "C" fn $name(
            $($argument: <$type as $crate::edge::FromC>::C),*
        ) $(-> $result)? {
            #[allow(unused_variables, reason = "some look at no argument but pass it on")]
            #[inline(always)]
            fn replacement(
                $original: impl FnOnce() $(-> $result)?,
                $($argument: $type,)*
                $($held: $token,)?
            ) $(-> $result)? $body

            $(let $held = $of;)?
            // SAFETY: The kernel passes arguments that are valid for the length of the call, what is said to hold besides
            // does so, and the original is called once with them: by us in the place of the kernel.
            unsafe {
                replacement(
                    || $crate::imports::original::$name($($argument),*),
                    $(<$type as $crate::edge::FromC>::from_c($argument),)*
                    $(<$token as $crate::edge::FromC>::from_c($held),)?
                )
            }
        }
    )*};
}
pub(crate) use wrap;

/// The same, of a function in which user space decides how long it takes: in a page fault that a FUSE server answers when
/// it likes, behind an `execve` that reads from one, while it opens what it names. The tables of hooks have it as `kept`.
macro_rules! wrap_kept {
    ($(
        $(#[$meta:meta])*
        fn $name:ident($($argument:ident: $type:ty),* $(,)?) $(-> $result:ty)?,
            $original:ident $(, $held:ident: $token:ty = $of:expr)? => $body:block
    )*) => {$(
        $(#[$meta])*
        #[allow(non_upper_case_globals, reason = "it has the kernel's name")]
        pub(crate) const $name: $crate::hook::Kept<
            unsafe extern "C" fn($(<$type as $crate::edge::FromC>::C),*) $(-> $result)?
        > = {
            /// # Safety
            ///
            /// The kernel's: it is called in the place of the function that it replaces, with a reference to the module.
            unsafe extern "C" fn kept(
                $($argument: <$type as $crate::edge::FromC>::C),*
            ) $(-> $result)? {
                #[allow(unused_variables, reason = "some look at no argument but pass it on")]
                #[inline(always)]
                fn replacement(
                    $original: impl FnOnce() $(-> $result)?,
                    $($argument: $type,)*
                    $($held: $token,)?
                ) $(-> $result)? $body

                // SAFETY: As in `wrap`; the reference to the module was left for this call alone.
                unsafe {
                    let _loaded = $crate::module::Loaded::from_raw();
                    replacement(
                        || $crate::imports::original::$name($($argument),*),
                        $(<$type as $crate::edge::FromC>::from_c($argument),)*
                        $(<$token as $crate::edge::FromC>::from_c($of),)?
                    )
                }
            }
            $crate::hook::Kept(kept)
        };
    )*};
}
pub(crate) use wrap_kept;

/// Writes `extern "C"` functions that the kernel calls, in the place of one of its own (`replaced`) or because it was
/// given their address. Their arguments are seen as the types say, as in [`wrap`].
macro_rules! callbacks {
    ($(
        $(#[$meta:meta])*
        $visibility:vis fn $name:ident($($argument:ident: $type:ty),* $(,)?) $(-> $result:ty)? $body:block
    )*) => {$(
        $(#[$meta])*
        ///
        /// # Safety
        ///
        /// The kernel's.
        $visibility unsafe extern "C" fn $name(
            $($argument: <$type as $crate::edge::FromC>::C),*
        ) $(-> $result)? {
            #[inline(always)]
            fn callback($($argument: $type),*) $(-> $result)? $body

            // SAFETY: The kernel passes arguments that are valid for the length of the call.
            unsafe { callback($(<$type as $crate::edge::FromC>::from_c($argument)),*) }
        }
    )*};
}
pub(crate) use callbacks;

/// Writes conditions of hooks, which are asked at the entry of the function: each argument is said by its place, from 0.
macro_rules! when {
    ($(
        $(#[$meta:meta])*
        $visibility:vis fn $name:ident($($argument:ident: $type:ty = $place:literal),+) $body:block
    )*) => {$(
        $(#[$meta])*
        $visibility fn $name(registers: &$crate::object::Registers) -> bool {
            #[inline(always)]
            fn holds($($argument: $type),+) -> bool $body

            // SAFETY: The registers are those at the entry of the function, whose arguments the kernel passes so. They are
            // valid for the length of its call.
            unsafe {
                holds($(<$type as $crate::edge::FromC>::from_c(
                    $crate::hook::argument(registers, $place) as <$type as $crate::edge::FromC>::C
                )),+)
            }
        }
    )*};
}
pub(crate) use when;
