//! Accounting of processes: the old file, and taskstats.

use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use nix::errno::Errno;

use crate::harness::Test;
use crate::process::{attempt_fork, fork, new_ns, pid, wait_for_message};

pub const TESTS: &[Test] = tests![
    every_namespace_has_its_own_file,
    statistics_in_the_askers_numbers,
];

fn account(path: Option<&std::ffi::CStr>) -> nix::Result<()> {
    let path = path.map_or(std::ptr::null(), std::ffi::CStr::as_ptr);
    // SAFETY: the path is a live string or null.
    Errno::result(unsafe { libc::acct(path) }).map(drop)
}

/// Number, and parent's number, in every record of a file.
#[track_caller]
fn records(path: &std::ffi::CStr) -> Vec<(i32, i32)> {
    let bytes = std::fs::read(path.to_str().expect("a path")).expect("the records");
    let word = |record: &[u8], at: usize| {
        i32::from_ne_bytes(record[at..at + 4].try_into().expect("four bytes"))
    };
    let numbers = |record: &[u8]| {
        check!(record[1], 3, "the version of a record");
        (word(record, 16), word(record, 20))
    };
    bytes.chunks_exact(64).map(numbers).collect()
}

fn every_namespace_has_its_own_file() {
    const OUTER: &std::ffi::CStr = c"/tmp/outer.acct";
    const INNER: &std::ffi::CStr = c"/tmp/inner.acct";
    for path in [OUTER, INNER] {
        std::fs::write(path.to_str().expect("a path"), "").expect("a file");
    }
    match account(Some(OUTER)) {
        Err(Errno::ENOSYS) => crate::report::skip("this kernel has no accounting"),
        other => check!(other, Ok(())),
    }
    let init = new_ns(|channel| {
        check!(attempt_fork(), Ok(2));
        check!(account(Some(INNER)), Ok(()));
        check!(attempt_fork(), Ok(3));
        let nested = new_ns(wait_for_message);
        check!(nested.pid, 4);
        nested.send(0);
        nested.wait();
        check!(
            records(INNER),
            [(3, 1), (4, 1)],
            "the records of the inner file"
        );
        channel.send(0);
        channel.receive_or_end();
    });
    init.receive();
    let outside = attempt_fork().expect("fork");
    init.send(0);
    init.wait();
    check!(account(None), Ok(()));
    let seen = records(OUTER);
    let inside = seen
        .iter()
        .filter(|(_, parent)| *parent == init.pid)
        .count();
    check!(inside, 3, "children of init in the outer file: {seen:?}");
    check!(
        seen.contains(&(outside, pid())),
        true,
        "a child of mine in {seen:?}"
    );
    check!(seen.contains(&(init.pid, pid())), true, "init in {seen:?}");
    check!(
        records(INNER).iter().any(|r| r.0 == outside),
        false,
        "the outside in the inner file"
    );
}

/// A connection to a service of the kernel that is found by name.
struct Netlink {
    socket: OwnedFd,
    family: u16,
}

impl Netlink {
    #[track_caller]
    fn open(name: &std::ffi::CStr) -> Netlink {
        const NETLINK_GENERIC: i32 = 16;
        const CONTROL: u16 = 16;
        // SAFETY: the call takes no pointers, and the descriptor is new.
        let socket = unsafe {
            let fd = libc::socket(libc::AF_NETLINK, libc::SOCK_RAW, NETLINK_GENERIC);
            OwnedFd::from_raw_fd(Errno::result(fd).expect("socket"))
        };
        let mut netlink = Netlink {
            socket,
            family: CONTROL,
        };
        match netlink.ask(3, 2, name.to_bytes_with_nul()) {
            Ok(answer) => {
                netlink.family = u16::from_ne_bytes([find(&answer, 1)[0], find(&answer, 1)[1]])
            }
            Err(_) => crate::report::skip("this kernel has no taskstats"),
        }
        netlink
    }

    /// Sends one attribute and gives the attributes of the answer.
    fn ask(&self, command: u8, kind: u16, value: &[u8]) -> nix::Result<Vec<u8>> {
        let mut message = Vec::new();
        let length = 16 + 4 + 4 + value.len().next_multiple_of(4);
        message.extend((length as u32).to_ne_bytes());
        message.extend(self.family.to_ne_bytes());
        message.extend(1u16.to_ne_bytes()); // a request
        message.extend([0u8; 8]);
        message.extend([command, 1, 0, 0]);
        message.extend((4 + value.len() as u16).to_ne_bytes());
        message.extend(kind.to_ne_bytes());
        message.extend(value);
        message.resize(length, 0);
        let mut answer = vec![0u8; 8192];
        // SAFETY: the buffers are live and their lengths are right.
        let got = unsafe {
            let fd = self.socket.as_raw_fd();
            Errno::result(libc::send(fd, message.as_ptr().cast(), length, 0))?;
            Errno::result(libc::recv(fd, answer.as_mut_ptr().cast(), answer.len(), 0))?
        };
        answer.truncate(got as usize);
        if u16::from_ne_bytes([answer[4], answer[5]]) == 2 {
            let error = i32::from_ne_bytes(answer[16..20].try_into().expect("four bytes"));
            return Err(Errno::from_raw(-error));
        }
        Ok(answer[20..].to_vec())
    }
}

/// The value of the first attribute of a kind.
#[track_caller]
fn find(mut attributes: &[u8], kind: u16) -> &[u8] {
    while attributes.len() >= 4 {
        let length = usize::from(u16::from_ne_bytes([attributes[0], attributes[1]]));
        let found = u16::from_ne_bytes([attributes[2], attributes[3]]) & 0x3fff;
        if found == kind {
            return &attributes[4..length];
        }
        attributes = &attributes[length.next_multiple_of(4).min(attributes.len())..];
    }
    panic!("no attribute {kind}");
}

/// Number and parent's number in the statistics of a process.
fn statistics(netlink: &Netlink, process: i32) -> nix::Result<(u32, u32)> {
    const GET: u8 = 1;
    const PID: u16 = 1;
    const STATS: u16 = 3;
    const AGGR_PID: u16 = 4;
    let answer = netlink.ask(GET, PID, &process.to_ne_bytes())?;
    let stats = find(find(&answer, AGGR_PID), STATS);
    let word = |at: usize| u32::from_ne_bytes(stats[at..at + 4].try_into().expect("four bytes"));
    let at = std::mem::offset_of!(Statistics, pid);
    Ok((word(at), word(at + 4)))
}

/// The beginning of what the kernel gives.
#[repr(C, align(8))]
struct Statistics {
    version: u16,
    exit_code: u32,
    flag: u8,
    nice: u8,
    delays: [u64; 8],
    command: [u8; 32],
    // The kernel aligns the next one to eight bytes.
    scheduling: Scheduling,
    uid: u32,
    gid: u32,
    pid: u32,
    ppid: u32,
}

#[repr(C, align(8))]
struct Scheduling([u8; 8]);

fn statistics_in_the_askers_numbers() {
    let netlink = Netlink::open(c"TASKSTATS");
    let me = pid();
    check!(statistics(&netlink, me).map(|s| s.0), Ok(me as u32));
    let init = new_ns(|channel| {
        let member = fork(wait_for_message);
        let netlink = Netlink::open(c"TASKSTATS");
        check!(statistics(&netlink, 1), Ok((1, 0)));
        check!(statistics(&netlink, member.pid), Ok((2, 1)));
        check!(
            statistics(&netlink, me),
            Err(Errno::ESRCH),
            "a process outside"
        );
        channel.send(0);
        channel.receive_or_end();
    });
    init.receive();
    check!(
        statistics(&netlink, init.pid),
        Ok((init.pid as u32, me as u32))
    );
}
