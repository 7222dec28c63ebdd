// SPDX-License-Identifier: GPL-2.0

//! A FUSE connection tells its server the numbers of its clients as the mounter sees them
//! (`fs/fuse/inode.c`).

use crate::{
    bindings::{
        fuse_chan,
        fuse_mount, //
    },
    edge::exports,
    hook::{
        wrap, //
    },
    namespace::holder::{
        self,
        Going,
        Holder, //
    },
    object::{
        FuseConn,
        PidNs,
        UserNs, //
    },
};

exports! {
    // The namespace that `fuse_conn_init` wrote down.
    fuse_conn_ns(connection: &FuseConn) -> Option<&PidNs> = pidns_fuse_conn_ns;
}

// SAFETY: A connection's namespace never changes.
unsafe impl Holder for FuseConn {
    fn ns(&self) -> Option<&PidNs> {
        fuse_conn_ns(self)
    }
}

wrap! {
    /// Wraps `fuse_conn_init`: `connection` is new memory of the current task. Never sleeps.
    fn fuse_conn_init(
        connection: &FuseConn,
        mount: *mut fuse_mount,
        user_ns: &UserNs,
        channel: *mut fuse_chan,
    ), original => {
        original();
        holder::hold(connection);
    }

    /// Wraps `fuse_free_conn`, the last that happens to the connection of a mount: nobody uses it any more.
    /// Softirq context; never sleeps.
    fn fuse_free_conn(connection: Going<FuseConn>), original => {
        original();
    }
}

#[cfg(CONFIG_CUSE = "y")]
wrap! {
    /// Wraps `cuse_fc_release`, the same for a character device.
    fn cuse_fc_release(connection: Going<FuseConn>), original => {
        original();
    }
}
