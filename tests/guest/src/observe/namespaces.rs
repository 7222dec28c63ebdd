//! `pidns/namespaces` in debugfs: one line a namespace.

use std::io::{Read, Seek, SeekFrom};
use std::time::Instant;

use super::list::{self, Line};
use super::start;
use crate::clone::{Clone, NEWPID};
use crate::harness::{sample, storm_seconds, Test};
use crate::ns_file::{inode_of, NsFile, INITIAL_INODE};
use crate::privilege::become_nobody;
use crate::process::{
    attempt_fork, echo, fork, new_ns, sleep_for_ever, unshare_pid, wait_for_message,
    wait_for_zombie, Child, End,
};

pub const TESTS: &[Test] = tests![300;
    the_initial_namespace,
    a_line_for_each_level,
    a_namespace_that_nobody_entered,
    threads_zombies_and_groups_have_numbers,
    tasks_of_namespaces_below,
    an_owner,
    any_name,
    a_namespace_that_a_file_keeps,
    a_namespace_that_went_is_not_listed,
    nobody_else_may_read_it,
    hundreds_in_small_pieces,
    readers_in_a_storm,
];

fn the_initial_namespace() {
    start();
    let lines = list::all();
    let first = &lines[0];
    check!(first.inode, INITIAL_INODE);
    check!((first.level, first.parent, first.init), (0, None, Some(1)));
    check!(first.owner, inode_of(1, "user"));
    check!((first.dropped, first.acted), (0, 0));
    check!(
        first.tasks > 2 && first.tasks <= first.numbers,
        true,
        "{first:?}"
    );
    let name = std::fs::read_to_string("/proc/1/comm").expect("a name");
    check!(first.name, name.trim());
}

fn a_line_for_each_level() {
    start();
    let outer = new_ns(|channel| {
        let inner = new_ns(|channel| {
            channel.send(inode_of("self", "pid") as i32);
            echo(channel);
        });
        channel.send(inner.receive());
        wait_for_message(channel);
    });
    let inner_inode = outer.receive() as u32 as u64;
    let inode = inode_of(outer.pid, "pid");
    let lines = list::all();
    let place = |inode| lines.iter().position(|l| l.inode == inode).expect("a line");
    check!(
        place(inode) < place(inner_inode),
        true,
        "a child is behind its parent"
    );
    let (line, inner) = (&lines[place(inode)], &lines[place(inner_inode)]);
    check!(
        (line.level, line.parent, line.init),
        (1, Some(INITIAL_INODE), Some(outer.pid))
    );
    check!(
        (line.tasks, line.numbers),
        (2, 2),
        "both inits have a number: {line:?}"
    );
    check!((inner.level, inner.parent), (2, Some(inode)));
    check!((inner.tasks, inner.numbers), (1, 1), "{inner:?}");
    check!(inner.init.is_some_and(|n| n > outer.pid), true, "{inner:?}");
    let own = std::fs::read_to_string("/proc/self/comm").expect("a name");
    check!(
        (&line.name, &inner.name),
        (&own.trim().to_string(), &own.trim().to_string())
    );
}

fn a_namespace_that_nobody_entered() {
    start();
    let maker = fork(|channel| {
        unshare_pid();
        channel.send(0);
        wait_for_message(channel);
    });
    maker.receive();
    // The youngest is the last.
    let lines = list::all();
    let line = lines.last().expect("a line");
    check!(
        (line.level, line.init, line.tasks, line.numbers),
        (1, None, 0, 0),
        "{line:?}"
    );
    check!(line.name, "-");
    maker.end();
}

fn threads_zombies_and_groups_have_numbers() {
    start();
    let init = new_ns(|channel| {
        let zombie = fork(|_| ());
        wait_for_zombie(zombie.pid);
        std::thread::spawn(|| sleep_for_ever());
        let member = fork(|_| sleep_for_ever());
        channel.send(member.pid);
        echo(channel);
    });
    init.receive();
    let line = list::of(inode_of(init.pid, "pid"));
    check!((line.tasks, line.numbers), (2, 4), "{line:?}");
    init.end();
}

fn tasks_of_namespaces_below() {
    start();
    let outer = new_ns(|channel| {
        let _inner = new_ns(|channel| {
            let _members: Vec<Child> = (0..3).map(|_| fork(|_| sleep_for_ever())).collect();
            channel.send(0);
            wait_for_message(channel);
        });
        _inner.receive();
        channel.send(0);
        wait_for_message(channel);
    });
    outer.receive();
    let line = list::of(inode_of(outer.pid, "pid"));
    check!((line.tasks, line.numbers), (5, 5), "{line:?}");
    outer.end();
}

fn an_owner() {
    start();
    let init = Clone::new(NEWPID | libc::CLONE_NEWUSER as u64)
        .start(|channel| {
            channel.send(0);
            echo(channel);
        })
        .expect("clone3 with a user namespace");
    init.receive();
    let owner = inode_of(init.pid, "user");
    check!(
        owner != inode_of("self", "user"),
        true,
        "a user namespace of its own"
    );
    check!(list::of(inode_of(init.pid, "pid")).owner, owner);
    init.end();
}

fn any_name() {
    start();
    for (name, shown) in [
        (c"two words", "two words"),
        (c"  - 1 2 ", "  - 1 2 "),
        (c"a\nb\tc\x7f", "a\\nb\\tc\\x7f"),
        (c"\xff", "\\xff"),
        (c"", ""),
        (c"a name too long to be", "a name too long"),
    ] {
        let init = new_ns(|channel| {
            nix::sys::prctl::set_name(name).expect("PR_SET_NAME");
            channel.send(0);
            echo(channel);
        });
        init.receive();
        check!(list::of(inode_of(init.pid, "pid")).name, shown);
        init.end();
    }
}

fn a_namespace_that_a_file_keeps() {
    start();
    let init = new_ns(wait_for_message);
    let file = NsFile::of(init.pid);
    init.end();
    let line = list::of(file.inode());
    check!(
        (line.init, line.tasks, line.numbers),
        (None, 0, 0),
        "{line:?}"
    );
    check!(line.name, "-");
}

fn a_namespace_that_went_is_not_listed() {
    start();
    let init = new_ns(wait_for_message);
    let file = NsFile::of(init.pid);
    let (inode, id) = (file.inode(), file.id());
    check!(list::of(inode).init, Some(init.pid));
    init.end();
    drop(file);
    crate::process::eventually("the end of a namespace", || {
        list::all().iter().all(|l| l.inode != inode).then_some(())
    });
    let again = new_ns(wait_for_message);
    check!(NsFile::of(again.pid).id() != id, true);
    again.end();
}

fn nobody_else_may_read_it() {
    use std::os::unix::fs::MetadataExt;
    start();
    let file = std::fs::metadata(list::PATH).expect("stat of the list");
    check!((file.mode() & 0o7777, file.uid()), (0o400, 0));
    let other = fork(|_| {
        become_nobody();
        let opened = std::fs::File::open(list::PATH).map(drop);
        let error = opened.expect_err("open by nobody");
        check!(error.raw_os_error(), Some(libc::EACCES));
    });
    check!(other.wait(), End::Exit(0));
}

/// The list, read in pieces of so many bytes at most.
fn in_pieces(size: usize) -> String {
    let mut file = std::fs::File::open(list::PATH).expect("open of the list");
    let mut text = Vec::new();
    let mut piece = vec![0; size];
    loop {
        match file.read(&mut piece).expect("read of the list") {
            0 => return String::from_utf8(text).expect("a text"),
            n => text.extend_from_slice(&piece[..n]),
        }
    }
}

fn hundreds_in_small_pieces() {
    start();
    let count = sample(600, 300, 150);
    let makers: Vec<Child> = (0..count)
        .map(|_| {
            let maker = fork(|channel| {
                unshare_pid();
                channel.send(0);
                wait_for_message(channel);
            });
            maker.receive();
            maker
        })
        .collect();
    let whole = list::all();
    let ours = whole
        .iter()
        .filter(|l| l.level == 1 && l.init.is_none())
        .count();
    check!(ours >= count, true, "lines of {count} namespaces: {ours}");
    let inodes = |lines: &[Line]| -> Vec<u64> { lines.iter().map(|l| l.inode).collect() };
    let whole = inodes(&whole);
    let pieces = [1 << 20, 5000, 100, 7].map(|size| (size, inodes(&list::parse(&in_pieces(size)))));
    // What is of others may have gone meanwhile.
    let last = inodes(&list::all());
    let both: Vec<u64> = whole.into_iter().filter(|it| last.contains(it)).collect();
    check!(both.len() >= count, true, "those that stay: {}", both.len());
    for (size, mut found) in pieces {
        found.retain(|it| both.contains(it));
        check!(found, both, "by {size} bytes");
    }
    let mut file = std::fs::File::open(list::PATH).expect("open of the list");
    let text = in_pieces(4096);
    let middle = text.len() / 2;
    file.seek(SeekFrom::Start(middle as u64)).expect("seek");
    let mut rest = vec![0; 50];
    file.read_exact(&mut rest).expect("read from the middle");
    check!(
        rest,
        text.as_bytes()[middle..middle + 50],
        "from the middle"
    );
    drop(makers);
}

/// Whether a reading hangs together: a namespace that lived all the while is there once; a child is
/// behind its parent.
#[track_caller]
fn check_reading(lines: &[Line], always: &[u64]) {
    check!(lines[0].inode, INITIAL_INODE, "the first line");
    for inode in always {
        let count = lines.iter().filter(|l| l.inode == *inode).count();
        check!(count, 1, "lines of the namespace {inode}");
    }
    for (place, line) in lines.iter().enumerate().skip(1) {
        let parent = lines[..place]
            .iter()
            .rfind(|l| Some(l.inode) == line.parent);
        let level = parent.map(|p| p.level + 1);
        check!(
            level,
            Some(line.level),
            "the level behind the parent's of {line:?}"
        );
        check!(line.tasks <= line.numbers + 64, true, "{line:?}");
        check!((line.dropped, line.acted), (0, 0), "{line:?}");
    }
}

fn readers_in_a_storm() {
    start();
    let steady: Vec<Child> = (0..20)
        .map(|_| {
            new_ns(|channel| {
                let inner = new_ns(wait_for_message);
                channel.send(0);
                wait_for_message(channel);
                drop(inner);
            })
        })
        .collect();
    let always: Vec<u64> = steady
        .iter()
        .map(|init| {
            init.receive();
            inode_of(init.pid, "pid")
        })
        .collect();
    let until = Instant::now() + storm_seconds(3, 8);
    let storm: Vec<Child> = (0..4)
        .map(|n| {
            fork(|_| {
                while Instant::now() < until {
                    let init = new_ns(|_| {
                        check!(attempt_fork().is_ok(), true);
                        for _ in 0..n {
                            check!(Clone::new(NEWPID).attempt_inside(), Ok(1));
                        }
                    });
                    check!(init.wait(), End::Exit(0));
                }
            })
        })
        .collect();
    let readers: Vec<Child> = [1 << 20, 300]
        .into_iter()
        .map(|size| {
            let always = &always;
            fork(move |_| {
                let mut readings = 0;
                while Instant::now() < until {
                    check_reading(&list::parse(&in_pieces(size)), always);
                    readings += 1;
                }
                check!(readings > 3, true, "readings: {readings}");
            })
        })
        .collect();
    for child in storm.iter().chain(&readers) {
        check!(child.wait(), End::Exit(0));
    }
    steady.into_iter().for_each(Child::end);
}
