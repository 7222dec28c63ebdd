// SPDX-License-Identifier: GPL-2.0

//! The directories in which the module's sysctls are listed.
//!
//! The kernel holds the table of a sysctl while it copies its name to user space, too, and that may take for ever. So a
//! task only lists such a directory with a reference to the module.

use super::{
    register_sysctl_sz,
    Entries,
    Registered,
    Table, //
};
#[cfg(CONFIG_PID_NS)]
use crate::{
    bindings::{
        dir_context,
        file, //
    },
    hook::wrap,
};
use crate::{
    edge::exports,
    hook::{
        msleep,
        when, //
    },
    module::{
        self,
        Loaded, //
    },
    object::{
        File,
        Object, //
    },
};
use core::ffi::CStr;
use kernel::{
    prelude::*,
    sync::atomic::{
        Atomic,
        Relaxed, //
    },
};

/// Where the module's sysctls are; `kernel` is the first.
const PATHS: &[&CStr] = if cfg!(CONFIG_PID_NS) {
    &[c"kernel"]
} else {
    &[c"kernel", c"vm"]
};

/// The headers of those directories, as addresses: the kernel's own sysctls are there, so they stay.
static LISTED: [Atomic<usize>; PATHS.len()] = [const { Atomic::new(0) }; PATHS.len()];

/// How often a load looks whether somebody still lists them, and after how long again.
const TRIES: usize = 100;
const TRY_MS: u32 = 20;

exports! {
    // The directory of a table.
    directory_of(table: &Registered) -> &Registered = pidns_sysctl_directory;
    // What an open directory of sysctls lists; null if that is the topmost.
    listed(directory: &File) -> Option<&Registered> = pidns_listed_sysctls;
    // How many tasks use a table, or a directory, now.
    users(table: &Registered) -> c_int = pidns_sysctl_users;
}

/// From now on nobody lists a directory in which there will be a sysctl of the module's but in [`list`]. The
/// functions are hooked. May sleep, for some seconds.
///
/// # Errors
///
/// `ENOMEM`; `EBUSY` if somebody who began before does not end. The log says so.
pub(crate) fn prepare() -> Result {
    for (path, header) in Iterator::zip(PATHS.iter().copied(), &LISTED) {
        // Without entries, so that it is not listed itself.
        let Some(empty) = register_sysctl_sz(path, Table::NONE, Entries(0)) else {
            pr_err!("not loaded: no memory for a sysctl\n");
            return Err(ENOMEM);
        };
        header.store(directory_of(&empty).as_ptr() as usize, Relaxed);
    }
    // Those that came to the hook before its condition held have not slept since: they are counted as users, or have gone.
    module::synchronize_rcu_tasks();
    for (path, header) in Iterator::zip(PATHS.iter(), &LISTED) {
        // SAFETY: Stored above; it stays.
        let directory = unsafe { Registered::from_ptr(header.load(Relaxed) as *mut _) };
        let mut tries = 0;
        while users(directory) != 0 {
            if tries == TRIES {
                pr_err!(
                    "not loaded: somebody lists /proc/sys/{path} and does not come to an end\n"
                );
                return Err(EBUSY);
            }
            tries += 1;
            msleep(TRY_MS);
        }
    }
    Ok(())
}

/// Which of those directories that is.
fn place(directory: &File) -> Option<usize> {
    let address = listed(directory)?.as_ptr() as usize;
    LISTED
        .iter()
        .position(|header| header.load(Relaxed) == address)
}

when! {
    /// Whether `proc_sys_readdir` lists one of those directories. Any context.
    pub(crate) fn lists_own(directory: &File = 0) {
        place(directory).is_some()
    }
}

/// Whether it is `/proc/sys/kernel`.
#[cfg(not(CONFIG_PID_NS))]
pub(crate) fn is_kernel(directory: &File) -> bool {
    place(directory) == Some(0)
}

/// Has `original`, which is `fs/proc/proc_sysctl.c: proc_sys_readdir`, list such a directory. Sleeps for as long as user space
/// likes; the module is kept meanwhile. `EAGAIN` while it comes or goes.
#[inline]
pub(crate) fn list(original: impl FnOnce() -> c_int) -> c_int {
    match Loaded::get() {
        Some(_loaded) => original(),
        None => EAGAIN.to_errno(),
    }
}

#[cfg(CONFIG_PID_NS)]
wrap! {
    /// Wraps `proc_sys_readdir`, of a directory in which there are sysctls of the module's.
    fn proc_sys_readdir(directory: *mut file, context: *mut dir_context) -> c_int, original => {
        list(original)
    }
}
