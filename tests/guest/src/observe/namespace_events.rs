//! `pidns:ns_create`, `pidns:zap`, `pidns:ns_destroy`: namespaces are made, end and are freed.

use super::start;
use super::tracefs::{Event, Trace};
use crate::harness::Test;
use crate::ns_file::{inode_of, NsFile, INITIAL_INODE};
use crate::process::{
    eventually, fork, new_ns, sleep_for_ever, sleepers, unshare, unshare_pid, wait_for_message, End,
};

pub const TESTS: &[Test] = tests![300;
    a_namespace_comes_and_goes,
    a_namespace_in_a_namespace,
    a_namespace_that_nobody_enters,
    a_namespace_that_a_file_keeps,
    other_kinds_are_not_told,
];

fn names(events: &[Event]) -> Vec<&str> {
    events.iter().map(|e| e.name).collect()
}

fn a_namespace_comes_and_goes() {
    start();
    let trace = Trace::start();
    let init = new_ns(|channel| {
        sleepers(3);
        channel.send(0);
        channel.receive();
    });
    init.receive();
    let inode = inode_of(init.pid, "pid");
    init.send(0);
    check!(init.wait(), End::Exit(0));
    let life = trace.life(inode);
    check!(names(&life), ["ns_create", "zap", "ns_destroy"]);
    for event in &life {
        check!(event.number("level"), 1, "{event:?}");
        check!(event.number("parent"), INITIAL_INODE, "{event:?}");
    }
    check!(life[1].number("numbers"), 4, "init and its children");
}

fn a_namespace_in_a_namespace() {
    start();
    let trace = Trace::start();
    let outer = new_ns(|channel| {
        let inner = new_ns(|channel| {
            channel.send(inode_of("self", "pid") as i32);
            // It ends with the outer one, and not before that when the channel is closed.
            sleep_for_ever();
        });
        channel.send(inner.receive());
        wait_for_message(channel);
    });
    let inner_inode = outer.receive() as u32 as u64;
    let inode = inode_of(outer.pid, "pid");
    outer.end();
    let inner = trace.life(inner_inode);
    check!(names(&inner), ["ns_create", "zap", "ns_destroy"]);
    for event in &inner {
        check!(event.number("level"), 2, "{event:?}");
        check!(event.number("parent"), inode, "{event:?}");
    }
    trace.life(inode);
    let events = trace.events();
    let at = |name: &str, inode: u64| {
        let mut events = events.iter();
        let place = events.rposition(|e| e.name == name && e.is_of("ns", inode));
        place.unwrap_or_else(|| panic!("no {name} of {inode}"))
    };
    let order = [
        at("ns_create", inode),
        at("ns_create", inner_inode),
        at("zap", inode),
        at("zap", inner_inode),
        at("ns_destroy", inner_inode),
        at("ns_destroy", inode),
    ];
    check!(order.is_sorted(), true, "places of the events: {order:?}");
}

fn a_namespace_that_nobody_enters() {
    start();
    let trace = Trace::start();
    let maker = fork(|channel| {
        unshare_pid();
        channel.send(0);
        channel.receive_or_end();
    });
    maker.receive();
    let created: Vec<Event> = trace.events();
    let created: Vec<&Event> = created.iter().filter(|e| e.name == "ns_create").collect();
    check!(created.len(), 1, "namespaces: {created:?}");
    let inode = created[0].number("ns");
    maker.end();
    check!(names(&trace.life(inode)), ["ns_create", "ns_destroy"]);
}

fn a_namespace_that_a_file_keeps() {
    start();
    let trace = Trace::start();
    let init = new_ns(wait_for_message);
    let file = NsFile::of(init.pid);
    let inode = file.inode();
    init.end();
    let so_far = || -> Vec<Event> {
        let events = trace.events().into_iter().filter(|e| e.is_of("ns", inode));
        events.skip_while(|e| e.name != "ns_create").collect()
    };
    eventually("the zap", || {
        so_far().iter().any(|e| e.name == "zap").then_some(())
    });
    std::thread::sleep(std::time::Duration::from_millis(300));
    check!(
        names(&so_far()),
        ["ns_create", "zap"],
        "while a file is open"
    );
    drop(file);
    check!(
        names(&trace.life(inode)),
        ["ns_create", "zap", "ns_destroy"]
    );
}

fn other_kinds_are_not_told() {
    start();
    let trace = Trace::start();
    let others = fork(|_| {
        for flag in [
            libc::CLONE_NEWUTS,
            libc::CLONE_NEWIPC,
            libc::CLONE_NEWNS,
            libc::CLONE_NEWUSER,
        ] {
            check!(unshare(flag), Ok(()), "unshare({flag:#x})");
        }
    });
    check!(others.wait(), End::Exit(0));
    let events = trace.events();
    let created: Vec<&Event> = events.iter().filter(|e| e.name == "ns_create").collect();
    check!(created.is_empty(), true, "namespaces: {created:?}");
}
