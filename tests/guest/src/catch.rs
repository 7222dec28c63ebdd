//! A process that catches signals and tells what came with them.

use std::sync::atomic::{AtomicI32, Ordering};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::signal::{sigaction, SaFlags, SigAction, SigHandler, SigSet, SigmaskHow, Signal};

use crate::talk::{retry, Talk};

/// What a handler saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caught {
    pub signal: i32,
    pub code: i32,
    pub pid: i32,
    pub uid: i32,
    pub value: i32,
}

impl Caught {
    pub fn to_numbers(self) -> [i32; 5] {
        [self.signal, self.code, self.pid, self.uid, self.value]
    }
}

static READ_END: AtomicI32 = AtomicI32::new(-1);
static WRITE_END: AtomicI32 = AtomicI32::new(-1);

/// Catches these signals from now on.
pub fn catch(signals: &[i32]) {
    use std::os::fd::IntoRawFd;
    let (read_end, write_end) = nix::unistd::pipe2(OFlag::O_CLOEXEC).expect("pipe");
    READ_END.store(read_end.into_raw_fd(), Ordering::Relaxed);
    WRITE_END.store(write_end.into_raw_fd(), Ordering::Relaxed);
    for signal in signals {
        // SAFETY: all bytes zero is a valid `sigaction`; the handler only makes async-signal-safe calls.
        let set = unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = handler as *const () as usize;
            action.sa_flags = libc::SA_SIGINFO | libc::SA_RESTART;
            Errno::result(libc::sigaction(*signal, &action, std::ptr::null_mut()))
        };
        check!(set, Ok(0), "sigaction({signal})");
    }
}

/// Waits for the next caught signal.
#[track_caller]
pub fn next() -> Caught {
    let mut caught = [0i32; 5];
    let got = retry(|| {
        let fd = READ_END.load(Ordering::Relaxed);
        // SAFETY: the buffer is live and its length is right.
        Errno::result(unsafe { libc::read(fd, caught.as_mut_ptr().cast(), size_of_val(&caught)) })
    });
    check!(
        got,
        Ok(size_of::<Caught>() as isize),
        "read of a caught signal"
    );
    let [signal, code, pid, uid, value] = caught;
    Caught {
        signal,
        code,
        pid,
        uid,
        value,
    }
}

extern "C" fn handler(signal: i32, info: *mut libc::siginfo_t, _context: *mut libc::c_void) {
    // SAFETY: the kernel gives a valid siginfo; `write` is async-signal-safe, and errno is kept.
    unsafe {
        let errno = *libc::__errno_location();
        let value = (*info).si_value().sival_ptr as usize as i32;
        let caught = [
            signal,
            (*info).si_code,
            (*info).si_pid(),
            (*info).si_uid() as i32,
            value,
        ];
        libc::write(
            WRITE_END.load(Ordering::Relaxed),
            caught.as_ptr().cast(),
            size_of_val(&caught),
        );
        *libc::__errno_location() = errno;
    }
}

/// Gives a signal its default action.
pub fn set_default(signal: Signal) {
    set(signal, SigHandler::SigDfl);
}

/// Ignores a signal.
pub fn ignore(signal: Signal) {
    set(signal, SigHandler::SigIgn);
}

fn set(signal: Signal, handler: SigHandler) {
    let action = SigAction::new(handler, SaFlags::empty(), SigSet::empty());
    // SAFETY: neither disposition runs code of ours.
    unsafe { sigaction(signal, &action) }.expect("sigaction");
}

pub fn block(signal: Signal) {
    mask(SigmaskHow::SIG_BLOCK, signal);
}

pub fn unblock(signal: Signal) {
    mask(SigmaskHow::SIG_UNBLOCK, signal);
}

fn mask(how: SigmaskHow, signal: Signal) {
    nix::sys::signal::sigprocmask(how, Some(&signal.into()), None).expect("sigprocmask");
}

/// Whether a signal waits to be unblocked.
pub fn is_pending(signal: Signal) -> bool {
    // SAFETY: all bytes zero is a valid `sigset_t`, and the pointer is live.
    unsafe {
        let mut set = std::mem::zeroed();
        libc::sigpending(&mut set);
        libc::sigismember(&set, signal as i32) == 1
    }
}

/// An init's story: catch a signal and tell everything about it, again and again.
pub fn catch_and_tell(talk: &Talk, signals: &[i32]) {
    catch(signals);
    talk.say(0);
    loop {
        talk.say_all(&next().to_numbers());
    }
}
