//! Who the kernel says has sent, opened, locked or changed something.

use std::os::fd::AsRawFd;

use nix::errno::Errno;

use crate::harness::Test;
use crate::process::{fork, new_ns, pid};
use crate::scm_credentials::CredentialsSocket;

pub const TESTS: &[Test] = tests![
    credentials_go_up,
    credentials_come_down_as_zero,
    credentials_between_neighbours_are_zero,
    credentials_may_name_a_member,
    the_owner_of_a_socket_peer,
    the_owner_of_a_file,
    the_holder_of_a_lock,
    the_last_user_of_a_semaphore,
];

fn credentials_go_up() {
    let socket = CredentialsSocket::new();
    let init = new_ns(|channel| {
        socket.send();
        check!(socket.receive(), 1, "the sender as init sees it");
        socket.send();
        channel.receive();
    });
    check!(
        socket.receive(),
        init.pid,
        "the sender as its parent sees it"
    );
    init.send(0);
}

fn credentials_come_down_as_zero() {
    let socket = CredentialsSocket::new();
    let init = new_ns(|channel| channel.send(socket.receive()));
    socket.send();
    check!(init.receive(), 0, "a sender outside as init sees it");
}

fn credentials_between_neighbours_are_zero() {
    let socket = CredentialsSocket::new();
    let receiver = new_ns(|channel| channel.send(socket.receive()));
    let sender = new_ns(|channel| {
        socket.send();
        channel.receive();
    });
    check!(receiver.receive(), 0, "a neighbour as init sees it");
    sender.send(0);
}

fn credentials_may_name_a_member() {
    let socket = CredentialsSocket::new();
    let init = new_ns(|channel| {
        let member = fork(|channel| {
            let wrong = socket.send_as(99);
            check!(
                wrong,
                Err(Errno::ESRCH),
                "a message with the credentials of nobody"
            );
            check!(
                socket.send_as(1),
                Ok(()),
                "a message with the credentials of init"
            );
            channel.send(0);
        });
        member.receive();
        channel.receive();
    });
    check!(
        socket.receive(),
        init.pid,
        "the signature 1 as the outside sees it"
    );
    init.send(0);
}

fn the_owner_of_a_socket_peer() {
    use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};
    let (_keep, peer) = std::os::unix::net::UnixStream::pair().expect("socketpair");
    let peer_pid = |fd: &std::os::unix::net::UnixStream| {
        getsockopt(fd, PeerCredentials).expect("SO_PEERCRED").pid()
    };
    let init = new_ns(|channel| {
        channel.send(peer_pid(&peer));
        let (_keep, inner) = std::os::unix::net::UnixStream::pair().expect("socketpair");
        channel.send(peer_pid(&inner));
        channel.send_fd(inner.as_raw_fd());
        channel.receive();
    });
    check!(peer_pid(&peer), pid());
    check!(init.receive(), 0, "a peer outside as init sees it");
    check!(init.receive(), 1, "init's own peer");
    let inner = std::os::unix::net::UnixStream::from(init.channel.receive_fd());
    check!(
        peer_pid(&inner),
        init.pid,
        "a peer inside as the outside sees it"
    );
    init.send(0);
}

fn the_owner_of_a_file() {
    let (end, _keep) = nix::unistd::pipe().expect("pipe");
    let fd = end.as_raw_fd();
    // SAFETY: the calls take no pointers.
    let (set, get) = (
        |n: i32| unsafe { libc::fcntl(fd, libc::F_SETOWN, n) },
        || unsafe { libc::fcntl(fd, libc::F_GETOWN) },
    );
    check!(set(pid()), 0);
    let init = new_ns(|channel| {
        channel.send(get());
        check!(set(1), 0);
        channel.send(get());
        channel.receive();
    });
    check!(init.receive_all(), [0], "the owner outside as init sees it");
    check!(init.receive(), 1, "init as the owner");
    check!(get(), init.pid, "init as the owner, from outside");
    init.send(0);
}

fn the_holder_of_a_lock() {
    let file =
        nix::sys::memfd::memfd_create(c"lock", nix::sys::memfd::MFdFlags::empty()).expect("memfd");
    let fd = file.as_raw_fd();
    let lock = |command: i32, start: i64| {
        // SAFETY: the pointer is to a live `flock`.
        unsafe {
            let mut lock: libc::flock = std::mem::zeroed();
            (lock.l_type, lock.l_start, lock.l_len) = (libc::F_WRLCK as i16, start, 1);
            check!(libc::fcntl(fd, command, &mut lock), 0, "fcntl of a lock");
            lock.l_pid
        }
    };
    lock(libc::F_SETLK, 0);
    let init = new_ns(|channel| {
        channel.send(lock(libc::F_GETLK, 0));
        lock(libc::F_SETLK, 10);
        let member = fork(|channel| channel.send(lock(libc::F_GETLK, 10)));
        channel.send(member.receive());
        channel.receive();
    });
    check!(init.receive(), 0, "a holder outside as init sees it");
    check!(init.receive(), 1, "init as the holder, for a member");
    check!(
        lock(libc::F_GETLK, 10),
        init.pid,
        "init as the holder, from outside"
    );
    init.send(0);
}

fn the_last_user_of_a_semaphore() {
    // SAFETY: the calls get a live operation or no pointer.
    let (id, last_user, touch) = unsafe {
        let id = libc::semget(libc::IPC_PRIVATE, 1, 0o600);
        let touch = move || {
            let mut up = libc::sembuf {
                sem_num: 0,
                sem_op: 1,
                sem_flg: 0,
            };
            check!(libc::semop(id, &mut up, 1), 0, "semop");
        };
        (id, move || libc::semctl(id, 0, libc::GETPID), touch)
    };
    touch();
    let init = new_ns(|channel| {
        channel.send(last_user());
        touch();
        channel.send(last_user());
        channel.receive();
    });
    let inside = [init.receive(), init.receive()];
    let outside = last_user();
    // SAFETY: the call takes no pointers.
    unsafe { libc::semctl(id, 0, libc::IPC_RMID) };
    check!(
        inside,
        [0, 1],
        "a user outside, then init itself, as init sees them"
    );
    check!(outside, init.pid, "init as the last user, from outside");
    init.send(0);
}
