// SPDX-License-Identifier: GPL-2.0

//! What is behind a file.

use crate::{
    imports::kernel_fn,
    object::{
        fields,
        File,
        Inode,
        NsCommon,
        Object,
        SeqFile,
        SuperBlock, //
    },
};
use kernel::prelude::*;

fields! {
    File {
        /// What it is an opening of.
        fixed inode: &Inode = f_inode;
    }
}
fields! {
    Inode {
        /// The file system that it is on.
        fixed sb: &SuperBlock = i_sb;
        /// What its file system knows it by.
        fixed private: *mut c_void = i_private;
    }
}
fields! {
    SuperBlock {
        /// The kind of file system.
        fixed magic: c_ulong = s_magic;
        /// What belongs to the kind of file system.
        fixed fs_info: *mut c_void = s_fs_info;
    }
}

impl File {
    /// The namespace, if it is a file of one.
    pub(super) fn ns(&self) -> Option<&NsCommon> {
        let common = self.inode().private().cast();
        // SAFETY: The inode of a namespace's file holds the namespace.
        kernel_fn::proc_ns_file(self).then(|| unsafe { NsCommon::from_ptr(common) })
    }
}

fields! {
    SeqFile {
        /// The file that is read; none if it is no more than a buffer.
        shared file: Option<&File> = file;
    }
}
