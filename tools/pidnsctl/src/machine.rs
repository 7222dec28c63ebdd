// SPDX-License-Identifier: GPL-2.0

//! The machine that is looked at: its files, below a root that is `/` but for tests.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

pub struct Machine {
    root: PathBuf,
}

impl Machine {
    pub fn new(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
        }
    }

    /// Where a file of the machine's is, whose absolute path this is.
    pub fn path(&self, path: impl AsRef<Path>) -> PathBuf {
        let path = path.as_ref();
        self.root.join(path.strip_prefix("/").unwrap_or(path))
    }

    /// The text of a file; bytes that are no UTF-8 are replaced.
    pub fn read(&self, path: impl AsRef<Path>) -> io::Result<String> {
        let bytes = fs::read(self.path(path))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Some bytes of a file that begin there.
    pub fn read_at(&self, path: impl AsRef<Path>, offset: u64, bytes: &mut [u8]) -> io::Result<()> {
        File::open(self.path(path))?.read_exact_at(bytes, offset)
    }

    /// The one word of a file, if it is there and may be read.
    pub fn word(&self, path: impl AsRef<Path>) -> Option<String> {
        Some(self.read(path).ok()?.trim().to_owned())
    }

    pub fn exists(&self, path: impl AsRef<Path>) -> bool {
        self.path(path).exists()
    }

    /// Where a symbolic link leads.
    pub fn link(&self, path: impl AsRef<Path>) -> Option<String> {
        let target = fs::read_link(self.path(path)).ok()?;
        Some(target.to_string_lossy().into_owned())
    }

    /// The namespace to which a link of `/proc/PID/ns` or `/proc/PID/fd` leads, if it leads to one of pids.
    pub fn pid_namespace(&self, path: impl AsRef<Path>) -> Option<u64> {
        inode_of(&self.link(path)?)
    }

    /// The names in a directory that are numbers, in order; none if it may not be read.
    pub fn numbers(&self, path: impl AsRef<Path>) -> Vec<i32> {
        let entries = fs::read_dir(self.path(path)).into_iter().flatten();
        let mut numbers: Vec<i32> = entries
            .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
            .collect();
        numbers.sort_unstable();
        numbers
    }
}

/// The inode number in `pid:[4026531836]`.
pub fn inode_of(link: &str) -> Option<u64> {
    link.strip_prefix("pid:[")?.strip_suffix(']')?.parse().ok()
}

/// Names are bytes of somebody's choice: none of them may speak to the terminal.
pub fn printable(name: &str) -> String {
    name.chars()
        .map(|it| if it.is_control() { '?' } else { it })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::inode_of;

    #[test]
    fn links_of_pid_namespaces_alone() {
        assert_eq!(inode_of("pid:[4026531836]"), Some(4026531836));
        for other in [
            "user:[4026531837]",
            "pid:[]",
            "pid:[x]",
            "pid:[1",
            "/pid:[1]",
            "",
        ] {
            assert_eq!(inode_of(other), None, "{other}");
        }
    }
}
