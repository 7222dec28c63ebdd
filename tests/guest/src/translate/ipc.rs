//! Who has used a queue, a piece of memory, a file or a semaphore.

use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use nix::errno::Errno;

use crate::harness::Test;
use crate::process::{fork, new_ns, pid, wait_for_message};
use crate::signal_capture::{capture, next};

pub const TESTS: &[Test] = tests![
    the_users_of_shared_memory,
    the_users_of_a_message_queue,
    the_list_of_shared_memory,
    the_sender_of_a_notification,
    the_owner_of_a_file_by_its_kind,
    an_owner_that_is_out_of_view,
];

fn the_users_of_shared_memory() {
    // SAFETY: the calls get live structures, or no pointers.
    unsafe {
        let id = libc::shmget(libc::IPC_PRIVATE, 4096, 0o600 | libc::IPC_CREAT);
        check!(id >= 0, true, "shmget");
        let users = |id| {
            let mut state: libc::shmid_ds = std::mem::zeroed();
            check!(libc::shmctl(id, libc::IPC_STAT, &mut state), 0, "shmctl");
            (state.shm_cpid, state.shm_lpid)
        };
        let touch = |id| {
            let place = libc::shmat(id, std::ptr::null(), 0);
            check!(libc::shmdt(place), 0, "shmdt");
        };
        touch(id);
        check!(users(id), (pid(), pid()));
        let init = new_ns(|channel| {
            check!(
                users(id),
                (0, 0),
                "creator and last user outside, as init sees them"
            );
            touch(id);
            check!(users(id), (0, 1));
            let own = libc::shmget(libc::IPC_PRIVATE, 4096, 0o600 | libc::IPC_CREAT);
            check!(users(own), (1, 0));
            channel.send(own);
            channel.receive_or_end();
        });
        let theirs = init.receive();
        check!(
            users(id),
            (pid(), init.pid),
            "creator and last user, from outside"
        );
        check!(
            users(theirs),
            (init.pid, 0),
            "a creator inside, from outside"
        );
        libc::shmctl(id, libc::IPC_RMID, std::ptr::null_mut());
        libc::shmctl(theirs, libc::IPC_RMID, std::ptr::null_mut());
    }
}

fn the_users_of_a_message_queue() {
    // SAFETY: the calls get live structures and buffers of the sizes that are said.
    unsafe {
        let id = libc::msgget(libc::IPC_PRIVATE, 0o600 | libc::IPC_CREAT);
        check!(id >= 0, true, "msgget");
        let users = || {
            let mut state: libc::msqid_ds = std::mem::zeroed();
            check!(libc::msgctl(id, libc::IPC_STAT, &mut state), 0, "msgctl");
            (state.msg_lspid, state.msg_lrpid)
        };
        let mut message = [1i64, 2];
        let place = message.as_mut_ptr().cast::<libc::c_void>();
        check!(libc::msgsnd(id, place, 8, 0), 0, "msgsnd");
        check!(users(), (pid(), 0));
        let init = new_ns(|channel| {
            check!(users(), (0, 0), "a sender outside, as init sees it");
            check!(libc::msgrcv(id, place, 8, 0, 0), 8, "msgrcv");
            check!(libc::msgsnd(id, place, 8, 0), 0, "msgsnd");
            check!(users(), (1, 1));
            channel.send(0);
            channel.receive_or_end();
        });
        init.receive();
        check!(
            users(),
            (init.pid, init.pid),
            "sender and receiver inside, from outside"
        );
        libc::msgctl(id, libc::IPC_RMID, std::ptr::null_mut());
    }
}

fn the_list_of_shared_memory() {
    // SAFETY: the calls take no pointers that are used.
    let id = unsafe { libc::shmget(libc::IPC_PRIVATE, 4096, 0o600 | libc::IPC_CREAT) };
    check!(id >= 0, true, "shmget");
    let creator = || -> String {
        let text = std::fs::read_to_string("/proc/sysvipc/shm").expect("sysvipc/shm");
        let rows = text
            .lines()
            .map(|l| l.split_whitespace().collect::<Vec<_>>());
        let mut rows = rows.filter(|row| row[1] == id.to_string());
        rows.next().expect("the memory's row")[4].to_string()
    };
    check!(creator(), pid().to_string());
    let init = new_ns(|channel| {
        check!(creator(), "0", "a creator outside, as init sees it");
        channel.send(0);
    });
    init.receive();
    // SAFETY: the call takes no pointers.
    unsafe { libc::shmctl(id, libc::IPC_RMID, std::ptr::null_mut()) };
}

/// A new queue that tells the caller of its first message by SIGUSR1.
struct Queue(OwnedFd);

impl Queue {
    fn new() -> Queue {
        let name = c"/pidns";
        let flags = libc::O_RDWR | libc::O_CREAT | libc::O_EXCL;
        let null = std::ptr::null_mut::<libc::mq_attr>();
        // SAFETY: the name is a string, null is allowed, and the descriptor is new.
        unsafe {
            let fd = Errno::result(libc::mq_open(name.as_ptr(), flags, 0o600, null));
            let fd = fd.expect("mq_open");
            libc::mq_unlink(name.as_ptr());
            Queue(OwnedFd::from_raw_fd(fd))
        }
    }

    #[track_caller]
    fn ask(&self) {
        // SAFETY: all bytes zero is a valid `sigevent`, and the pointer is live.
        let asked = unsafe {
            let mut event: libc::sigevent = std::mem::zeroed();
            event.sigev_notify = libc::SIGEV_SIGNAL;
            event.sigev_signo = libc::SIGUSR1;
            Errno::result(libc::syscall(
                libc::SYS_mq_notify,
                self.0.as_raw_fd(),
                &event,
            ))
        };
        check!(asked, Ok(0), "mq_notify");
    }

    #[track_caller]
    fn send(&self) {
        // SAFETY: the message is live and one byte long.
        let sent = unsafe { libc::mq_send(self.0.as_raw_fd(), c"x".as_ptr(), 1, 0) };
        check!(sent, 0, "mq_send");
    }

    #[track_caller]
    fn receive(&self) {
        let mut message = [0u8; 8192];
        let place = message.as_mut_ptr().cast();
        let null = std::ptr::null_mut();
        // SAFETY: the buffer is live and has the greatest size of a message.
        let got = unsafe { libc::mq_receive(self.0.as_raw_fd(), place, message.len(), null) };
        check!(got, 1, "mq_receive");
    }
}

fn the_sender_of_a_notification() {
    let queue = Queue::new();
    let init = new_ns(|channel| {
        capture(&[libc::SIGUSR1]);
        queue.ask();
        channel.send(0);
        check!(
            (next().pid, queue.receive()).0,
            0,
            "a sender outside, as init sees it"
        );
        queue.ask();
        let member = fork(|_| queue.send());
        check!(
            (next().pid, queue.receive()).0,
            member.pid,
            "a sender inside"
        );
        channel.send(0);
        channel.receive();
        queue.send();
        channel.receive_or_end();
    });
    init.receive();
    queue.send();
    init.receive();
    capture(&[libc::SIGUSR1]);
    queue.ask();
    init.send(0);
    check!(next().pid, init.pid, "a sender inside, from outside");
}

/// Kind and number of a file's owner.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Owner {
    kind: i32,
    pid: i32,
}

const F_SETOWN_EX: i32 = 15;
const F_GETOWN_EX: i32 = 16;

fn set_owner(fd: i32, mut owner: Owner) -> nix::Result<()> {
    // SAFETY: the pointer is live.
    Errno::result(unsafe { libc::fcntl(fd, F_SETOWN_EX, &mut owner) }).map(drop)
}

fn owner(fd: i32) -> Owner {
    let mut owner = Owner { kind: -1, pid: -1 };
    // SAFETY: the pointer is live.
    let got = unsafe { libc::fcntl(fd, F_GETOWN_EX, &mut owner) };
    check!(got, 0, "F_GETOWN_EX");
    owner
}

fn the_owner_of_a_file_by_its_kind() {
    let (end, _other) = nix::unistd::pipe().expect("pipe");
    let fd = end.as_raw_fd();
    for kind in 0..3 {
        let group = nix::unistd::getpgrp().as_raw();
        let own = if kind == 2 { group } else { pid() };
        check!(set_owner(fd, Owner { kind, pid: own }), Ok(()));
        let init = new_ns(|channel| {
            check!(owner(fd).pid, 0, "an owner outside of kind {kind}");
            nix::unistd::setsid().expect("setsid");
            check!(set_owner(fd, Owner { kind, pid: 1 }), Ok(()));
            check!(owner(fd), Owner { kind, pid: 1 });
            channel.send(0);
            channel.receive_or_end();
        });
        init.receive();
        check!(
            owner(fd),
            Owner {
                kind,
                pid: init.pid
            },
            "from outside"
        );
    }
}

fn an_owner_that_is_out_of_view() {
    let (end, _other) = nix::unistd::pipe().expect("pipe");
    let (fd, outside) = (end.as_raw_fd(), fork(wait_for_message).pid);
    let init = new_ns(|channel| {
        for kind in 0..3 {
            let set = set_owner(fd, Owner { kind, pid: outside });
            check!(set, Err(Errno::ESRCH), "a number of the outside");
        }
        // SAFETY: the call takes no pointers.
        let set = Errno::result(unsafe { libc::fcntl(fd, libc::F_SETOWN, outside) });
        check!(set, Err(Errno::ESRCH));
        channel.send(0);
    });
    init.receive();
}
