//! `pid_for_children` through the life of a process.

use nix::errno::Errno;
use nix::fcntl::OFlag;

use crate::clone::Clone;
use crate::harness::Test;
use crate::ns_file::{inode_of, link, text, NsFile, INITIAL_INODE};
use crate::proc_fs::Proc;
use crate::process::{
    fork, new_ns, pid, sleep_for_ever, tid, unshare_pid, wait_for_message, wait_for_zombie, End,
};

pub const TESTS: &[Test] = tests![
    before_and_after_unshare,
    a_namespace_that_has_no_init_yet,
    a_namespace_whose_init_has_gone,
    after_entering_another,
    the_child_has_its_parents,
    a_thread_has_its_own,
    of_a_zombie,
    of_a_zombie_that_made_a_namespace,
    of_a_process_that_was_reaped,
    of_a_process_that_executes_a_program,
];

fn before_and_after_unshare() {
    check!(inode_of("self", "pid_for_children"), INITIAL_INODE);
    unshare_pid();
    let made = inode_of("self", "pid_for_children");
    check!(
        made == INITIAL_INODE,
        false,
        "the initial namespace after unshare"
    );
    check!(inode_of("self", "pid"), INITIAL_INODE, "the caller's own");
    let init = fork(wait_for_message);
    check!(inode_of(init.pid, "pid"), made, "that of the first child");
    check!(inode_of("self", "pid_for_children"), made, "after the fork");
    check!(inode_of("self", "pid"), INITIAL_INODE);
}

fn a_namespace_that_has_no_init_yet() {
    let maker = fork(|channel| {
        unshare_pid();
        channel.send(0);
        channel.receive_or_end();
    });
    maker.receive();
    let made = inode_of(maker.pid, "pid_for_children");
    check!(link(maker.pid, "pid_for_children"), Ok(text(made)));
    let file = NsFile::for_children_of(maker.pid);
    check!(file.inode(), made);
    check!(link(maker.pid, "pid"), Ok(text(INITIAL_INODE)));
}

fn a_namespace_whose_init_has_gone() {
    unshare_pid();
    let made = inode_of("self", "pid_for_children");
    check!(Clone::new(0).attempt_inside(), Ok(1));
    check!(link("self", "pid_for_children"), Ok(text(made)));
    check!(NsFile::for_children_of("self").inode(), made);
}

fn after_entering_another() {
    let init = new_ns(wait_for_message);
    let there = inode_of(init.pid, "pid");
    check!(NsFile::of(init.pid).enter(0), Ok(()));
    check!(link("self", "pid_for_children"), Ok(text(there)));
    check!(link("self", "pid"), Ok(text(INITIAL_INODE)));
    check!(NsFile::of("self").enter(0), Ok(()));
    check!(link("self", "pid_for_children"), Ok(text(INITIAL_INODE)));
}

fn the_child_has_its_parents() {
    unshare_pid();
    let made = inode_of("self", "pid_for_children");
    let init = fork(|channel| {
        check!(inode_of("self", "pid"), made);
        check!(inode_of("self", "pid_for_children"), made);
        unshare_pid();
        let inner = inode_of("self", "pid_for_children");
        check!(inner == made, false, "the second namespace is the first");
        channel.send(0);
    });
    init.receive();
}

fn a_thread_has_its_own() {
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        unshare_pid();
        tell.send(tid()).expect("a number");
        sleep_for_ever()
    });
    let thread = format!("{}/task/{}", pid(), told.recv().expect("a number"));
    let made = inode_of(&thread, "pid_for_children");
    check!(
        made == INITIAL_INODE,
        false,
        "the thread's after its unshare"
    );
    check!(inode_of(&thread, "pid"), INITIAL_INODE);
    check!(
        inode_of("self", "pid_for_children"),
        INITIAL_INODE,
        "the process's"
    );
    let main = format!("{}/task/{}", pid(), pid());
    check!(
        inode_of(main, "pid_for_children"),
        INITIAL_INODE,
        "the main thread's"
    );
}

fn of_a_zombie() {
    let init = new_ns(|channel| channel.send_fd(NsFile::of("self").fd()));
    let inode = NsFile::from_fd(init.channel.receive_fd()).inode();
    wait_for_zombie(init.pid);
    check!(link(init.pid, "pid"), Ok(text(inode)));
    check!(inode_of(init.pid, "pid"), inode);
    check!(link(init.pid, "pid_for_children"), Err(Errno::ENOENT));
    let path = format!("/proc/{}/ns/pid_for_children", init.pid);
    check!(NsFile::open(&path).err(), Some(Errno::ENOENT));
    check!(init.wait(), End::Exit(0));
}

fn of_a_zombie_that_made_a_namespace() {
    let maker = fork(|_| unshare_pid());
    wait_for_zombie(maker.pid);
    check!(link(maker.pid, "pid"), Ok(text(INITIAL_INODE)));
    check!(link(maker.pid, "pid_for_children"), Err(Errno::ENOENT));
    check!(maker.wait(), End::Exit(0));
}

fn of_a_process_that_was_reaped() {
    let outer = Proc::at("/proc");
    let child = fork(wait_for_message);
    let path = format!("{}/ns", child.pid);
    let directory = outer.open(&path, OFlag::O_RDONLY | OFlag::O_DIRECTORY);
    let directory = Proc::from_fd(directory.expect("open of a directory").into());
    check!(directory.link("pid"), Ok(text(INITIAL_INODE)));
    child.end();
    for name in ["pid", "pid_for_children"] {
        check!(directory.link(name), Err(Errno::ENOENT), "{name}");
        let opened = directory.open(name, OFlag::O_RDONLY);
        check!(opened.err(), Some(Errno::ENOENT), "{name}");
    }
}

fn of_a_process_that_executes_a_program() {
    let maker = fork(|channel| {
        unshare_pid();
        channel.send(0);
        channel.receive_or_end();
        let program = [c"sleep", c"1000"];
        nix::unistd::execvp(program[0], &program).expect("exec");
    });
    maker.receive();
    let made = inode_of(maker.pid, "pid_for_children");
    maker.send(0);
    let comm = || std::fs::read_to_string(format!("/proc/{}/comm", maker.pid)).expect("comm");
    crate::process::eventually("the program runs", || (comm() == "sleep\n").then_some(()));
    check!(inode_of(maker.pid, "pid_for_children"), made);
    check!(inode_of(maker.pid, "pid"), INITIAL_INODE);
}
