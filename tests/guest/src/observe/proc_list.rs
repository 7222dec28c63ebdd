//! `/proc/pidns`: what everybody may see of the namespaces.

use std::io::Read;
use std::os::fd::AsRawFd;

use nix::errno::Errno;

use super::start;
use crate::harness::{scale, Test};
use crate::load::{load_now, unload_soon};
use crate::mode;
use crate::ns_file::inode_of;
use crate::privilege::{become_nobody, become_user_with_namespace};
use crate::proc_fs::Proc;
use crate::process::{
    echo, eventually, fork, kill, new_ns, unshare_pid, wait_for_message, Child, End,
};

pub const TESTS: &[Test] = tests![
    the_columns,
    the_readers_namespace_and_those_below,
    the_counts_and_the_settings,
    anybody_may_read_it,
    who_has_opened_it_counts,
    a_namespace_without_an_init,
    in_small_pieces,
    while_namespaces_come_and_go,
];

/// Of those that load the module anew.
pub const LOADS: &[Test] = tests![an_open_file_does_not_hold_the_module];

const PATH: &str = "/proc/pidns";
const COLUMNS: [&str; 12] = [
    "ns",
    "parent",
    "owner",
    "level",
    "init",
    "numbers",
    "dropped",
    "acted",
    "two_sided_init",
    "grace_ms",
    "terminal",
    "reap_orphans",
];

/// The lines behind the header; a dash is -1.
#[track_caller]
fn parse(text: &str) -> Vec<[i64; COLUMNS.len()]> {
    let mut lines = text.lines();
    let header: Vec<&str> = lines.next().expect("a header").split_whitespace().collect();
    check!(header, COLUMNS, "the header");
    lines
        .map(|line| {
            let words: Vec<i64> = line
                .split_whitespace()
                .map(|word| {
                    if word == "-" {
                        -1
                    } else {
                        word.parse().expect(line)
                    }
                })
                .collect();
            words.try_into().expect("as many words as columns")
        })
        .collect()
}

#[track_caller]
fn all() -> Vec<[i64; COLUMNS.len()]> {
    parse(&Proc::at("/proc").read("pidns").expect(PATH))
}

/// The line of a namespace.
#[track_caller]
fn of(inode: u64) -> [i64; COLUMNS.len()] {
    let line = all().into_iter().find(|line| line[0] == inode as i64);
    line.unwrap_or_else(|| panic!("no line for the namespace {inode}"))
}

fn own() -> i64 {
    inode_of("self", "pid") as i64
}

fn user() -> i64 {
    inode_of("self", "user") as i64
}

fn the_columns() {
    start();
    mode::set_grace(1234);
    let init = new_ns(|channel| {
        fork(wait_for_message);
        channel.send(0);
        wait_for_message(channel);
    });
    init.receive();
    let inode = inode_of(init.pid, "pid");
    let expected = [
        inode as i64,
        own(),
        user(),
        1,
        init.pid.into(),
        2,
        0,
        0,
        1,
        1234,
        1,
        0,
    ];
    check!(of(inode), expected);
    let initial = all()[0];
    check!(initial[..5], [own(), -1, user(), 0, 1]);
    init.end();
}

fn the_readers_namespace_and_those_below() {
    start();
    let beside = new_ns(echo);
    let init = new_ns(|channel| {
        let inner = new_ns(|channel| {
            channel.send(own() as i32);
            wait_for_message(channel);
        });
        let below = i64::from(inner.receive() as u32);
        for proc in [Proc::at("/proc"), Proc::mount()] {
            let lines = parse(&proc.read("pidns").expect(PATH));
            let heads: Vec<&[i64]> = lines.iter().map(|line| &line[..6]).collect();
            let here = [own(), -1, user(), 0, 1, 2];
            let there = [below, own(), user(), 1, inner.pid.into(), 1];
            check!(heads, [&here[..], &there[..]]);
        }
        channel.send(0);
    });
    init.receive();
    check!(init.wait(), End::Exit(0));
    beside.end();
}

fn the_counts_and_the_settings() {
    start();
    let init = new_ns(|channel| {
        for (name, value) in [
            ("two_sided_init", 2),
            ("grace_ms", 5),
            ("terminal", 0),
            ("reap_orphans", 1),
        ] {
            let path = format!("sys/kernel/pidns_{name}");
            check!(Proc::at("/proc").write(&path, &value.to_string()), Ok(()));
        }
        let member = fork(|_| check!(kill(1, libc::SIGTERM), Ok(())));
        check!(member.wait(), End::Exit(0));
        channel.send(0);
        echo(channel);
    });
    init.receive();
    init.kill(libc::SIGTERM);
    init.check_alive();
    check!(of(inode_of(init.pid, "pid"))[6..], [1, 1, 2, 5, 0, 1]);
    init.end();
}

fn anybody_may_read_it() {
    start();
    let nobody = fork(|_| {
        let here = own();
        become_nobody();
        check!(all().iter().map(|line| line[0]).collect::<Vec<_>>(), [here]);
        let written = Proc::at("/proc").write("pidns", "x");
        check!(written, Err(Errno::EACCES), "write");
    });
    check!(nobody.wait(), End::Exit(0));
    let init = new_ns(echo);
    let user = fork(|_| {
        let here = own();
        let numbers = || -> Vec<i64> { all().iter().map(|line| line[0]).collect() };
        become_user_with_namespace();
        check!(numbers(), [here], "its own, and not another user's");
        let init = new_ns(|channel| {
            check!(all().len(), 1, "lines for an init");
            channel.send(own() as i32);
            wait_for_message(channel);
        });
        let below = i64::from(init.receive() as u32);
        check!(numbers(), [here, below], "and its user namespace's");
        init.end();
    });
    check!(user.wait(), End::Exit(0));
    init.end();
}

/// As well as who reads: that may be a program with more rights, which was given the file.
fn who_has_opened_it_counts() {
    start();
    let init = new_ns(echo);
    let count = |mut file: std::fs::File| {
        let mut text = String::new();
        file.read_to_string(&mut text).expect(PATH);
        parse(&text).len() as i32
    };
    let open = || std::fs::File::open(PATH).expect(PATH);
    check!(count(open()) >= 2, true, "by root alone");
    let opener = fork(|channel| {
        become_nobody();
        channel.send_fd(open().as_raw_fd());
    });
    let file = opener.channel.receive_fd();
    check!(count(file.into()), 1, "opened by nobody, read by root");
    let file = open();
    let reader = fork(|channel| {
        become_nobody();
        channel.send(count(file));
    });
    check!(reader.receive(), 1, "opened by root, read by nobody");
    init.end();
}

fn a_namespace_without_an_init() {
    start();
    let maker = fork(|channel| {
        unshare_pid();
        channel.send(0);
        wait_for_message(channel);
    });
    maker.receive();
    // Those that are about to go, go.
    eventually("one namespace without an init", || {
        let lines: Vec<_> = all().into_iter().filter(|line| line[4] == -1).collect();
        (lines.len() == 1 && lines[0][3..6] == [1, -1, 0]).then_some(())
    });
    maker.end();
}

fn in_small_pieces() {
    start();
    let inits: Vec<Child> = (0..scale(100, 30))
        .map(|_| new_ns(wait_for_message))
        .collect();
    let whole = Proc::at("/proc").read("pidns").expect(PATH);
    for size in [4096, 100, 7] {
        let mut file = std::fs::File::open(PATH).expect(PATH);
        let (mut text, mut piece) = (Vec::new(), vec![0; size]);
        loop {
            match file.read(&mut piece).expect("read") {
                0 => break,
                n => text.extend_from_slice(&piece[..n]),
            }
        }
        // Of this process there are the same numbers in use, of others maybe not.
        let inodes = |text: &str| -> Vec<i64> { parse(text).iter().map(|line| line[0]).collect() };
        let text = String::from_utf8(text).expect("a text");
        check!(inodes(&text), inodes(&whole), "by {size} bytes");
    }
    drop(inits);
}

/// A namespace that lives all the while is there, once, with its own settings.
fn while_namespaces_come_and_go() {
    start();
    let steady = new_ns(echo);
    steady.check_alive();
    let inode = inode_of(steady.pid, "pid") as i64;
    let storm: Vec<Child> = (0..3)
        .map(|_| {
            fork(|_| loop {
                let init = new_ns(|_| {
                    let path = "sys/kernel/pidns_grace_ms";
                    check!(Proc::at("/proc").write(path, "3600000"), Ok(()));
                    fork(|_| ()).wait();
                });
                init.wait();
            })
        })
        .collect();
    for _ in 0..scale(300, 60) {
        let lines = all();
        check!(lines.iter().filter(|line| line[0] == inode).count(), 1);
        // Those from before this test are others'.
        for line in lines.iter().skip_while(|line| line[0] != inode) {
            let grace_ms = line[9];
            check!(grace_ms == 100 || grace_ms == 3_600_000, true, "{line:?}");
            check!(line[6..9], [0, 0, 1], "{line:?}");
        }
    }
    storm.into_iter().for_each(Child::end);
    steady.end();
}

fn an_open_file_does_not_hold_the_module() {
    start();
    let mut file = std::fs::File::open(PATH).expect(PATH);
    unload_soon();
    let read = file
        .read(&mut [0; 100])
        .expect_err("read without the module");
    check!(read.raw_os_error(), Some(libc::EIO));
    check!(
        std::fs::exists(PATH).expect(PATH),
        false,
        "without the module"
    );
    load_now();
    let read = file
        .read(&mut [0; 100])
        .expect_err("read of a file from before");
    check!(read.raw_os_error(), Some(libc::EIO));
    drop(file);
    check!(all()[0][3], 0);
}
