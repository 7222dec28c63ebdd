// SPDX-License-Identifier: GPL-2.0

//! The files of a machine that is made up, and `pidnsctl` on them.

use std::{
    fs, io,
    os::unix::fs::{symlink, FileExt},
    path::{Path, PathBuf},
    process::Command,
};

pub struct Machine {
    root: PathBuf,
}

pub struct Ran {
    pub status: i32,
    pub out: String,
    pub err: String,
}

pub struct Process<'a> {
    pub pid: i32,
    pub parent: i32,
    pub name: &'a str,
    pub ns: u64,
    /// As the line NSpid has them.
    pub numbers: &'a str,
    pub state: char,
    pub tracer: i32,
    /// As in `/proc/PID/stat`: a terminal, and the process group in its foreground.
    pub tty: (i32, i32),
    /// As there.
    pub flags: u64,
    pub blocked: u64,
    pub ignored: u64,
    pub caught: u64,
    pub cgroup: &'a str,
}

impl<'a> Process<'a> {
    pub fn new(pid: i32, parent: i32, name: &'a str, ns: u64, numbers: &'a str) -> Self {
        Self {
            pid,
            parent,
            name,
            ns,
            numbers,
            state: 'S',
            tracer: 0,
            tty: (0, -1),
            flags: 0,
            blocked: 0,
            ignored: 0,
            caught: 0,
            cgroup: "0::/\n",
        }
    }
}

impl Machine {
    /// With no files; the name is the test's.
    pub fn new(name: &str) -> Self {
        let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        match fs::remove_dir_all(&root) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => panic!("{error}"),
            _ => {}
        }
        fs::create_dir_all(&root).unwrap();
        Self { root }
    }

    pub fn path(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }

    fn place(&self, path: &str) -> PathBuf {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        path
    }

    pub fn file(&self, path: &str, text: &str) {
        fs::write(self.place(path), text).unwrap();
    }

    pub fn link(&self, path: &str, target: &str) {
        let path = self.place(path);
        let _ = fs::remove_file(&path);
        symlink(target, path).unwrap();
    }

    pub fn remove(&self, path: &str) {
        fs::remove_file(self.path(path)).unwrap();
    }

    /// A process with one thread, which is a session of its own.
    pub fn process(&self, it: &Process) {
        let Process {
            pid,
            parent,
            name,
            ns,
            numbers,
            state,
            tracer,
            tty: (tty, foreground),
            flags,
            blocked,
            ignored,
            caught,
            cgroup,
        } = it;
        let status = format!(
            "Name:\t{name}\nUmask:\t0022\nState:\t{state} (some state)\nTgid:\t{pid}\nNgid:\t0\nPid:\t{pid}\nPPid:\t{parent}\n\
             TracerPid:\t{tracer}\nUid:\t0\t0\t0\t0\nGid:\t0\t0\t0\t0\nFDSize:\t64\nGroups:\t \nNStgid:\t{numbers}\n\
             NSpid:\t{numbers}\nNSpgid:\t{numbers}\nNSsid:\t{numbers}\nThreads:\t1\nSigQ:\t0/1\nSigPnd:\t0\nShdPnd:\t0\n\
             SigBlk:\t{blocked:016x}\nSigIgn:\t{ignored:016x}\nSigCgt:\t{caught:016x}\nCapInh:\t0\nCapPrm:\t0\nCapEff:\t0\n"
        );
        self.file(&format!("proc/{pid}/status"), &status);
        self.file(&format!("proc/{pid}/task/{pid}/status"), &status);
        let stat = format!(
            "{pid} ({name} (x) y) {state} {parent} {pid} {pid} {tty} {foreground} {flags} 0 0"
        );
        self.file(&format!("proc/{pid}/task/{pid}/stat"), &stat);
        // It sleeps in a read(2), or in another call of that number.
        self.file(
            &format!("proc/{pid}/task/{pid}/syscall"),
            "0 0x3 0x10 0x8 0x0 0x0 0x0 0x7f0 0x7f8\n",
        );
        self.file(&format!("proc/{pid}/cgroup"), cgroup);
        self.link(&format!("proc/{pid}/ns/pid"), &format!("pid:[{ns}]"));
    }

    /// Lets a thread wait for signals in `sigtimedwait`.
    pub fn waits(&self, pid: i32, tid: i32, signals: u64) {
        const SET: u64 = 0x7ff0;
        let number = if cfg!(target_arch = "x86_64") {
            128
        } else {
            137
        };
        let dir = format!("proc/{pid}/task/{tid}");
        let call = format!("{number} {SET:#x} 0x0 0x0 0x8 0x0 0x0 0x7f0 0x7f8\n");
        self.file(&format!("{dir}/syscall"), &call);
        self.file(&format!("{dir}/mem"), "");
        let memory = fs::File::options()
            .write(true)
            .open(self.path(&format!("{dir}/mem")))
            .unwrap();
        memory.write_all_at(&signals.to_ne_bytes(), SET).unwrap();
    }

    pub fn run(&self, arguments: &[&str]) -> Ran {
        let output = Command::new(env!("CARGO_BIN_EXE_pidnsctl"))
            .arg("--root")
            .arg(&self.root)
            .args(arguments)
            .output()
            .unwrap();
        Ran {
            status: output.status.code().unwrap(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}
