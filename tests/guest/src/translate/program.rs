//! Numbers that a BPF program sees.

use crate::bpf::{instruction, Program};
use crate::harness::Test;
use crate::ns_file::NsFile;
use crate::process::{fork, new_ns, pid, Child};

pub const TESTS: &[Test] = tests![
    the_current_process_in_its_own_namespace,
    the_current_process_in_another_namespace,
    the_current_process_at_the_top,
];

const RAW_TRACEPOINT: u64 = 17;

/// A program that gives the current process's number in the namespace of a file, or an error as a
/// negative number.
fn in_namespace(file: &NsFile) -> Program {
    const GET_NS_CURRENT_PID_TGID: i32 = 120;
    let stat = file.stat();
    let (major, minor) = (libc::major(stat.st_dev), libc::minor(stat.st_dev));
    let device = major << 20 | minor;
    let inode = stat.st_ino;
    let instructions = [
        instruction(0x18, 1, 0, device as i32), // r1 = device
        instruction(0, 0, 0, 0),
        instruction(0x18, 2, 0, inode as i32), // r2 = inode
        instruction(0, 0, 0, (inode >> 32) as i32),
        instruction(0xbf, 0xa3, 0, 0), // r3 = r10 - 8
        instruction(0x07, 3, 0, -8),
        instruction(0x7a, 10, -8, 0), // *r3 = 0
        instruction(0xb7, 4, 0, 8),   // r4 = 8
        instruction(0x85, 0, 0, GET_NS_CURRENT_PID_TGID),
        instruction(0x55, 0, 1, 0),     // if r0 != 0 skip
        instruction(0x61, 0xa0, -8, 0), // r0 = the process's number
        instruction(0x95, 0, 0, 0),
    ];
    Program::load(RAW_TRACEPOINT, &instructions)
}

/// A program that gives the number in the machine's initial namespace.
fn at_the_top() -> Program {
    const GET_CURRENT_PID_TGID: i32 = 14;
    let instructions = [
        instruction(0x85, 0, 0, GET_CURRENT_PID_TGID),
        instruction(0x77, 0, 0, 32), // r0 >>= 32
        instruction(0x95, 0, 0, 0),
    ];
    Program::load(RAW_TRACEPOINT, &instructions)
}

fn the_current_process_in_its_own_namespace() {
    let program = in_namespace(&NsFile::of("self"));
    check!(program.run(), pid());
    let init = new_ns(|channel| {
        let program = in_namespace(&NsFile::of("self"));
        check!(program.run(), 1);
        let member = fork(|channel| channel.send(program.run()));
        check!(member.receive(), 2);
        channel.send(0);
    });
    init.receive();
}

fn the_current_process_in_another_namespace() {
    let init: Child = new_ns(crate::process::wait_for_message);
    let theirs = in_namespace(&NsFile::of(init.pid));
    check!(theirs.run(), -libc::EINVAL, "for a process outside");
    let ours = in_namespace(&NsFile::of("self"));
    check!(NsFile::of(init.pid).enter(0), Ok(()));
    check!(
        theirs.run(),
        -libc::EINVAL,
        "for one who has entered, and stays outside"
    );
    let member = fork(|channel| channel.send_all(&[theirs.run(), ours.run()]));
    check!(member.receive_all(), [2, -libc::EINVAL], "for a member");
}

fn the_current_process_at_the_top() {
    let program = at_the_top();
    check!(program.run(), pid());
    let init = new_ns(|channel| {
        channel.send(program.run());
        channel.receive_or_end();
    });
    check!(init.receive(), init.pid, "of an init");
}
