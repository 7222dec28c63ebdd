//! Handles: names of namespaces that are found again without a descriptor.

use nix::errno::Errno;

use crate::clone::Clone;
use crate::harness::Test;
use crate::ns_file::{give_own, two_levels, NsFile, NS_GET_PARENT};
use crate::privilege::{become_nobody, drop_capability, CAP_SYS_ADMIN};
use crate::proc_fs::Proc;
use crate::process::{eventually, fork, new_ns, unshare_pid, wait_for_message, End};

use super::{is_listed, Handle};

pub const TESTS: &[Test] = tests![
    what_a_handle_says,
    a_handle_opens_the_namespace,
    a_handle_of_the_number_alone,
    a_handle_needs_room,
    handles_of_nothing,
    a_namespace_without_an_init,
    a_dead_namespace_is_stale,
    a_namespace_that_only_a_mount_of_proc_keeps_is_stale,
    a_namespace_that_a_file_keeps_is_not_stale,
    an_opened_parent_lives_again,
    handles_from_inside,
    handles_without_the_capability,
];

#[track_caller]
fn handle(file: &NsFile) -> Handle {
    Handle::of(file).expect("name_to_handle_at")
}

/// The error of opening a handle.
fn refusal(handle: &Handle) -> Option<Errno> {
    handle.open().err()
}

fn what_a_handle_says() {
    const FILEID_NSFS: i32 = 0xf1;
    let init = new_ns(wait_for_message);
    for file in [
        NsFile::of("self"),
        NsFile::of(init.pid),
        NsFile::for_children_of(init.pid),
    ] {
        let want = Handle {
            bytes: 16,
            kind: FILEID_NSFS,
            id: file.id(),
            ns_type: libc::CLONE_NEWPID as u32,
            inode: file.inode() as u32,
        };
        check!(handle(&file), want);
    }
}

fn a_handle_opens_the_namespace() {
    let init = new_ns(wait_for_message);
    let file = NsFile::of(init.pid);
    let name = handle(&file);
    let opened = name
        .open_at(file.fd())
        .expect("open_by_handle_at by a file");
    check!(opened.inode(), file.inode());
    drop((file, opened));
    let opened = name.open().expect("open_by_handle_at by the root");
    check!(
        (opened.id(), opened.inode()),
        (name.id, u64::from(name.inode))
    );
    check!(opened.enter(libc::CLONE_NEWPID), Ok(()));
    check!(Clone::new(0).attempt_inside(), Ok(2));
}

fn a_handle_of_the_number_alone() {
    let init = new_ns(wait_for_message);
    let name = handle(&NsFile::of(init.pid));
    let short = Handle {
        ns_type: 0,
        inode: 0,
        ..name
    };
    check!(short.open().expect("open_by_handle_at").id(), name.id);
}

fn a_handle_needs_room() {
    let file = NsFile::of("self");
    let mut small = Handle {
        bytes: 8,
        ..handle(&file)
    };
    let mut mount = 0i32;
    // SAFETY: the pointers are live, and the handle has more room than it says.
    let named = unsafe {
        let (small, name) = (&raw mut small, c"".as_ptr());
        let flags = libc::AT_EMPTY_PATH;
        libc::syscall(
            libc::SYS_name_to_handle_at,
            file.fd(),
            name,
            small,
            &mut mount,
            flags,
        )
    };
    check!(Errno::result(named), Err(Errno::EOVERFLOW));
    check!(small.bytes, 16, "the room that is needed");
}

fn handles_of_nothing() {
    type Change = fn(&mut Handle);
    let init = new_ns(wait_for_message);
    let name = handle(&NsFile::of(init.pid));
    let changes: [(&str, Change); 8] = [
        ("no number", |h| h.id = 0),
        ("an unknown number", |h| h.id = u64::MAX),
        ("another inode", |h| h.inode += 1),
        ("another type", |h| h.ns_type = libc::CLONE_NEWUTS as u32),
        ("an unknown type", |h| h.ns_type = 1),
        ("no inode", |h| h.inode = 0),
        ("no type", |h| h.ns_type = 0),
        ("another kind", |h| h.kind = 1),
    ];
    for (what, change) in changes {
        let mut wrong = name;
        change(&mut wrong);
        check!(refusal(&wrong), Some(Errno::ESTALE), "a handle with {what}");
    }
    let short = Handle { bytes: 8, ..name };
    check!(refusal(&short), Some(Errno::ESTALE), "a short handle");
    check!(refusal(&name), None);
}

fn a_namespace_without_an_init() {
    let maker = fork(|channel| {
        unshare_pid();
        channel.send(0);
        channel.receive_or_end();
    });
    maker.receive();
    let name = handle(&NsFile::for_children_of(maker.pid));
    check!(name.open().expect("open_by_handle_at").enter(0), Ok(()));
    check!(Clone::new(0).attempt_inside(), Ok(1));
}

#[track_caller]
fn check_stale(name: &Handle) {
    eventually("the handle is stale", || {
        (refusal(name) == Some(Errno::ESTALE)).then_some(())
    });
    check!(is_listed(name.id), false, "a stale namespace is listed");
}

fn a_dead_namespace_is_stale() {
    for _ in 0..5 {
        let init = new_ns(wait_for_message);
        let name = handle(&NsFile::of(init.pid));
        check!(refusal(&name), None);
        init.end();
        check_stale(&name);
    }
}

fn a_namespace_that_only_a_mount_of_proc_keeps_is_stale() {
    let init = new_ns(|channel| {
        channel.send_fd(Proc::mount().fd());
        channel.receive_or_end();
    });
    let (mount, pidfd) = (init.channel.receive_fd(), init.pidfd());
    let name = handle(&NsFile::of(init.pid));
    check!(is_listed(name.id), true);
    init.end();
    check_stale(&name);
    drop((mount, pidfd));
}

fn a_namespace_that_a_file_keeps_is_not_stale() {
    let init = new_ns(wait_for_message);
    let file = NsFile::of(init.pid);
    let name = handle(&file);
    init.end();
    check!(refusal(&name), None);
    check!(is_listed(name.id), true);
    drop(file);
    check_stale(&name);
}

fn an_opened_parent_lives_again() {
    let (outer, inner) = two_levels();
    let name = handle(&NsFile::of(outer.pid));
    outer.end();
    check!(is_listed(inner.id()), true, "the inner one, which is open");
    check_stale(&name);
    let parent = inner.related(NS_GET_PARENT).expect("NS_GET_PARENT");
    check!(parent.id(), name.id);
    check!(
        is_listed(name.id),
        true,
        "the outer one when it is open again"
    );
    check!(refusal(&name), None);
    drop(parent);
    check_stale(&name);
}

fn handles_from_inside() {
    let sibling = new_ns(wait_for_message);
    let (first, theirs) = (
        handle(&NsFile::of("self")),
        handle(&NsFile::of(sibling.pid)),
    );
    let init = new_ns(|channel| {
        let own = handle(&NsFile::of("self"));
        check!(own.open().expect("the own one").id(), own.id);
        check!(refusal(&first), Some(Errno::ESTALE), "the first one");
        check!(refusal(&theirs), Some(Errno::ESTALE), "a sibling");
        let child = new_ns(give_own);
        let child = handle(&NsFile::from_fd(child.channel.receive_fd()));
        check!(refusal(&child), Some(Errno::ESTALE), "the own child");
        channel.send(0);
    });
    init.receive();
    check!(init.wait(), End::Exit(0));
}

fn handles_without_the_capability() {
    let init = new_ns(wait_for_message);
    let (own, other) = (handle(&NsFile::of("self")), handle(&NsFile::of(init.pid)));
    let child = fork(|channel| {
        drop_capability(CAP_SYS_ADMIN);
        check!(refusal(&other), Some(Errno::ESTALE));
        channel.send(0);
    });
    child.receive();
    become_nobody();
    check!(refusal(&own), None);
    check!(refusal(&other), Some(Errno::ESTALE));
}
