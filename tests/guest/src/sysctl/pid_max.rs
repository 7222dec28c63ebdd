//! `kernel.pid_max`: the number that a namespace does not give.

use std::io::{Read, Seek, Write};

use nix::errno::Errno;

use crate::clone::{Clone, NEWPID};
use crate::harness::Test;
use crate::ns_file::NsFile;
use crate::privilege::{become_nobody, drop_capability, CAP_SYS_ADMIN};
use crate::proc_fs::Proc;
use crate::process::{eventually, fork, new_ns, wait_for_message};

use super::{get, inside, set};

pub const TESTS: &[Test] = tests![
    a_new_namespace_has_the_greatest,
    the_first_look_is_a_listing,
    the_first_look_is_at_what_it_is,
    many_look_first,
    nobody_looks,
    every_namespace_has_its_own,
    one_path_shows_each_reader_its_own,
    a_member_that_entered_sees_the_inner,
    the_bounds,
    numbers_wrap_around,
    the_outer_bound_holds_below,
    a_full_namespace,
    who_may_write,
    an_open_file_stays_with_its_namespace,
    an_open_file_of_a_dead_namespace,
];

const NAME: &str = "kernel/pid_max";
const GREATEST: i32 = 4 << 20;
/// The lowest number that is given a second time, and the least that the setting can be.
const RESERVED: i32 = 300;

fn a_new_namespace_has_the_greatest() {
    inside(|_| {
        check!(get(NAME), GREATEST);
        check!(set(NAME, 1000), Ok(()));
        inside(|_| check!(get(NAME), GREATEST, "in a namespace below"));
    });
}

/// Whether the caller finds it where settings are listed.
fn is_listed() -> bool {
    let mut listed = std::fs::read_dir("/proc/sys/kernel").expect("a directory");
    listed.any(|entry| entry.expect("an entry").file_name() == "pid_max")
}

fn the_first_look_is_a_listing() {
    check!(is_listed(), true);
    inside(|_| {
        check!(is_listed(), true);
        check!(get(NAME), GREATEST);
    });
}

fn the_first_look_is_at_what_it_is() {
    use std::os::unix::fs::MetadataExt;
    inside(|_| {
        let file = std::fs::metadata("/proc/sys/kernel/pid_max").expect("stat");
        check!((file.mode() & 0o7777, file.uid()), (0o644, 0));
        let missing = Proc::at("/proc").read("sys/kernel/pid_maximum");
        check!(missing, Err(Errno::ENOENT));
    });
    inside(|_| {
        let elsewhere = Proc::at("/proc").read("sys/net/pid_max");
        check!(elsewhere, Err(Errno::ENOENT));
        check!(get(NAME), GREATEST);
    });
}

fn many_look_first() {
    for turn in 0..20 {
        inside(|_| {
            let members: Vec<_> = (0..6)
                .map(|member| {
                    fork(move |channel| {
                        channel.receive_or_end();
                        let found = if member % 2 == 0 {
                            is_listed()
                        } else {
                            get(NAME) == GREATEST
                        };
                        channel.send(found.into());
                    })
                })
                .collect();
            members.iter().for_each(|member| member.send(0));
            for member in &members {
                check!(member.receive(), 1, "turn {turn}");
            }
            check!(set(NAME, 1000 + turn), Ok(()));
            check!(get(NAME), 1000 + turn);
        });
    }
}

/// What it bounds does not depend on that.
fn nobody_looks() {
    inside(|_| {
        let chosen = |n: i32| Clone::new(0).set_tid(&[n]).attempt_inside();
        check!(chosen(GREATEST), Err(Errno::EINVAL));
        check!(chosen(GREATEST - 1), Ok(GREATEST - 1));
    });
}

fn every_namespace_has_its_own() {
    let before = get(NAME);
    let inits: Vec<_> = [500, 600]
        .map(|value| {
            new_ns(move |channel| {
                check!(set(NAME, value), Ok(()));
                channel.send(0);
                channel.receive_or_end();
                channel.send(get(NAME));
            })
        })
        .into();
    for init in &inits {
        init.receive();
    }
    let seen: Vec<i32> = inits
        .iter()
        .map(|init| {
            init.send(0);
            init.receive()
        })
        .collect();
    check!(seen, [500, 600]);
    check!(get(NAME), before, "the outer namespace's");
}

fn one_path_shows_each_reader_its_own() {
    let (outer, before) = (Proc::at("/proc"), get(NAME));
    inside(|_| {
        check!(outer.write("sys/kernel/pid_max", "700"), Ok(()));
        let inner = Proc::mount();
        for proc in [&outer, &inner, &outer] {
            check!(proc.read("sys/kernel/pid_max").as_deref(), Ok("700\n"));
        }
    });
    for _ in 0..3 {
        check!(get(NAME), before);
        inside(|_| check!(get(NAME), GREATEST));
    }
}

fn a_member_that_entered_sees_the_inner() {
    let before = get(NAME);
    let init = new_ns(|channel| {
        check!(set(NAME, 800), Ok(()));
        channel.send(0);
        channel.receive_or_end();
    });
    init.receive();
    check!(NsFile::of(init.pid).enter(0), Ok(()));
    check!(get(NAME), before, "for the caller, who stays outside");
    let member = fork(|channel| channel.send(get(NAME)));
    check!(member.receive(), 800);
}

fn the_bounds() {
    inside(|_| {
        for wrong in ["300", "0", "-1", "4194305", "99999999999", "x", ""] {
            let refused = set(NAME, wrong);
            if !wrong.is_empty() {
                check!(refused, Err(Errno::EINVAL), "pid_max={wrong}");
            }
            check!(get(NAME), GREATEST);
        }
        for right in [RESERVED + 1, GREATEST] {
            check!(set(NAME, right), Ok(()), "pid_max={right}");
            check!(get(NAME), right);
        }
    });
}

fn numbers_wrap_around() {
    inside(|_| {
        check!(set(NAME, 400), Ok(()));
        let chosen = |n: i32| Clone::new(0).set_tid(&[n]).attempt_inside();
        check!(chosen(400), Err(Errno::EINVAL));
        check!(chosen(399), Ok(399));
        check!(set("kernel/ns_last_pid", 398), Ok(()));
        let mut seen = vec![];
        for _ in 0..3 {
            seen.push(Clone::new(0).attempt_inside());
        }
        check!(seen, [Ok(399), Ok(RESERVED), Ok(RESERVED + 1)]);
    });
}

fn the_outer_bound_holds_below() {
    inside(|_| {
        check!(set(NAME, 400), Ok(()));
        inside(|_| {
            let chosen = |numbers: &[i32]| Clone::new(0).set_tid(numbers).attempt_inside();
            check!(
                chosen(&[5000]),
                Ok(5000),
                "a number of choice at the inner level"
            );
            check!(
                chosen(&[5001, 400]),
                Err(Errno::EINVAL),
                "at the outer level"
            );
            check!(chosen(&[5001, 399]), Ok(5001));
        });
    });
}

fn a_full_namespace() {
    inside(|_| {
        check!(set(NAME, RESERVED + 1), Ok(()));
        let members: Vec<_> = (2..=RESERVED).map(|_| fork(wait_for_message)).collect();
        check!(members.last().map(|m| m.pid), Some(RESERVED));
        check!(Clone::new(0).attempt(), Err(Errno::EAGAIN), "one too many");
        check!(
            Clone::new(NEWPID).attempt(),
            Err(Errno::EAGAIN),
            "a namespace too many"
        );
        check!(set(NAME, RESERVED + 2), Ok(()));
        check!(Clone::new(0).attempt_inside(), Ok(RESERVED + 1));
    });
}

fn who_may_write() {
    inside(|_| {
        let nobody = fork(|channel| {
            become_nobody();
            check!(get(NAME), GREATEST);
            check!(set(NAME, 1000), Err(Errno::EACCES));
            channel.send(0);
        });
        nobody.receive();
        let root = fork(|channel| {
            drop_capability(CAP_SYS_ADMIN);
            check!(set(NAME, 1001), Ok(()), "root without the capability");
            channel.send(0);
        });
        root.receive();
        check!(get(NAME), 1001);
    });
    become_nobody();
    let flags = NEWPID | libc::CLONE_NEWUSER as u64;
    let owner = Clone::new(flags).start(|channel| {
        check!(set(NAME, 1002), Ok(()), "the owner of a user namespace");
        channel.send(get(NAME));
    });
    check!(owner.expect("clone3").receive(), 1002);
}

/// An init that gives away its open setting, which is 900.
fn opened() -> (crate::process::Child, std::fs::File) {
    use std::os::fd::AsRawFd;
    let init = new_ns(|channel| {
        check!(set(NAME, 900), Ok(()));
        let file = std::fs::File::options();
        let file = file
            .clone()
            .read(true)
            .write(true)
            .open("/proc/sys/kernel/pid_max");
        channel.send_fd(file.expect("open").as_raw_fd());
        while channel.receive_or_end().is_some() {
            channel.send(get(NAME));
        }
    });
    let file = init.channel.receive_fd().into();
    (init, file)
}

fn an_open_file_stays_with_its_namespace() {
    let before = get(NAME);
    let (init, mut file) = opened();
    let mut text = String::new();
    file.read_to_string(&mut text).expect("read");
    check!(text, "900\n");
    file.rewind().expect("seek");
    file.write_all(b"901").expect("write");
    init.send(0);
    check!(init.receive(), 901);
    check!(get(NAME), before, "the outer namespace's");
}

fn an_open_file_of_a_dead_namespace() {
    let (init, mut file) = opened();
    init.end();
    let error = eventually("the setting is gone", || {
        file.rewind().expect("seek");
        file.read(&mut [0; 16]).err()
    });
    check!(error.raw_os_error(), Some(libc::ENOENT));
    file.rewind().expect("seek");
    let written = file.write(b"902").map_err(|e| e.raw_os_error());
    check!(written, Err(Some(libc::ENOENT)));
}
