// SPDX-License-Identifier: GPL-2.0

//! A FUSE connection tells its server the numbers of its clients as the mounter sees them
//! (`fs/fuse/inode.c`).

use crate::{
    bindings::{
        fuse_chan,
        fuse_mount, //
    },
    hook::wrap,
    module::Inside,
    namespace::{
        holder,
        Holder, //
    },
    object::{
        FuseConn,
        Object,
        UserNs, //
    },
};

wrap! {
    /// Wraps `fuse_conn_init`: `connection` is new memory of the current task. May sleep.
    fn fuse_conn_init(
        connection: &FuseConn,
        mount: *mut fuse_mount,
        user_ns: &UserNs,
        channel: *mut fuse_chan,
    ), original => {
        let _inside = Inside::enter();
        // The original cannot fail, so neither may this.
        Holder::of_current_no_fail().hold(connection.as_ptr());
        original();
    }

    /// Wraps `fuse_free_conn`, the last that happens to the connection of a mount: nobody uses it any more.
    /// Softirq context; never sleeps.
    fn fuse_free_conn(connection: &FuseConn), original => {
        let held = holder::take(connection.as_ptr());
        original();
        drop(held);
    }
}

#[cfg(CONFIG_CUSE = "y")]
wrap! {
    /// Wraps `cuse_fc_release`, the same for a character device.
    fn cuse_fc_release(connection: &FuseConn), original => {
        let held = holder::take(connection.as_ptr());
        original();
        drop(held);
    }
}
