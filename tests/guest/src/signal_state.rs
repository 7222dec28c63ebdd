//! What a process does about a signal: its disposition, the mask of the calling thread, what is pending.
//!
//! The C library keeps two signals for itself; the kernel is asked directly, so that all 64 are alike.

use nix::errno::Errno;

use crate::processor::pidns_test_restorer;

/// A handler that is told who sent the signal.
pub type Handler = extern "C" fn(i32, *mut libc::siginfo_t, *mut libc::c_void);

/// A `sigaction` as the kernel lays it out.
#[repr(C)]
struct Action {
    handler: usize,
    flags: u64,
    restorer: usize,
    mask: u64,
}

const SA_RESTORER: i32 = 0x0400_0000;

/// Whether nobody can catch, ignore or block the signal.
pub fn is_kernel_only(signal: i32) -> bool {
    matches!(signal, libc::SIGKILL | libc::SIGSTOP)
}

/// Gives a signal its default action.
pub fn set_default(signal: i32) {
    set(signal, libc::SIG_DFL, 0);
}

/// Gives every signal its default action: the language's own start has changed some.
pub fn reset() {
    (1..=64)
        .filter(|s| !is_kernel_only(*s))
        .for_each(set_default);
}

pub fn ignore(signal: i32) {
    set(signal, libc::SIG_IGN, 0);
}

/// Sets a handler. With `SA_RESTART` system calls that it interrupts go on; with `SA_RESETHAND` it runs once.
pub fn handle(signal: i32, handler: Handler, flags: i32) {
    let flags = flags | libc::SA_SIGINFO | SA_RESTORER;
    set(signal, handler as *const () as usize, flags);
}

/// A handler that does nothing.
pub extern "C" fn nothing(_: i32, _: *mut libc::siginfo_t, _: *mut libc::c_void) {}

#[track_caller]
fn set(signal: i32, handler: usize, flags: i32) {
    let action = Action {
        handler,
        flags: flags as u64,
        restorer: pidns_test_restorer as *const () as usize,
        mask: 0,
    };
    let none = std::ptr::null_mut::<Action>();
    // SAFETY: the action has the kernel's layout, and its handler and restorer are functions. Handlers of
    // this program make async-signal-safe calls alone.
    let set = unsafe { libc::syscall(libc::SYS_rt_sigaction, signal, &action, none, 8) };
    check!(Errno::result(set), Ok(0), "rt_sigaction({signal})");
}

/// Blocks a signal for the calling thread.
pub fn block(signal: i32) {
    change_mask(libc::SIG_BLOCK, bit(signal));
}

/// Unblocks a signal for the calling thread.
pub fn unblock(signal: i32) {
    change_mask(libc::SIG_UNBLOCK, bit(signal));
}

/// Unblocks every signal for the calling thread.
pub fn unblock_all() {
    change_mask(libc::SIG_SETMASK, 0);
}

fn change_mask(how: i32, mask: u64) {
    let none = std::ptr::null_mut::<u64>();
    // SAFETY: the mask is live and has the kernel's size.
    let set = unsafe { libc::syscall(libc::SYS_rt_sigprocmask, how, &mask, none, 8) };
    check!(Errno::result(set), Ok(0), "rt_sigprocmask");
}

/// Whether a signal waits to be unblocked.
pub fn is_pending(signal: i32) -> bool {
    let mut pending = 0u64;
    // SAFETY: the set is live and has the kernel's size.
    let got = unsafe { libc::syscall(libc::SYS_rt_sigpending, &mut pending, 8) };
    check!(Errno::result(got), Ok(0), "rt_sigpending");
    pending & bit(signal) != 0
}

/// The signal's bit in a set of the kernel.
pub fn bit(signal: i32) -> u64 {
    1 << (signal - 1)
}

/// A set of the C library with one signal.
pub fn sigset(signal: i32) -> libc::sigset_t {
    // SAFETY: all bytes zero is a valid `sigset_t`, and the pointer is live.
    unsafe {
        let mut set = std::mem::zeroed();
        libc::sigaddset(&mut set, signal);
        set
    }
}
