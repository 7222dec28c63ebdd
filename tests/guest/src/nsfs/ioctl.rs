//! Questions to the file of a pid namespace.

use nix::errno::Errno;

use crate::clone::{Clone, NEWPID};
use crate::harness::Test;
use crate::ns_file::{
    give_own, inode_of, two_levels, NsFile, NS_GET_ID, NS_GET_MNTNS_ID, NS_GET_NSTYPE,
    NS_GET_OWNER_UID, NS_GET_PARENT, NS_GET_PID_FROM_PIDNS, NS_GET_PID_IN_PIDNS,
    NS_GET_TGID_FROM_PIDNS, NS_GET_TGID_IN_PIDNS, NS_GET_USERNS,
};
use crate::process::{
    fork, new_ns, pid, sleepers, sleeping_thread, unshare, unshare_pid, wait_for_message,
};

pub const TESTS: &[Test] = tests![
    the_parent_of_a_child,
    the_parent_of_the_first,
    the_parent_that_is_out_of_view,
    the_parent_of_a_namespace_without_an_init,
    the_owner_of_the_first,
    the_owner_of_a_child,
    the_owner_that_is_out_of_view,
    the_type,
    questions_to_other_types,
    numbers_from_a_child,
    numbers_in_a_child,
    numbers_of_threads,
    numbers_that_do_not_exist,
    numbers_of_unrelated_processes,
    the_64_bit_number,
];

/// The inode number of what an ioctl opens.
fn inode(file: &NsFile, request: u64) -> nix::Result<u64> {
    file.related(request).map(|related| related.inode())
}

fn the_parent_of_a_child() {
    let own = NsFile::of("self").inode();
    let (init, inner) = two_levels();
    let outer = NsFile::of(init.pid);
    check!(inode(&outer, NS_GET_PARENT), Ok(own));
    check!(inode(&inner, NS_GET_PARENT), Ok(outer.inode()));
    let parent = inner.related(NS_GET_PARENT).expect("NS_GET_PARENT");
    check!(
        inode(&parent, NS_GET_PARENT),
        Ok(own),
        "the parent's parent"
    );
    // SAFETY: the call takes no pointers.
    let flags = unsafe { libc::fcntl(parent.fd(), libc::F_GETFD) };
    check!(flags, libc::FD_CLOEXEC);
    check!(parent.enter(0), Ok(()));
    check!(Clone::new(0).attempt_inside(), Ok(3));
}

fn the_parent_of_the_first() {
    check!(inode(&NsFile::of("self"), NS_GET_PARENT), Err(Errno::EPERM));
}

fn the_parent_that_is_out_of_view() {
    let top = NsFile::of("self");
    let (init, inner) = two_levels();
    let outer = NsFile::of(init.pid);
    let init = new_ns(|channel| {
        let own = NsFile::of("self");
        check!(
            inode(&own, NS_GET_PARENT),
            Err(Errno::EPERM),
            "the own one's"
        );
        check!(
            inode(&top, NS_GET_PARENT),
            Err(Errno::EPERM),
            "an outer one's"
        );
        check!(
            inode(&outer, NS_GET_PARENT),
            Err(Errno::EPERM),
            "a sibling's"
        );
        check!(
            inode(&inner, NS_GET_PARENT),
            Err(Errno::EPERM),
            "a nephew's"
        );
        let child = new_ns(give_own);
        let child = NsFile::from_fd(child.channel.receive_fd());
        check!(inode(&child, NS_GET_PARENT), Ok(own.inode()), "the child's");
        channel.send(0);
    });
    init.receive();
}

fn the_parent_of_a_namespace_without_an_init() {
    let own = NsFile::of("self").inode();
    unshare_pid();
    let made = NsFile::for_children_of("self");
    check!(inode(&made, NS_GET_PARENT), Ok(own));
}

fn the_owner_of_the_first() {
    let own = NsFile::of("self");
    check!(inode(&own, NS_GET_USERNS), Ok(inode_of("self", "user")));
}

fn the_owner_of_a_child() {
    let user = libc::CLONE_NEWUSER as u64;
    let plain = new_ns(wait_for_message);
    check!(
        inode(&NsFile::of(plain.pid), NS_GET_USERNS),
        Ok(inode_of("self", "user"))
    );
    let owned = Clone::new(NEWPID | user)
        .start(wait_for_message)
        .expect("clone3");
    let theirs = inode_of(owned.pid, "user");
    check!(theirs == inode_of("self", "user"), false);
    check!(inode(&NsFile::of(owned.pid), NS_GET_USERNS), Ok(theirs));
}

fn the_owner_that_is_out_of_view() {
    let own = NsFile::of("self");
    let child = fork(|channel| {
        check!(unshare(libc::CLONE_NEWUSER), Ok(()));
        check!(inode(&own, NS_GET_USERNS), Err(Errno::EPERM));
        unshare_pid();
        let made = NsFile::for_children_of("self");
        check!(inode(&made, NS_GET_USERNS), Ok(inode_of("self", "user")));
        channel.send(0);
    });
    child.receive();
}

fn the_type() {
    unshare_pid();
    for file in [NsFile::of("self"), NsFile::for_children_of("self")] {
        check!(file.ask(NS_GET_NSTYPE, 0), Ok(libc::CLONE_NEWPID));
    }
}

fn questions_to_other_types() {
    let own = NsFile::of("self");
    let mut number = 0u64;
    for request in [NS_GET_OWNER_UID, NS_GET_MNTNS_ID] {
        // SAFETY: the pointer is to a live number that has room for either answer.
        let asked = Errno::result(unsafe { libc::ioctl(own.fd(), request, &mut number) });
        check!(asked, Err(Errno::EINVAL), "ioctl {request:#x}");
    }
    check!(
        own.ask(0xb7ff, 0),
        Err(Errno::ENOTTY),
        "an ioctl that is none"
    );
    let uts = NsFile::named("self", "uts");
    for request in [
        NS_GET_PID_FROM_PIDNS,
        NS_GET_TGID_FROM_PIDNS,
        NS_GET_PID_IN_PIDNS,
        NS_GET_TGID_IN_PIDNS,
    ] {
        check!(
            uts.ask(request, 1),
            Err(Errno::EINVAL),
            "ioctl {request:#x}"
        );
    }
}

fn numbers_from_a_child() {
    let init = new_ns(|channel| {
        let members: Vec<i32> = sleepers(3).iter().map(|c| c.pid).collect();
        channel.send_all(&members);
        channel.receive_or_end();
    });
    check!(init.receive_all(), [2, 3, 4]);
    let file = NsFile::of(init.pid);
    check!(file.ask(NS_GET_PID_FROM_PIDNS, 1), Ok(init.pid));
    check!(file.ask(NS_GET_TGID_FROM_PIDNS, 1), Ok(init.pid));
    for member in 2..=4 {
        let outer = file
            .ask(NS_GET_PID_FROM_PIDNS, member)
            .expect("an outer number");
        check!(
            file.ask(NS_GET_PID_IN_PIDNS, outer),
            Ok(member),
            "there and back"
        );
        check!(
            file.ask(NS_GET_TGID_IN_PIDNS, outer),
            Ok(member),
            "there and back"
        );
    }
    check!(file.ask(NS_GET_PID_FROM_PIDNS, 5), Err(Errno::ESRCH));
}

fn numbers_in_a_child() {
    let init = new_ns(|channel| {
        let inner = new_ns(wait_for_message);
        check!(inner.pid, 2);
        let own = NsFile::of("self");
        check!(own.ask(NS_GET_PID_IN_PIDNS, 1), Ok(1));
        check!(own.ask(NS_GET_PID_FROM_PIDNS, 2), Ok(2));
        channel.send(0);
        channel.receive_or_end();
    });
    init.receive();
    let (own, file) = (NsFile::of("self"), NsFile::of(init.pid));
    check!(own.ask(NS_GET_PID_IN_PIDNS, init.pid), Ok(init.pid));
    check!(own.ask(NS_GET_PID_FROM_PIDNS, init.pid), Ok(init.pid));
    check!(file.ask(NS_GET_PID_IN_PIDNS, init.pid), Ok(1));
    check!(file.ask(NS_GET_TGID_IN_PIDNS, init.pid), Ok(1));
}

fn numbers_of_threads() {
    let init = new_ns(|channel| {
        let thread = sleeping_thread();
        channel.send(thread);
        channel.receive_or_end();
    });
    let (thread, file) = (init.receive(), NsFile::of(init.pid));
    let outer = file
        .ask(NS_GET_PID_FROM_PIDNS, thread)
        .expect("an outer number");
    check!(outer == init.pid, false, "the thread has init's number");
    check!(file.ask(NS_GET_TGID_FROM_PIDNS, thread), Ok(init.pid));
    check!(file.ask(NS_GET_PID_IN_PIDNS, outer), Ok(thread));
    check!(file.ask(NS_GET_TGID_IN_PIDNS, outer), Ok(1));
}

fn numbers_that_do_not_exist() {
    let init = new_ns(wait_for_message);
    let file = NsFile::of(init.pid);
    for number in [0, -1, 2, 4_000_000, i32::MAX, i32::MIN] {
        check!(
            file.ask(NS_GET_PID_FROM_PIDNS, number),
            Err(Errno::ESRCH),
            "from {number}"
        );
        check!(
            file.ask(NS_GET_TGID_FROM_PIDNS, number),
            Err(Errno::ESRCH),
            "from {number}"
        );
    }
    for number in [0, -1, 4_000_000, pid()] {
        check!(
            file.ask(NS_GET_PID_IN_PIDNS, number),
            Err(Errno::ESRCH),
            "in: {number}"
        );
        check!(
            file.ask(NS_GET_TGID_IN_PIDNS, number),
            Err(Errno::ESRCH),
            "in: {number}"
        );
    }
    init.end();
    check!(
        file.ask(NS_GET_PID_FROM_PIDNS, 1),
        Err(Errno::ESRCH),
        "a dead init"
    );
}

fn numbers_of_unrelated_processes() {
    let (top, me) = (NsFile::of("self"), pid());
    let sibling = new_ns(wait_for_message);
    let theirs = NsFile::of(sibling.pid);
    let init = new_ns(|channel| {
        check!(
            top.ask(NS_GET_PID_IN_PIDNS, 1),
            top.ask(NS_GET_TGID_IN_PIDNS, 1)
        );
        channel.send(
            top.ask(NS_GET_PID_IN_PIDNS, 1)
                .expect("the own number at the top"),
        );
        check!(
            top.ask(NS_GET_PID_FROM_PIDNS, me),
            Err(Errno::ESRCH),
            "a process outside"
        );
        check!(top.ask(NS_GET_TGID_FROM_PIDNS, me), Err(Errno::ESRCH));
        check!(
            theirs.ask(NS_GET_PID_FROM_PIDNS, 1),
            Err(Errno::ESRCH),
            "a neighbour"
        );
        check!(
            theirs.ask(NS_GET_PID_IN_PIDNS, 1),
            Err(Errno::ESRCH),
            "the own, in theirs"
        );
        let own = channel.receive();
        check!(
            top.ask(NS_GET_PID_FROM_PIDNS, own),
            Ok(1),
            "itself by its outer number"
        );
        channel.send(0);
    });
    check!(init.receive(), init.pid);
    init.send(init.pid);
    init.receive();
}

fn the_64_bit_number() {
    check!(NsFile::of("self").id(), super::FIRST_ID);
    let mut seen = vec![super::FIRST_ID];
    for _ in 0..10 {
        let init = new_ns(wait_for_message);
        let file = NsFile::of(init.pid);
        check!(file.id(), NsFile::for_children_of(init.pid).id());
        seen.push(file.id());
        init.end();
    }
    let mut sorted = seen.clone();
    sorted.sort_unstable();
    sorted.dedup();
    check!(seen, sorted, "the numbers of one namespace after another");
    // SAFETY: the kernel checks the pointer.
    let nowhere = unsafe { libc::ioctl(NsFile::of("self").fd(), NS_GET_ID, 8usize) };
    check!(Errno::result(nowhere), Err(Errno::EFAULT));
}
