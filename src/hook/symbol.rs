// SPDX-License-Identifier: GPL-2.0

//! Where the kernel's functions and data are.

use super::{call, kernel_fn, refuse};
use crate::bindings::{
    self, kprobe, ns_tree_root, proc_ns_operations, rwlock_t, spinlock_t, vfsmount,
};
use core::{
    ptr,
    sync::atomic::{AtomicPtr, Ordering},
};
use kernel::{prelude::*, str::CStr};

/// A datum of the kernel that is not exported.
pub(crate) struct Data<T> {
    name: &'static CStr,
    address: AtomicPtr<T>,
}

impl<T> Data<T> {
    const fn new(name: &'static CStr) -> Self {
        Self {
            name,
            address: AtomicPtr::new(ptr::null_mut()),
        }
    }

    fn find(&self) -> Result {
        self.address
            .store(find(self.name)? as *mut T, Ordering::Relaxed);
        Ok(())
    }

    /// Its address, which [`find_all`] found before the first function was hooked.
    #[inline]
    pub(crate) fn get(&self) -> *mut T {
        self.address.load(Ordering::Relaxed)
    }
}

/// `kernel/pid.c: pidmap_lock`, which protects the numbers and counts of every namespace.
pub(crate) static PIDMAP_LOCK: Data<spinlock_t> = Data::new(c"pidmap_lock");
/// `kernel/fork.c: tasklist_lock`.
pub(crate) static TASKLIST_LOCK: Data<rwlock_t> = Data::new(c"tasklist_lock");
/// `kernel/nstree.c: pid_ns_tree`.
pub(crate) static PID_NS_TREE: Data<ns_tree_root> = Data::new(c"pid_ns_tree");
/// `kernel/pid.c: delayed_put_pid`, an RCU callback.
pub(crate) static DELAYED_PUT_PID: Data<c_void> = Data::new(c"delayed_put_pid");

/// `fs/nsfs.c: nsfs_mnt`, on which the files of namespaces are.
pub(crate) static NSFS_MNT: Data<*mut vfsmount> = Data::new(c"nsfs_mnt");
/// `fs/proc/namespaces.c: proc_ns_instantiate`, a callback.
pub(crate) static PROC_NS_INSTANTIATE: Data<c_void> = Data::new(c"proc_ns_instantiate");
/// How many kinds of namespaces and links to them this kernel lists.
const NS_KINDS: usize = 2
    + cfg!(CONFIG_NET_NS) as usize
    + cfg!(CONFIG_UTS_NS) as usize
    + cfg!(CONFIG_IPC_NS) as usize
    + cfg!(CONFIG_USER_NS) as usize
    + cfg!(CONFIG_CGROUPS) as usize
    + 2 * cfg!(CONFIG_TIME_NS) as usize;
/// `fs/proc/namespaces.c: ns_entries`, in the order in which they are listed; `None` is the place of
/// pid namespaces.
pub(crate) static NS_OPERATIONS: [Option<Data<proc_ns_operations>>; NS_KINDS] = [
    #[cfg(CONFIG_NET_NS)]
    Some(Data::new(c"netns_operations")),
    #[cfg(CONFIG_UTS_NS)]
    Some(Data::new(c"utsns_operations")),
    #[cfg(CONFIG_IPC_NS)]
    Some(Data::new(c"ipcns_operations")),
    None,
    #[cfg(CONFIG_USER_NS)]
    Some(Data::new(c"userns_operations")),
    Some(Data::new(c"mntns_operations")),
    #[cfg(CONFIG_CGROUPS)]
    Some(Data::new(c"cgroupns_operations")),
    #[cfg(CONFIG_TIME_NS)]
    Some(Data::new(c"timens_operations")),
    #[cfg(CONFIG_TIME_NS)]
    Some(Data::new(c"timens_for_children_operations")),
];

/// Looks up all data.
pub(super) fn find_all() -> Result {
    PIDMAP_LOCK.find()?;
    TASKLIST_LOCK.find()?;
    PID_NS_TREE.find()?;
    DELAYED_PUT_PID.find()?;
    NSFS_MNT.find()?;
    PROC_NS_INSTANTIATE.find()?;
    NS_OPERATIONS.iter().flatten().try_for_each(Data::find)
}

/// Opens the kernel's symbol table: a kprobe is the one way by which a module finds a function
/// that is not exported, and this is the function that finds all others.
///
/// May sleep.
pub(super) fn open() -> Result {
    let name = c"kallsyms_on_each_match_symbol";
    let mut probe = KBox::new(
        kprobe {
            symbol_name: name.as_char_ptr(),
            flags: bindings::KPROBE_FLAG_DISABLED,
            ..Default::default()
        },
        GFP_KERNEL,
    )?;
    // SAFETY: The probe is zeroed but for its symbol and flag, as `register_kprobe` wants it, is
    // pinned in its box until it is unregistered, and is never armed.
    if unsafe { bindings::register_kprobe(&mut *probe) } < 0 {
        return Err(refuse(
            "this kernel has no symbol table (CONFIG_KALLSYMS_ALL, CONFIG_KPROBES):",
            name,
            ENOENT,
        ));
    }
    let address = probe.addr as usize;
    // SAFETY: Registered above.
    unsafe { bindings::unregister_kprobe(&mut *probe) };
    call::bind_symbol_table(address);
    Ok(())
}

/// How often a name occurs, and where.
struct Matches {
    count: usize,
    address: usize,
}

/// The address of the kernel's only symbol `name`.
///
/// # Errors
///
/// `ENOENT` if there is none, `ENOTUNIQ` if there are several; the log names it.
pub(super) fn find(name: &'static CStr) -> Result<usize> {
    /// Counts a match.
    ///
    /// # Safety
    ///
    /// `data` must be a `Matches` that nobody else uses.
    unsafe extern "C" fn count(data: *mut c_void, address: c_ulong) -> c_int {
        // SAFETY: The caller's promise.
        let matches = unsafe { &mut *data.cast::<Matches>() };
        matches.count += 1;
        matches.address = address;
        0
    }
    let mut matches = Matches {
        count: 0,
        address: 0,
    };
    // SAFETY: `open` bound the call; the callback has the type it wants and `matches` outlives it.
    unsafe {
        kernel_fn::kallsyms_on_each_match_symbol(
            Some(count),
            name.as_char_ptr(),
            (&raw mut matches).cast(),
        )
    };
    match matches.count {
        0 => Err(refuse("this kernel has no", name, ENOENT)),
        1 => Ok(matches.address),
        _ => Err(refuse("this kernel has more than one", name, ENOTUNIQ)),
    }
}
