//! Records of the kernel's audit log.

use std::os::fd::{FromRawFd, OwnedFd};

use nix::errno::Errno;

use super::start;
use crate::harness::Test;
use crate::mode;
use crate::ns_file::inode_of;
use crate::privilege::become_user_with_namespace;
use crate::proc_fs::Proc;
use crate::process::{echo, fork, kill, new_ns, pid, Child, End};
use crate::report::skip;
use crate::signal_state;

pub const TESTS: &[Test] = tests![what_acts_is_recorded, who_may_switch_it_on];

const NAME: &str = "sys/kernel/pidns_audit";

/// `AUDIT_KERNEL_OTHER`.
const OTHER: u16 = 1316;

/// Begins a test with the switch at a value.
fn start_with(value: &str) {
    start();
    match Proc::at("/proc").write(NAME, value) {
        Ok(()) => mode::two_sided(),
        Err(Errno::ENOENT) if !has_audit() => skip("this kernel has no audit log"),
        Err(e) => panic!("{NAME}={value}: {e}"),
    }
}

fn has_audit() -> bool {
    let kind = libc::SOCK_RAW | libc::SOCK_CLOEXEC;
    // SAFETY: the descriptor is new, and kept for as long as the process lives.
    let fd = unsafe { libc::socket(libc::AF_NETLINK, kind, libc::NETLINK_AUDIT) };
    Errno::result(fd) != Err(Errno::EPROTONOSUPPORT)
}

/// What listens to the audit log, which is on.
struct Log(OwnedFd);

impl Log {
    #[track_caller]
    fn listen() -> Log {
        const READERS: u32 = 1;
        // SAFETY: an address of its own length; the descriptor is new.
        unsafe {
            let kind = libc::SOCK_RAW | libc::SOCK_CLOEXEC;
            let fd = libc::socket(libc::AF_NETLINK, kind, libc::NETLINK_AUDIT);
            let log = Log(OwnedFd::from_raw_fd(Errno::result(fd).expect("socket")));
            let mut address: libc::sockaddr_nl = std::mem::zeroed();
            address.nl_family = libc::AF_NETLINK as u16;
            address.nl_groups = READERS;
            let length = size_of_val(&address) as u32;
            let bound = libc::bind(fd, (&raw const address).cast(), length);
            check!(Errno::result(bound), Ok(0), "bind");
            log.switch_on();
            log
        }
    }

    /// Sets `audit_status.enabled`.
    #[track_caller]
    fn switch_on(&self) {
        const SET: u16 = 1001;
        const REQUEST: u16 = 1;
        const ENABLED: u32 = 1;
        let status = [ENABLED, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        let length = (16 + size_of_val(&status)) as u32;
        let mut message = Vec::new();
        message.extend(length.to_ne_bytes());
        message.extend(SET.to_ne_bytes());
        message.extend(REQUEST.to_ne_bytes());
        message.extend([0; 8]);
        status
            .iter()
            .for_each(|word| message.extend(word.to_ne_bytes()));
        let sent = nix::unistd::write(&self.0, &message);
        check!(sent, Ok(message.len()), "AUDIT_SET");
    }

    /// The next record of ours.
    #[track_caller]
    fn next(&self) -> String {
        let mut bytes = [0; 8192];
        loop {
            let length = nix::unistd::read(&self.0, &mut bytes).expect("a record");
            let kind = u16::from_ne_bytes([bytes[4], bytes[5]]);
            let text = String::from_utf8_lossy(&bytes[16..length]);
            if kind == OTHER && text.contains("op=pidns_signal") {
                let (_, words) = text.split_once("): ").expect("a record");
                return words.trim_end_matches('\0').to_string();
            }
        }
    }
}

fn init() -> Child {
    let init = new_ns(|channel| {
        signal_state::reset();
        echo(channel);
    });
    init.check_alive();
    init
}

fn what_acts_is_recorded() {
    start_with("1");
    let log = Log::listen();
    let told = |at: &str, sig: i32, by: i32, init: &Child, ns: u64| {
        format!(
            "op=pidns_signal at={at} sig={sig} pid={by} uid=0 auid=4294967295 ses=4294967295 opid={} ns={ns}",
            init.pid
        )
    };
    for (sig, at) in [
        (libc::SIGTERM, "send"),
        (libc::SIGKILL, "send"),
        (libc::SIGQUIT, "take"),
    ] {
        let init = init();
        let ns = inode_of(init.pid, "pid");
        // It does nothing, and so is not recorded.
        init.kill(libc::SIGCHLD);
        init.kill(sig);
        check!(init.wait(), End::Killed(sig));
        let by = if at == "send" { pid() } else { init.pid };
        check!(log.next(), told(at, sig, by, &init, ns));
    }
    // What it sends to itself.
    let own = new_ns(|channel| {
        signal_state::reset();
        channel.receive();
        check!(kill(pid(), libc::SIGTERM), Ok(()));
    });
    let ns = inode_of(own.pid, "pid");
    own.send(0);
    check!(own.wait(), End::Killed(libc::SIGTERM));
    check!(log.next(), told("send", libc::SIGTERM, own.pid, &own, ns));
    // What would act does not, but for a SIGSTOP.
    mode::set(mode::TELL);
    let init = init();
    let ns = inode_of(init.pid, "pid");
    init.kill(libc::SIGTERM);
    init.kill(libc::SIGTSTP);
    init.check_alive();
    init.kill(libc::SIGSTOP);
    check!(log.next(), told("send", libc::SIGSTOP, pid(), &init, ns));
    init.kill(libc::SIGKILL);
    check!(init.wait(), End::Killed(libc::SIGKILL));
    check!(log.next(), told("send", libc::SIGKILL, pid(), &init, ns));
    check!(Proc::at("/proc").write(NAME, "0"), Ok(()));
}

/// It is the machine's, not a namespace's.
fn who_may_switch_it_on() {
    start_with("0");
    let refused = |words: &str| {
        check!(
            Proc::at("/proc").write(NAME, "1"),
            Err(Errno::EPERM),
            "{words}"
        );
        check!(
            Proc::at("/proc").read(NAME),
            Ok(String::from("0\n")),
            "{words}"
        );
    };
    let root = new_ns(|_| refused("by an init"));
    check!(root.wait(), End::Exit(0));
    let owner = fork(|_| {
        become_user_with_namespace();
        refused("by root of a user namespace");
        let init = new_ns(|_| refused("by its init"));
        check!(init.wait(), End::Exit(0));
    });
    check!(owner.wait(), End::Exit(0));
}
