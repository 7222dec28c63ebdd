//! The module is unloaded while somebody looks.

use std::os::fd::{FromRawFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;

use super::tracefs::{Trace, NAMES};
use super::{list, start};
use crate::clone::{Clone, NEWPID};
use crate::harness::{kernel, storm_seconds, Test};
use crate::load::{load_now, unload, unload_soon};
use crate::ns_file::inode_of;
use crate::process::{echo, fork, kill, new_ns, Child, End};

pub const TESTS: &[Test] = tests![300;
    an_open_list_holds_the_module,
    an_event_of_perf_holds_the_module,
    events_that_are_recorded_go_with_the_module,
    counts_go_on_after_a_load,
    readers_and_tracers_while_the_module_comes_and_goes,
];

fn an_open_list_holds_the_module() {
    start();
    let file = std::fs::File::open(list::PATH).expect("open of the list");
    check!(
        unload(),
        Err(Errno::EAGAIN),
        "unload while the list is open"
    );
    drop(file);
    unload_soon();
    let gone = std::fs::metadata(list::PATH).expect_err("a list without the module");
    check!(gone.raw_os_error(), Some(libc::ENOENT));
    load_now();
    check!(list::all()[0].level, 0);
}

/// Counts an event, as perf does.
#[track_caller]
fn count(name: &str) -> OwnedFd {
    let path = format!("/sys/kernel/tracing/events/pidns/{name}/id");
    let id = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path}: {e}"));
    let mut attr = [0u64; 16];
    attr[0] = 2 | (size_of_val(&attr) as u64) << 32; // a tracepoint
    attr[1] = id.trim().parse().expect("a number");
    // SAFETY: the attributes are as long as they say, and the descriptor is new.
    unsafe {
        let fd = libc::syscall(libc::SYS_perf_event_open, attr.as_ptr(), -1, 0, -1, 0);
        OwnedFd::from_raw_fd(Errno::result(fd).expect("perf_event_open") as i32)
    }
}

fn an_event_of_perf_holds_the_module() {
    start();
    for name in NAMES {
        let event = count(name);
        check!(
            unload(),
            Err(Errno::EAGAIN),
            "unload while {name} is counted"
        );
        drop(event);
        unload_soon();
        load_now();
    }
}

fn events_that_are_recorded_go_with_the_module() {
    start();
    let trace = Trace::start();
    let init = new_ns(echo);
    let inode = inode_of(init.pid, "pid");
    init.check_alive();
    check!(
        trace.events().iter().any(|e| e.is_of("ns", inode)),
        true,
        "a namespace comes"
    );
    init.end();
    trace.life(inode);
    unload_soon();
    drop(trace);
    load_now();
    let trace = Trace::start();
    let init = new_ns(echo);
    let inode = inode_of(init.pid, "pid");
    init.end();
    trace.life(inode);
}

fn counts_go_on_after_a_load() {
    start();
    if !kernel().starts_with("takeover") {
        crate::report::skip("here a namespace keeps the module");
    }
    let init = new_ns(|channel| {
        while let Some(times) = channel.receive_or_end() {
            let member = fork(|_| {
                for _ in 0..times[0] {
                    check!(kill(1, libc::SIGTERM), Ok(()));
                }
            });
            check!(member.wait(), End::Exit(0));
            channel.send(0);
        }
    });
    let inode = inode_of(init.pid, "pid");
    let drop_some = |times: i32| {
        init.send(times);
        init.receive();
    };
    drop_some(3);
    check!(list::of(inode).dropped, 3);
    unload_soon();
    drop_some(5);
    load_now();
    drop_some(2);
    check!(list::of(inode).dropped, 5, "those that the module has seen");
    init.end();
}

fn readers_and_tracers_while_the_module_comes_and_goes() {
    start();
    let pause = || std::thread::sleep(Duration::from_millis(5));
    let reader = fork(|_| loop {
        if let Ok(text) = std::fs::read_to_string(list::PATH) {
            list::parse(&text);
        }
        pause();
    });
    let tracer = fork(|_| loop {
        for state in ["1", "0"] {
            let _ = std::fs::write("/sys/kernel/tracing/events/pidns/enable", state);
            pause();
        }
    });
    let maker = fork(|_| loop {
        let made = Clone::new(NEWPID).attempt();
        check!(matches!(made, Ok(_) | Err(Errno::EINVAL)), true, "{made:?}");
        // Supply mode: only without a namespace can the module go.
        std::thread::sleep(Duration::from_millis(100));
    });
    let until = Instant::now() + storm_seconds(6, 30);
    let mut loads = 0;
    // It is not over before the module has gone once.
    while Instant::now() < until || loads == 0 {
        match unload() {
            Ok(()) => {
                load_now();
                loads += 1;
            }
            Err(e) => check!(e, Errno::EAGAIN, "unload while somebody looks"),
        }
        pause();
    }
    crate::report::note(&format!("{loads} loads"));
    [reader, tracer, maker].into_iter().for_each(Child::end);
}
