//! `reboot(2)` inside ends the namespace and leaves the machine alone.

use nix::errno::Errno;

use crate::channel::Channel;
use crate::clone::{Clone, NEWPID};
use crate::harness::Test;
use crate::privilege::{become_nobody, drop_capability, CAP_SYS_BOOT};
use crate::process::{echo, fork, new_ns, sleep_for_ever, End};
use crate::processor::{call32, wants_call32};

pub const TESTS: &[Test] = tests![
    restart_by_init,
    restart_with_a_word_by_init,
    halt_by_init,
    power_off_by_init,
    restart_by_a_member,
    power_off_by_a_member,
    everything_inside_ends,
    an_inner_namespace_alone,
    init_with_threads,
    bad_magic_numbers,
    commands_that_are_for_machines,
    without_the_capability,
    by_the_owner_of_a_user_namespace,
    not_by_root_of_an_inner_user_namespace,
    by_the_system_call_of_32_bit_programs,
];

const RESTART: u32 = 0x0123_4567;
const RESTART2: u32 = 0xa1b2_c3d4;
const HALT: u32 = 0xcdef_0123;
const POWER_OFF: u32 = 0x4321_fedc;
const CAD_ON: u32 = 0x89ab_cdef;
const CAD_OFF: u32 = 0;
const SUSPEND: u32 = 0xd000_fce2;
const KEXEC: u32 = 0x4558_4543;

const MAGIC1: u32 = 0xfee1_dead;
const MAGIC2: u32 = 672_274_793;

fn reboot_with(magic1: u32, magic2: u32, command: u32) -> nix::Result<()> {
    // SAFETY: the string is live; the callers are in a namespace of their own.
    Errno::result(unsafe {
        libc::syscall(libc::SYS_reboot, magic1, magic2, command, c"word".as_ptr())
    })
    .map(drop)
}

fn reboot(command: u32) -> nix::Result<()> {
    reboot_with(MAGIC1, MAGIC2, command)
}

/// How an init ends that calls reboot itself.
fn end_by_init(command: u32) -> End {
    new_ns(|_| check!(reboot(command), Ok(()), "reboot by init")).wait()
}

fn restart_by_init() {
    check!(end_by_init(RESTART), End::Killed(libc::SIGHUP));
}

fn restart_with_a_word_by_init() {
    check!(end_by_init(RESTART2), End::Killed(libc::SIGHUP));
}

fn halt_by_init() {
    check!(end_by_init(HALT), End::Killed(libc::SIGINT));
}

fn power_off_by_init() {
    check!(end_by_init(POWER_OFF), End::Killed(libc::SIGINT));
}

/// How an init ends when one of its children calls reboot.
fn end_by_member(command: u32) -> End {
    let init = new_ns(|_| {
        fork(|_| check!(reboot(command), Ok(()), "reboot by a member"));
        sleep_for_ever();
    });
    init.wait()
}

fn restart_by_a_member() {
    check!(end_by_member(RESTART), End::Killed(libc::SIGHUP));
}

fn power_off_by_a_member() {
    check!(end_by_member(POWER_OFF), End::Killed(libc::SIGINT));
    check!(end_by_member(HALT), End::Killed(libc::SIGINT));
}

fn everything_inside_ends() {
    let (mine, theirs) = Channel::pair();
    let init = new_ns(|_| {
        for _ in 0..3 {
            fork(|_| sleep_for_ever());
        }
        let inner = new_ns(|channel| {
            channel.send(0);
            sleep_for_ever();
        });
        inner.receive();
        check!(reboot(RESTART), Ok(()), "reboot by init");
    });
    drop(theirs);
    check!(init.wait(), End::Killed(libc::SIGHUP));
    mine.receive_end();
}

fn an_inner_namespace_alone() {
    let outer = new_ns(|channel| {
        let inner = new_ns(|_| check!(reboot(POWER_OFF), Ok(()), "reboot by the inner init"));
        check!(
            inner.wait(),
            End::Killed(libc::SIGINT),
            "the end of the inner init"
        );
        echo(channel);
    });
    outer.check_alive();
}

fn init_with_threads() {
    let init = new_ns(|_| {
        std::thread::spawn(|| check!(reboot(RESTART), Ok(()), "reboot by a thread of init"));
        sleep_for_ever();
    });
    check!(init.wait(), End::Killed(libc::SIGHUP));
}

fn bad_magic_numbers() {
    let init = new_ns(|channel| {
        check!(
            reboot_with(1, MAGIC2, RESTART),
            Err(Errno::EINVAL),
            "a bad first number"
        );
        check!(
            reboot_with(MAGIC1, 1, RESTART),
            Err(Errno::EINVAL),
            "a bad second number"
        );
        channel.send(0);
    });
    init.receive();
    check!(init.wait(), End::Exit(0));
}

fn commands_that_are_for_machines() {
    let init = new_ns(|channel| {
        for command in [CAD_ON, CAD_OFF, SUSPEND, KEXEC, 12345] {
            check!(reboot(command), Err(Errno::EINVAL), "command {command:#x}");
        }
        channel.send(0);
    });
    init.receive();
    check!(init.wait(), End::Exit(0));
}

fn without_the_capability() {
    let init = new_ns(|channel| {
        let member = fork(|_| {
            drop_capability(CAP_SYS_BOOT);
            check!(
                reboot(RESTART),
                Err(Errno::EPERM),
                "reboot by root without the capability"
            );
            become_nobody();
            check!(reboot(CAD_ON), Err(Errno::EPERM), "reboot by nobody");
        });
        check!(member.wait(), End::Exit(0));
        echo(channel);
    });
    init.check_alive();
}

fn by_the_owner_of_a_user_namespace() {
    become_nobody();
    let init = Clone::new(NEWPID | libc::CLONE_NEWUSER as u64).start(|_| {
        check!(
            reboot(RESTART),
            Ok(()),
            "reboot by an unprivileged user in namespaces of its own"
        );
    });
    check!(init.expect("clone3").wait(), End::Killed(libc::SIGHUP));
}

fn not_by_root_of_an_inner_user_namespace() {
    let init = new_ns(|channel| {
        let member = Clone::new(libc::CLONE_NEWUSER as u64).start(|_| {
            check!(
                reboot(RESTART),
                Err(Errno::EPERM),
                "reboot by root of an inner user namespace"
            );
        });
        check!(member.expect("clone3").wait(), End::Exit(0));
        echo(channel);
    });
    init.check_alive();
}

/// This system call has two entries: a namespace's root must find both the same.
fn by_the_system_call_of_32_bit_programs() {
    wants_call32();
    const REBOOT: i32 = 88;
    let reboot32 = |command| call32(REBOOT, [MAGIC1, MAGIC2, command]);
    let init = new_ns(|_| {
        check!(
            reboot32(CAD_ON),
            Err(Errno::EINVAL),
            "a command for machines"
        );
        let _ = reboot32(POWER_OFF);
    });
    check!(init.wait(), End::Killed(libc::SIGINT));
}
