//! `clone3` with every argument in the test's hands.

use nix::errno::Errno;

use crate::channel::Channel;
use crate::process::{quit, wait_for, Child};

pub const NEWPID: u64 = libc::CLONE_NEWPID as u64;

/// A call of `clone3` that behaves like `fork`.
#[derive(Clone)]
pub struct Clone {
    args: libc::clone_args,
    set_tid: Vec<i32>,
}

impl Clone {
    pub fn new(flags: u64) -> Clone {
        // SAFETY: all bytes zero is a valid `clone_args`.
        let mut args: libc::clone_args = unsafe { std::mem::zeroed() };
        args.flags = flags;
        // The child of our parent ends with the signal with which we end.
        args.exit_signal = if flags & libc::CLONE_PARENT as u64 == 0 {
            libc::SIGCHLD as u64
        } else {
            0
        };
        Clone {
            args,
            set_tid: Vec::new(),
        }
    }

    /// Asks for these numbers, the innermost level first.
    pub fn set_tid(mut self, numbers: &[i32]) -> Clone {
        self.set_tid = numbers.to_vec();
        self.args.set_tid_size = numbers.len() as u64;
        self
    }

    /// Changes the raw arguments; what the kernel reads through them must stay valid.
    pub fn with(mut self, change: impl FnOnce(&mut libc::clone_args)) -> Clone {
        change(&mut self.args);
        self
    }

    /// The call itself.
    fn call(mut self) -> nix::Result<i32> {
        if !self.set_tid.is_empty() {
            self.args.set_tid = self.set_tid.as_ptr() as u64;
        }
        // SAFETY: no test shares memory through this call, so it returns twice like `fork`; the
        // kernel checks every pointer, and those of the tests are live or wrong on purpose.
        let pid =
            unsafe { libc::syscall(libc::SYS_clone3, &self.args, size_of::<libc::clone_args>()) };
        Errno::result(pid).map(|pid| pid as i32)
    }

    /// Starts a child that runs `body`, then exits with 0.
    pub fn start(self, body: impl FnOnce(&Channel)) -> nix::Result<Child> {
        let (mine, theirs) = Channel::pair();
        match self.call()? {
            0 => {
                drop(mine);
                body(&theirs);
                quit(0)
            }
            pid => Ok(Child { pid, channel: mine }),
        }
    }

    /// Starts a child that exits at once, waits for it and returns the number it had for the caller.
    pub fn attempt(&self) -> nix::Result<i32> {
        match self.clone().call()? {
            0 => quit(0),
            pid => {
                wait_for(pid);
                Ok(pid)
            }
        }
    }

    /// Starts a child that exits at once, waits for it and returns the number it had for itself.
    pub fn attempt_inside(&self) -> nix::Result<i32> {
        let child = self
            .clone()
            .start(|channel| channel.send(crate::process::pid()))?;
        let number = child.receive();
        wait_for(child.pid);
        Ok(number)
    }
}

/// The errno of making a thread that ends at once.
pub fn thread_errno(more: i32) -> i32 {
    extern "C" fn body(_: *mut libc::c_void) -> i32 {
        // SAFETY: only this thread ends.
        unsafe { libc::syscall(libc::SYS_exit, 0) as i32 }
    }
    let stack = Box::leak(vec![0u8; 64 << 10].into_boxed_slice());
    let flags = libc::CLONE_VM
        | libc::CLONE_FS
        | libc::CLONE_FILES
        | libc::CLONE_SIGHAND
        | libc::CLONE_THREAD
        | more;
    // SAFETY: the stack is the thread's alone and is never freed.
    let thread = unsafe {
        libc::clone(
            body,
            stack.as_mut_ptr().add(64 << 10).cast(),
            flags,
            std::ptr::null_mut(),
        )
    };
    if thread == -1 {
        Errno::last_raw()
    } else {
        0
    }
}
