//! Records of perf: numbers are those of the namespace that opened the event.

use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::sync::atomic::{fence, Ordering};

use nix::errno::Errno;

use crate::harness::Test;
use crate::ns_file::{inode_of, NsFile};
use crate::process::{attempt_fork, new_ns, pid, unshare_pid, wait_for_message};

pub const TESTS: &[Test] = tests![
    a_fork_by_the_own_event,
    a_name_by_an_event_from_outside,
    a_new_init_by_its_parents_event,
    namespaces_of_a_process,
    namespaces_after_entering,
];

const PAGE: usize = 4096;
const COMM: u32 = 3;
const FORK: u32 = 7;
const NAMESPACES: u32 = 16;

/// An event that counts nothing and records what happens to a process.
struct Event {
    _fd: OwnedFd,
    place: *const u8,
}

/// One record: its type and what follows the header.
type Record = (u32, Vec<u8>);

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_ne_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

fn long(bytes: &[u8], at: usize) -> u64 {
    u64::from_ne_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}

impl Event {
    #[track_caller]
    fn of(process: i32) -> Event {
        let mut attr = [0u32; 32];
        attr[0] = 1; // a software event
        attr[1] = size_of_val(&attr) as u32;
        attr[2] = 9; // that never occurs
        attr[10] = 1 << 9 | 1 << 13 | 1 << 28; // comm, task, namespaces
                                               // SAFETY: the attributes are as long as they say, and the descriptor is new.
        let fd = unsafe {
            let attr = attr.as_ptr();
            let fd = libc::syscall(libc::SYS_perf_event_open, attr, process, -1, -1, 0);
            OwnedFd::from_raw_fd(Errno::result(fd).expect("perf_event_open") as i32)
        };
        // SAFETY: the mapping is new and stays for ever.
        let place = unsafe {
            let access = libc::PROT_READ | libc::PROT_WRITE;
            let (null, shared) = (std::ptr::null_mut(), libc::MAP_SHARED);
            libc::mmap(null, 3 * PAGE, access, shared, fd.as_raw_fd(), 0)
        };
        check!(place == libc::MAP_FAILED, false, "mmap of an event");
        Event {
            _fd: fd,
            place: place.cast(),
        }
    }

    /// Everything that was recorded; the buffer must not have overflowed.
    #[track_caller]
    fn records(&self) -> Vec<Record> {
        // SAFETY: the mapping has three pages; the head lies at this place of the first.
        let bytes = unsafe {
            let head = self.place.add(1024).cast::<u64>().read_volatile() as usize;
            fence(Ordering::SeqCst);
            check!(head < 2 * PAGE, true, "the records fit");
            std::slice::from_raw_parts(self.place.add(PAGE), head).to_vec()
        };
        let (mut rest, mut records) = (bytes.as_slice(), Vec::new());
        while !rest.is_empty() {
            let size = usize::from(u16::from_ne_bytes([rest[6], rest[7]]));
            records.push((word(rest, 0), rest[8..size].to_vec()));
            rest = &rest[size..];
        }
        records
    }

    /// The first two numbers of the last record of a type.
    #[track_caller]
    fn last(&self, kind: u32) -> (i32, i32, Vec<u8>) {
        let records = self.records();
        let found = records.iter().rev().find(|(k, _)| *k == kind);
        let (_, bytes) = found.unwrap_or_else(|| panic!("no record of type {kind}"));
        (word(bytes, 0) as i32, word(bytes, 4) as i32, bytes.clone())
    }
}

fn rename() {
    nix::sys::prctl::set_name(c"renamed").expect("PR_SET_NAME");
}

fn a_fork_by_the_own_event() {
    let init = new_ns(|channel| {
        let event = Event::of(0);
        check!(attempt_fork(), Ok(2));
        let (child, parent, _) = event.last(FORK);
        check!((child, parent), (2, 1), "child and parent");
        channel.send(0);
    });
    init.receive();
}

fn a_name_by_an_event_from_outside() {
    let init = new_ns(|channel| {
        channel.receive();
        rename();
        check!(attempt_fork(), Ok(2));
        channel.send(0);
        channel.receive_or_end();
    });
    let event = Event::of(init.pid);
    init.send(0);
    init.receive();
    let (process, thread, text) = event.last(COMM);
    check!(
        (process, thread, &text[8..15]),
        (init.pid, init.pid, b"renamed".as_slice())
    );
    let (child, parent, _) = event.last(FORK);
    check!(
        (child > init.pid, parent),
        (true, init.pid),
        "child {child} and parent"
    );
}

fn a_new_init_by_its_parents_event() {
    let init = new_ns(|channel| {
        let event = Event::of(0);
        let inner = new_ns(wait_for_message);
        let (child, parent, _) = event.last(FORK);
        check!((child, parent), (inner.pid, 1), "child and parent");
        channel.send(0);
    });
    init.receive();
}

/// Device and inode of the pid namespace in a record.
fn pid_link(record: &[u8]) -> (u64, u64) {
    const INDEX: usize = 3;
    let at = 16 + 16 * INDEX;
    (long(record, at), long(record, at + 8))
}

/// The device of the file system of namespaces, as perf writes it.
fn device() -> u64 {
    let device = NsFile::of("self").stat().st_dev;
    u64::from(libc::major(device)) << 20 | u64::from(libc::minor(device))
}

fn namespaces_of_a_process() {
    let init = new_ns(|channel| {
        let event = Event::of(0);
        unshare_pid();
        let (process, thread, record) = event.last(NAMESPACES);
        check!(
            (process, thread, long(&record, 8)),
            (1, 1, 7),
            "numbers, and how many links"
        );
        let own = inode_of("self", "pid");
        check!(
            pid_link(&record),
            (device(), own),
            "the own one, not that for children"
        );
        channel.send(0);
    });
    init.receive();
}

fn namespaces_after_entering() {
    let init = new_ns(wait_for_message);
    let event = Event::of(0);
    check!(NsFile::of(init.pid).enter(0), Ok(()));
    let (process, _, record) = event.last(NAMESPACES);
    check!(process, pid());
    check!(pid_link(&record), (device(), crate::ns_file::INITIAL_INODE));
}
