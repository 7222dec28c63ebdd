//! The init of a cell: threads that do what they are told, and remember what they caught.

use std::sync::atomic::{AtomicI32, AtomicPtr, Ordering::SeqCst};

use super::cell::{Disposition, Sender, Shape, Way, SIGNALS};
use crate::process::{errno_of, fork, kill, new_ns, pidfd_open, Child};
use crate::talk::Talk;

/// Words to a thread of init. The answer is whether the signal of the last PREPARE is pending.
pub const PING: i32 = 0;
/// Signal, disposition (the leader sets it), and whether to block the signal.
pub const PREPARE: i32 = 1;
pub const UNBLOCK: i32 = 2;
/// Way and signal: what the init sends to itself.
pub const SEND: i32 = 3;

/// What handlers have seen, in memory that init shares with the outside.
#[repr(C)]
pub struct Record {
    pub count: AtomicI32,
    pub signal: AtomicI32,
    pub code: AtomicI32,
    pub pid: AtomicI32,
}

static RECORD: AtomicPtr<Record> = AtomicPtr::new(std::ptr::null_mut());

impl Record {
    /// One for this process and for all its children.
    pub fn share() -> &'static Record {
        // SAFETY: new memory, all zero, which is a valid record and is never unmapped.
        unsafe {
            let memory = libc::mmap(
                std::ptr::null_mut(),
                size_of::<Record>(),
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED | libc::MAP_ANONYMOUS,
                -1,
                0,
            );
            check!(memory != libc::MAP_FAILED, true, "mmap");
            RECORD.store(memory.cast(), SeqCst);
            &*memory.cast()
        }
    }
}

extern "C" fn handler(signal: i32, info: *mut libc::siginfo_t, _context: *mut libc::c_void) {
    // SAFETY: the kernel gives a valid siginfo; the record was made before the handler was set.
    unsafe {
        let record = &*RECORD.load(SeqCst);
        record.signal.store(signal, SeqCst);
        record.code.store((*info).si_code, SeqCst);
        record.pid.store((*info).si_pid(), SeqCst);
        record.count.fetch_add(1, SeqCst);
    }
}

std::arch::global_asm!(
    ".globl pidns_test_restorer",
    "pidns_test_restorer:",
    "mov eax, 15",
    "syscall"
);
extern "C" {
    fn pidns_test_restorer();
}

/// As the kernel has it. The C library keeps two signals for itself and refuses them.
#[repr(C)]
struct Action {
    handler: usize,
    flags: usize,
    restorer: usize,
    mask: u64,
}

fn bit(signal: i32) -> u64 {
    1 << (signal - 1)
}

fn set_disposition(signal: i32, disposition: Disposition) {
    let action = Action {
        handler: match disposition {
            Disposition::Default => libc::SIG_DFL,
            Disposition::Ignored => libc::SIG_IGN,
            Disposition::Handler => handler as *const () as usize,
        },
        flags: (libc::SA_SIGINFO | libc::SA_RESTART | 0x0400_0000) as usize, // SA_RESTORER
        restorer: pidns_test_restorer as *const () as usize,
        mask: 0,
    };
    let none = std::ptr::null_mut::<Action>();
    // SAFETY: the action has the kernel's layout, and its handler and restorer are functions.
    let set = unsafe { libc::syscall(libc::SYS_rt_sigaction, signal, &action, none, 8) };
    check!(set, 0, "rt_sigaction({signal})");
}

fn set_mask(mask: u64) {
    let none = std::ptr::null_mut::<u64>();
    // SAFETY: the mask is live and has the kernel's size.
    let set = unsafe { libc::syscall(libc::SYS_rt_sigprocmask, libc::SIG_SETMASK, &mask, none, 8) };
    check!(set, 0, "rt_sigprocmask");
}

fn pending() -> u64 {
    let mut set = 0u64;
    // SAFETY: the set is live and has the kernel's size.
    let got = unsafe { libc::syscall(libc::SYS_rt_sigpending, &mut set, 8) };
    check!(got, 0, "rt_sigpending");
    set
}

/// Sends to the process with this number, whose group has the same number.
pub fn send(way: Way, number: i32, signal: i32) -> nix::Result<()> {
    use crate::way::Way as Call;
    match way {
        Way::Kill => Call::Kill.send(number, signal),
        Way::Tgkill => Call::Tgkill.send(number, signal),
        Way::Sigqueue => Call::Sigqueue.send(number, signal),
        Way::TgSigqueue => Call::TgSigqueue.send(number, signal),
        Way::Pidfd => Call::Pidfd.send(number, signal),
        // Inside, -1 would mean everybody.
        Way::Group if number == 1 => send_to_group_of(number, signal),
        Way::Group => kill(-number, signal),
    }
}

fn send_to_group_of(number: i32, signal: i32) -> nix::Result<()> {
    use std::os::fd::AsRawFd;
    const PIDFD_SIGNAL_PROCESS_GROUP: i32 = 4;
    let pidfd = pidfd_open(number)?;
    // SAFETY: the null siginfo is allowed.
    nix::errno::Errno::result(unsafe {
        libc::syscall(
            libc::SYS_pidfd_send_signal,
            pidfd.as_raw_fd(),
            signal,
            0usize,
            PIDFD_SIGNAL_PROCESS_GROUP,
        )
    })
    .map(drop)
}

pub fn to_number<T: Copy + PartialEq>(all: &[T], one: T) -> i32 {
    all.iter().position(|x| *x == one).expect("one of all") as i32
}

/// The life of a process that sends what it is told to send: a way and a signal.
fn be_sender(talk: &Talk, shape: Shape) -> ! {
    if shape.sender == Sender::Child {
        nix::unistd::setpgid(nix::unistd::Pid::from_raw(0), nix::unistd::Pid::from_raw(0))
            .expect("setpgid");
    }
    talk.say(0);
    while let Some(words) = talk.hear_or_end() {
        let [way, signal] = words[..] else {
            panic!("two words, not {words:?}")
        };
        talk.say(errno_of(match shape.sender {
            Sender::Nested => kill(0, signal),
            _ => send(super::cell::WAYS[way as usize], 1, signal),
        }));
    }
    crate::process::quit(0)
}

/// Starts an init with a line to each of its threads, the leader's first, and one to its sender if
/// that is a process inside.
pub fn start(shape: Shape) -> (i32, Vec<Talk>, Option<Talk>) {
    let (mut mine, theirs): (Vec<Talk>, Vec<Talk>) =
        (1..shape.threads).map(|_| Talk::pair()).unzip();
    let (to_sender, of_sender) = Talk::pair();
    let Child { pid, talk } = new_ns(|talk| {
        let own = nix::unistd::Pid::from_raw(0);
        nix::unistd::setpgid(own, own).expect("setpgid");
        SIGNALS
            .filter(|s| !super::cell::is_kernel_only(*s))
            .for_each(|s| set_disposition(s, Disposition::Default));
        set_mask(0);
        match shape.sender {
            Sender::Child => drop(fork(|_| be_sender(&of_sender, shape))),
            Sender::Nested => drop(new_ns(|_| be_sender(&of_sender, shape))),
            Sender::Itself | Sender::Ancestor => {}
        }
        for line in theirs {
            std::thread::Builder::new()
                .stack_size(64 << 10)
                .spawn(move || obey(&line, false))
                .expect("a thread");
        }
        obey(talk, true);
    });
    mine.insert(0, talk);
    let inside = matches!(shape.sender, Sender::Child | Sender::Nested);
    (pid, mine, inside.then_some(to_sender))
}

/// The life of a thread of init.
fn obey(line: &Talk, leader: bool) {
    let mut last = libc::SIGUSR1;
    while let Some(words) = line.hear_or_end() {
        match words[..] {
            [PREPARE, signal, disposition, block] => {
                if leader {
                    if signal != last && !super::cell::is_kernel_only(last) {
                        set_disposition(last, Disposition::Default);
                    }
                    if !super::cell::is_kernel_only(signal) {
                        set_disposition(signal, super::cell::DISPOSITIONS[disposition as usize]);
                    }
                }
                last = signal;
                set_mask(if block == 1 { bit(signal) } else { 0 });
            }
            [UNBLOCK] => set_mask(0),
            [SEND, way, signal] => check!(
                match super::cell::WAYS[way as usize] {
                    Way::Group => kill(0, signal),
                    way => send(way, 1, signal),
                },
                Ok(()),
                "init's signal {signal} to itself"
            ),
            [PING] => {}
            _ => panic!("no such command: {words:?}"),
        }
        line.say(i32::from(pending() & bit(last) != 0));
    }
}
