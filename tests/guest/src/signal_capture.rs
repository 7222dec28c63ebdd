//! The capture of signals: a process catches them and learns what came with each.

use std::sync::atomic::{AtomicI32, Ordering};

use nix::errno::Errno;
use nix::fcntl::OFlag;

use crate::channel::{retry, Channel};
use crate::processor::handler_steps;
use crate::signal_state;

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
pub fn capture(signals: &[i32]) {
    use std::os::fd::IntoRawFd;
    let (read_end, write_end) = nix::unistd::pipe2(OFlag::O_CLOEXEC).expect("pipe");
    READ_END.store(read_end.into_raw_fd(), Ordering::Relaxed);
    WRITE_END.store(write_end.into_raw_fd(), Ordering::Relaxed);
    for signal in signals {
        signal_state::handle(*signal, handler, libc::SA_RESTART);
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

/// Whether one has been caught that [`next`] has not taken.
pub fn is_there() -> bool {
    let fd = READ_END.load(Ordering::Relaxed);
    let mut file = libc::pollfd {
        fd,
        events: libc::POLLIN,
        revents: 0,
    };
    // SAFETY: the structure is live.
    let ready = retry(|| Errno::result(unsafe { libc::poll(&mut file, 1, 0) }));
    ready.expect("poll") > 0
}

extern "C" fn handler(signal: i32, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    handler_steps(signal, info, context);
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

/// An init's body: catch a signal and report everything about it, again and again.
pub fn capture_and_report(channel: &Channel, signals: &[i32]) {
    capture(signals);
    channel.send(0);
    loop {
        channel.send_all(&next().to_numbers());
    }
}
