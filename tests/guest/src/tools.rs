//! The programs that people use: util-linux and procps see namespaces as they are.

use std::process::{Command, Output};

use nix::mount::{mount, umount2, MntFlags, MsFlags};

use crate::clone::{Clone, NEWPID};
use crate::fs_context::own_mounts;
use crate::harness::Test;
use crate::ns_file::{inode_of, two_levels, NsFile, INITIAL_INODE, NS_GET_PID_FROM_PIDNS};
use crate::process::{become_subreaper, eventually, new_ns, pid, sleepers, wait_for, Child, End};

pub const TESTS: &[Test] = tests![
    lsns_lists_every_namespace,
    lsns_draws_the_tree,
    lsns_shows_where_one_is_mounted,
    lsns_of_one_process,
    lsns_inside_shows_the_own,
    nsenter_by_a_process,
    nsenter_by_a_file,
    nsenter_into_everything,
    nsenter_gives_the_status,
    unshare_with_a_new_proc,
    unshare_to_a_file,
    ps_shows_the_namespace,
    ps_inside_shows_the_inside,
    pgrep_by_namespace,
];

/// Runs a program, and skips the test where there is none.
#[track_caller]
fn run(words: &[&str]) -> Output {
    match Command::new(words[0]).args(&words[1..]).output() {
        Ok(output) => output,
        Err(_) => crate::report::skip(&format!("there is no {}", words[0])),
    }
}

/// What a program writes, line by line and word by word.
#[track_caller]
fn table(words: &[&str]) -> Vec<Vec<String>> {
    let output = run(words);
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    check!(
        (output.status.code(), errors.as_str()),
        (Some(0), ""),
        "{words:?}"
    );
    let text = String::from_utf8(output.stdout).expect("text");
    let rows = text
        .lines()
        .map(|l| l.split_whitespace().map(str::to_string).collect());
    rows.collect()
}

/// What a program writes that enters an init's namespace and sees its /proc.
#[track_caller]
fn table_inside(init: &Child, words: &[&str]) -> Vec<Vec<String>> {
    let number = init.pid.to_string();
    table(&[&["nsenter", "-t", &number, "-p", "-m"], words].concat())
}

/// An init with its own /proc and two children that only wait.
fn three() -> Child {
    let flags = NEWPID | libc::CLONE_NEWNS as u64;
    let init = Clone::new(flags).start(|channel| {
        let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
        mount(None::<&str>, "/", None::<&str>, private, None::<&str>).expect("private mounts");
        let none = MsFlags::empty();
        mount(Some("proc"), "/proc", Some("proc"), none, None::<&str>).expect("/proc");
        let _members = sleepers(2);
        channel.send(0);
        channel.receive_or_end();
    });
    let init = init.expect("clone3");
    init.receive();
    init
}

/// The numbers of the three processes out here.
#[track_caller]
fn members(init: &Child) -> Vec<String> {
    let file = NsFile::of(init.pid);
    let number = |n| {
        file.ask(NS_GET_PID_FROM_PIDNS, n)
            .expect("a number")
            .to_string()
    };
    let mut numbers: Vec<String> = (1..=3).map(number).collect();
    numbers.sort();
    numbers
}

fn lsns_lists_every_namespace() {
    let inits = [three(), new_ns(crate::process::echo)];
    let rows = table(&["lsns", "-t", "pid", "-nr", "-o", "NS,TYPE,NPROCS,PID,PPID"]);
    for (init, count) in inits.iter().zip(["3", "1"]) {
        let inode = inode_of(init.pid, "pid").to_string();
        let row = rows.iter().find(|row| row[0] == inode).expect("a row");
        let want = [
            &inode,
            "pid",
            count,
            &init.pid.to_string(),
            &pid().to_string(),
        ];
        check!(row.as_slice(), want);
    }
    check!(
        rows[0][..2],
        [INITIAL_INODE.to_string(), String::from("pid")]
    );
}

fn lsns_draws_the_tree() {
    let (outer, inner) = two_levels();
    let (outer, inner) = (inode_of(outer.pid, "pid"), inner.inode());
    let rows = table(&["lsns", "-t", "pid", "-nr", "-o", "NS,PNS"]);
    let parent = |inode: u64| {
        let row = rows.iter().find(|row| row[0] == inode.to_string());
        row.expect("a row")[1].clone()
    };
    check!(parent(inner), outer.to_string());
    check!(parent(outer), INITIAL_INODE.to_string());
    check!(parent(INITIAL_INODE), "0");
    let drawn = run(&["lsns", "--tree=parent", "-t", "pid", "-n", "-o", "NS"]);
    let drawn = String::from_utf8_lossy(&drawn.stdout).into_owned();
    let depth = |inode: u64| {
        let line = drawn.lines().find(|l| l.ends_with(&inode.to_string()));
        line.unwrap_or_else(|| panic!("no {inode} in {drawn}"))
            .chars()
            .count()
            - 10
    };
    let depths = [depth(INITIAL_INODE), depth(outer), depth(inner)];
    check!(
        depths.is_sorted_by(|a, b| a < b),
        true,
        "{depths:?} of {drawn}"
    );
}

const PLACE: &str = "/tmp/persistent";

fn lsns_shows_where_one_is_mounted() {
    own_mounts();
    let init = three();
    std::fs::write(PLACE, "").expect("a file");
    let source = format!("/proc/{}/ns/pid", init.pid);
    let none = None::<&str>;
    mount(Some(source.as_str()), PLACE, none, MsFlags::MS_BIND, none).expect("mount");
    let rows = table(&["lsns", "-t", "pid", "-nr", "-o", "NS,NSFS"]);
    let inode = inode_of(init.pid, "pid").to_string();
    let row = rows.iter().find(|row| row[0] == inode).expect("a row");
    check!(row[1..], [PLACE]);
}

fn lsns_of_one_process() {
    let init = three();
    let number = init.pid.to_string();
    let rows = table(&["lsns", "-p", &number, "-nr", "-o", "NS,TYPE"]);
    let inode = inode_of(init.pid, "pid").to_string();
    check!(
        rows.contains(&vec![inode, String::from("pid")]),
        true,
        "{rows:?}"
    );
}

fn lsns_inside_shows_the_own() {
    let lsns = ["lsns", "-t", "pid", "-nr", "-o", "NPROCS,PID,PPID"];
    let rows = table(&[["unshare", "-p", "-f", "--mount-proc"].as_slice(), &lsns].concat());
    check!(rows, [["1", "1", "0"]]);
}

fn nsenter_by_a_process() {
    let init = three();
    let rows = table_inside(&init, &["sh", "-c", "echo $$; ls -d /proc/[1-9]*"]);
    check!(rows[0], ["4"]);
    check!(rows[1..4], [["/proc/1"], ["/proc/2"], ["/proc/3"]]);
}

fn nsenter_by_a_file() {
    let init = three();
    let path = format!("--pid=/proc/{}/ns/pid", init.pid);
    check!(table(&["nsenter", &path, "sh", "-c", "echo $$"]), [["4"]]);
    let path = format!("--pid=/proc/{}/ns/pid_for_children", init.pid);
    check!(table(&["nsenter", &path, "sh", "-c", "echo $$"]), [["5"]]);
}

fn nsenter_into_everything() {
    let init = three();
    let number = init.pid.to_string();
    let words = [
        "nsenter",
        "-t",
        &number,
        "-a",
        "readlink",
        "/proc/self/ns/pid",
    ];
    let inside = crate::ns_file::text(inode_of(init.pid, "pid"));
    check!(table(&words), [[inside]]);
}

fn nsenter_gives_the_status() {
    let init = three();
    let number = init.pid.to_string();
    let status = run(&["nsenter", "-t", &number, "-p", "sh", "-c", "exit 7"]).status;
    check!(status.code(), Some(7));
    init.end();
    let refused = run(&["nsenter", "-t", &number, "-p", "true"]);
    check!(
        refused.status.success(),
        false,
        "into a process that is gone"
    );
}

fn unshare_with_a_new_proc() {
    let ps = [
        "unshare",
        "-p",
        "-f",
        "--mount-proc",
        "ps",
        "-eo",
        "pid=,ppid=,comm=",
    ];
    check!(table(&ps), [["1", "0", "ps"]]);
    let nested = [
        "unshare",
        "-p",
        "-f",
        "sh",
        "-c",
        "unshare -p -f --mount-proc sh -c 'echo $$'",
    ];
    check!(table(&nested), [["1"]]);
}

fn unshare_to_a_file() {
    become_subreaper();
    own_mounts();
    std::fs::write(PLACE, "").expect("a file");
    let before = nix::sys::stat::stat(PLACE).expect("stat").st_ino;
    let option = format!("--pid={PLACE}");
    let mut holder = match Command::new("unshare")
        .args([&option, "--fork", "--kill-child", "sleep", "1000"])
        .spawn()
    {
        Ok(holder) => holder,
        Err(_) => crate::report::skip("there is no unshare"),
    };
    let option = format!("--pid={PLACE}");
    eventually("the file is a namespace", || {
        let stat = nix::sys::stat::stat(PLACE).expect("stat");
        (stat.st_ino != before).then_some(())
    });
    let file = NsFile::open(PLACE).expect("open");
    let number = eventually("there is an init", || {
        file.ask(NS_GET_PID_FROM_PIDNS, 1).ok()
    });
    check!(inode_of(number, "pid"), file.inode());
    check!(table(&["nsenter", &option, "sh", "-c", "echo $$"]), [["2"]]);
    drop(file);
    holder.kill().expect("kill");
    holder.wait().expect("wait");
    check!(wait_for(number), End::Killed(libc::SIGKILL));
    let refused = run(&["nsenter", &option, "true"]);
    check!(refused.status.success(), false, "into a dead namespace");
    let words = String::from_utf8_lossy(&refused.stderr).into_owned();
    check!(words.contains("Cannot allocate memory"), true, "{words}");
    check!(umount2(PLACE, MntFlags::empty()), Ok(()), "umount");
}

fn ps_shows_the_namespace() {
    let init = three();
    let rows = table(&["ps", "-eo", "pid=,pidns="]);
    let inode = inode_of(init.pid, "pid").to_string();
    let inside = rows
        .iter()
        .filter(|row| row[1] == inode)
        .map(|row| row[0].clone());
    let mut inside: Vec<String> = inside.collect();
    inside.sort();
    check!(inside, members(&init));
    let me = rows
        .iter()
        .find(|row| row[0] == pid().to_string())
        .expect("a row");
    check!(me[1], INITIAL_INODE.to_string());
}

fn ps_inside_shows_the_inside() {
    let init = three();
    let rows = table_inside(&init, &["ps", "-eo", "pid=,ppid=,pidns="]);
    let inode = inode_of(init.pid, "pid").to_string();
    check!(
        rows[..3].iter().all(|row| row[2] == inode),
        true,
        "{rows:?}"
    );
    let numbers: Vec<&str> = rows.iter().map(|row| row[0].as_str()).collect();
    check!(numbers, ["1", "2", "3", "4"], "three and ps itself");
    check!(rows[3][1], "0", "the parent of ps");
}

fn pgrep_by_namespace() {
    let init = three();
    let number = init.pid.to_string();
    let rows = table(&["pgrep", "--ns", &number, "--nslist", "pid", ""]);
    let mut seen: Vec<String> = rows.into_iter().flatten().collect();
    seen.sort();
    check!(seen, members(&init));
    let ours = table(&["pgrep", "--ns", &pid().to_string(), "--nslist", "pid", ""]);
    let ours: Vec<String> = ours.into_iter().flatten().collect();
    check!(ours.contains(&pid().to_string()), true);
    check!(ours.contains(&number), false, "init among those outside");
}
