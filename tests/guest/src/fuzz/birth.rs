//! How an agent makes other agents, or makes itself anew.

use std::ffi::CString;
use std::os::fd::{AsRawFd, RawFd};

use nix::errno::Errno;

use super::agent::{self, ARGUMENT, PROGRAM};
use super::calls::word;
use super::command::Command;

const STACK: usize = 64 << 10;

/// `clone3`; the child is an agent.
pub fn fork(command: Command) -> i32 {
    let channel = command.fd.expect("a channel");
    let numbers = &command.arguments[2..];
    // SAFETY: all bytes zero is a valid `clone_args`.
    let mut args: libc::clone_args = unsafe { std::mem::zeroed() };
    args.flags = command.arguments[0] as u32 as u64;
    args.exit_signal = command.arguments[1] as u64;
    if !numbers.is_empty() {
        args.set_tid = numbers.as_ptr() as u64;
        args.set_tid_size = numbers.len() as u64;
    }
    // SAFETY: memory is not shared, so that this returns twice like `fork`; the numbers are live.
    let made = unsafe { libc::syscall(libc::SYS_clone3, &args, size_of::<libc::clone_args>()) };
    if made == 0 {
        agent::begin(channel.as_raw_fd());
    }
    word(made)
}

pub fn thread(command: Command) -> i32 {
    let channel = command.fd.expect("a channel");
    let started = std::thread::Builder::new()
        .stack_size(STACK * 4)
        .spawn(|| agent::begin_thread(channel));
    started.map_or_else(|e| -e.raw_os_error().unwrap_or(0), |_| 0)
}

/// What executes this program as an agent.
struct Program {
    words: [CString; 3],
}

impl Program {
    fn new(fd: RawFd) -> Program {
        let words = ["pidns-test", ARGUMENT, &fd.to_string()];
        Program {
            words: words.map(|w| CString::new(w).expect("no zero byte")),
        }
    }

    fn execute(&self) -> libc::c_long {
        let words = [
            self.words[0].as_ptr(),
            self.words[1].as_ptr(),
            self.words[2].as_ptr(),
            std::ptr::null(),
        ];
        let environment = [std::ptr::null::<libc::c_char>()];
        // SAFETY: the arrays end with null and their strings are live.
        unsafe {
            libc::syscall(
                libc::SYS_execveat,
                PROGRAM,
                c"".as_ptr(),
                words.as_ptr(),
                environment.as_ptr(),
                libc::AT_EMPTY_PATH,
            )
        }
    }
}

pub fn execute(own: RawFd) -> i32 {
    word(Program::new(own).execute())
}

struct Vforked {
    program: Option<Program>,
}

/// `vfork`: the child exits or executes.
pub fn vfork(command: Command) -> i32 {
    extern "C" fn body(argument: *mut libc::c_void) -> i32 {
        // SAFETY: the parent waits, with the structure, until this process has another memory.
        let vforked = unsafe { &*argument.cast::<Vforked>() };
        if let Some(program) = &vforked.program {
            program.execute();
        }
        // SAFETY: only this process ends.
        unsafe { libc::syscall(libc::SYS_exit_group, 7) as i32 }
    }
    let channel = command.fd.expect("a channel");
    let mut vforked = Vforked {
        program: (command.arguments[0] == 1).then(|| Program::new(channel.as_raw_fd())),
    };
    let mut stack = vec![0u128; STACK / 16];
    let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::SIGCHLD;
    // SAFETY: the stack is the child's alone, and it and the argument live until the parent goes on.
    let made = unsafe {
        let top = stack.as_mut_ptr().add(stack.len()).cast();
        libc::clone(body, top, flags, (&raw mut vforked).cast())
    };
    if made == -1 {
        -Errno::last_raw()
    } else {
        made
    }
}
