// SPDX-License-Identifier: GPL-2.0

//! A FUSE connection tells its server the numbers of its clients as the mounter sees them
//! (`fs/fuse/inode.c`).

use crate::{
    bindings::{fuse_chan, fuse_conn, fuse_mount, user_namespace},
    hook::{original, Inside},
    namespace::{holder, Holder},
};

/// Wraps `fuse_conn_init`.
///
/// # Safety
///
/// The kernel's: `connection` is new memory of the current task. May sleep.
pub(crate) unsafe extern "C" fn fuse_conn_init(
    connection: *mut fuse_conn,
    mount: *mut fuse_mount,
    user_ns: *mut user_namespace,
    channel: *mut fuse_chan,
) {
    let _inside = Inside::enter();
    // The original cannot fail, so neither may this.
    Holder::of_current_no_fail().hold(connection);
    // SAFETY: The caller's promise.
    unsafe { original::fuse_conn_init(connection, mount, user_ns, channel) };
}

/// Wraps `fuse_free_conn`, the last that happens to the connection of a mount.
///
/// # Safety
///
/// The kernel's: nobody uses `connection` any more. Softirq context; sleeps never.
pub(crate) unsafe extern "C" fn fuse_free_conn(connection: *mut fuse_conn) {
    let held = holder::take(connection);
    // SAFETY: The caller's promise.
    unsafe { original::fuse_free_conn(connection) };
    drop(held);
}

/// Wraps `cuse_fc_release`, the same for a character device.
///
/// # Safety
///
/// As above.
#[cfg(CONFIG_CUSE = "y")]
pub(crate) unsafe extern "C" fn cuse_fc_release(connection: *mut fuse_conn) {
    let held = holder::take(connection);
    // SAFETY: The caller's promise.
    unsafe { original::cuse_fc_release(connection) };
    drop(held);
}
