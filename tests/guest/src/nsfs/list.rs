//! `listns(2)`: which namespaces there are.

use nix::errno::Errno;

use crate::clone::{Clone, NEWPID};
use crate::harness::Test;
use crate::ns_file::NsFile;
use crate::privilege::{become_nobody, drop_capability, CAP_SYS_ADMIN};
use crate::process::{eventually, fork, new_ns, unshare, unshare_pid, wait_for_message, Child};

use super::{is_listed, Request, CURRENT_USER, FIRST_ID, PID, UTS};

pub const TESTS: &[Test] = tests![
    the_living_in_order,
    by_type,
    by_owner,
    piece_by_piece,
    a_namespace_without_an_init_is_listed,
    a_namespace_goes_with_its_last_user,
    a_zombie_keeps_its_namespace,
    from_inside_only_the_own,
    without_the_capability_only_the_own,
    wrong_requests,
];

#[track_caller]
fn id(process: i32) -> u64 {
    NsFile::of(process).id()
}

fn inits(count: usize) -> (Vec<Child>, Vec<u64>) {
    let inits: Vec<Child> = (0..count).map(|_| new_ns(wait_for_message)).collect();
    let ids = inits.iter().map(|init| id(init.pid)).collect();
    (inits, ids)
}

fn the_living_in_order() {
    let (_inits, ids) = inits(5);
    let seen = Request::new(PID).all();
    let mut sorted = seen.clone();
    sorted.sort_unstable();
    sorted.dedup();
    check!(seen, sorted, "the list");
    check!(seen[0], FIRST_ID);
    check!(
        ids.iter().all(|id| seen.contains(id)),
        true,
        "{ids:?} in {seen:?}"
    );
}

fn by_type() {
    let init = Clone::new(NEWPID | libc::CLONE_NEWUTS as u64).start(wait_for_message);
    let init = init.expect("clone3");
    let (pid, uts) = (id(init.pid), NsFile::named(init.pid, "uts").id());
    for (types, want) in [
        (PID, (true, false)),
        (UTS, (false, true)),
        (PID | UTS, (true, true)),
        (0, (true, true)),
        (libc::CLONE_NEWNET as u32, (false, false)),
    ] {
        let seen = Request::new(types).all();
        let found = (seen.contains(&pid), seen.contains(&uts));
        check!(
            found,
            want,
            "the pid and the uts namespace in a list of {types:#x}"
        );
    }
}

fn by_owner() {
    let flags = NEWPID | libc::CLONE_NEWUSER as u64;
    let owned = Clone::new(flags).start(wait_for_message).expect("clone3");
    let plain = new_ns(wait_for_message);
    let owner = NsFile::named(owned.pid, "user").id();
    check!(Request::new(PID).of(owner).all(), [id(owned.pid)]);
    check!(Request::new(0).of(owner).all(), [id(owned.pid)]);
    check!(Request::new(UTS).of(owner).all(), [0; 0]);
    for first in [CURRENT_USER, NsFile::named("self", "user").id()] {
        let seen = Request::new(PID).of(first).all();
        let found = (seen.contains(&id(plain.pid)), seen.contains(&id(owned.pid)));
        check!(
            found,
            (true, false),
            "the plain and the owned one in the list of {first}"
        );
    }
    let none = Request::new(PID).of(id(plain.pid)).some(10, 0);
    check!(
        none,
        Err(Errno::EINVAL),
        "an owner that is no user namespace"
    );
}

fn piece_by_piece() {
    let (_inits, ids) = inits(7);
    for owner in [0, CURRENT_USER] {
        let request = Request::new(PID).of(owner);
        let (mut seen, mut last) = (Vec::new(), 0);
        loop {
            match request.after(last).some(2, 0) {
                Ok(piece) if !piece.is_empty() => {
                    last = piece[piece.len() - 1];
                    seen.extend(piece);
                }
                Ok(_) | Err(Errno::ENOENT) => break,
                Err(e) => panic!("listns: {e}"),
            }
        }
        check!(seen, request.all(), "pieces of two");
        check!(
            ids.iter().all(|id| seen.contains(id)),
            true,
            "{ids:?} in {seen:?}"
        );
    }
    let beyond = Request::new(PID).after(u64::MAX - 1).some(10, 0);
    check!(beyond, Err(Errno::ENOENT));
    check!(Request::new(PID).some(0, 0), Ok(Vec::new()), "no room");
}

fn a_namespace_without_an_init_is_listed() {
    unshare_pid();
    let made = NsFile::for_children_of("self").id();
    check!(is_listed(made), true);
    check!(
        Request::new(PID).of(CURRENT_USER).all().contains(&made),
        true
    );
    check!(NsFile::of("self").enter(0), Ok(()));
    eventually("it is gone", || (!is_listed(made)).then_some(()));
}

fn a_namespace_goes_with_its_last_user() {
    let init = new_ns(wait_for_message);
    let (file, id) = (NsFile::of(init.pid), id(init.pid));
    let member = fork(|channel| {
        check!(file.enter(0), Ok(()));
        channel.send(0);
        channel.receive_or_end();
    });
    member.receive();
    drop(file);
    init.end();
    check!(
        is_listed(id),
        true,
        "a namespace that someone else's children would go to"
    );
    member.end();
    eventually("it is gone", || (!is_listed(id)).then_some(()));
}

fn a_zombie_keeps_its_namespace() {
    let init = new_ns(|channel| {
        channel.send_fd(NsFile::of("self").fd());
    });
    let id = NsFile::from_fd(init.channel.receive_fd()).id();
    crate::process::wait_for_zombie(init.pid);
    check!(is_listed(id), true, "the namespace of a zombie");
    init.wait();
    eventually("it is gone", || (!is_listed(id)).then_some(()));
}

fn from_inside_only_the_own() {
    let _other = new_ns(wait_for_message);
    let init = new_ns(|channel| {
        let _child = new_ns(wait_for_message);
        let own = NsFile::of("self").id();
        check!(Request::new(PID).all(), [own]);
        check!(Request::new(PID).of(CURRENT_USER).all(), [own]);
        channel.send(0);
    });
    init.receive();
    let owner = Clone::new(NEWPID | libc::CLONE_NEWUSER as u64).start(|channel| {
        let own = NsFile::of("self").id();
        check!(Request::new(PID).all(), [own]);
        check!(Request::new(PID).of(CURRENT_USER).all(), [own]);
        channel.send(0);
    });
    owner.expect("clone3").receive();
}

fn without_the_capability_only_the_own() {
    let _other = new_ns(wait_for_message);
    for lose in [
        || drop_capability(CAP_SYS_ADMIN),
        become_nobody,
        || check!(unshare(libc::CLONE_NEWUSER), Ok(())),
    ] {
        let child = fork(|channel| {
            lose();
            check!(Request::new(PID).all(), [FIRST_ID]);
            channel.send(0);
        });
        child.receive();
    }
}

fn wrong_requests() {
    let good = Request::new(PID);
    check!(good.some(10, 1), Err(Errno::EINVAL), "flags");
    check!(good.some(1_000_001, 0), Err(Errno::EOVERFLOW));
    let wrong = |change: fn(&mut Request)| {
        let mut request = good;
        change(&mut request);
        request.some(10, 0).err()
    };
    check!(
        wrong(|r| r.size = 31),
        Some(Errno::EINVAL),
        "a short request"
    );
    check!(
        wrong(|r| r.size = 5000),
        Some(Errno::E2BIG),
        "a long request"
    );
    check!(wrong(|r| r.spare = 1), Some(Errno::EINVAL), "spare");
    check!(
        wrong(|r| r.types |= 1),
        Some(Errno::EOPNOTSUPP),
        "an unknown type"
    );
    check!(
        wrong(|r| r.owner = 1 << 60),
        Some(Errno::EINVAL),
        "an unknown owner"
    );
}
