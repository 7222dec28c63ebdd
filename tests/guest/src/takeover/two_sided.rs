//! Namespaces from before, during and after.

use nix::errno::Errno;

use super::{attack, check_one_sided, check_two_sided, live, new_init, start};
use crate::harness::Test;
use crate::load::{
    check_load_beside_starved, hooked, load, load_now, load_with, unload, unload_soon,
};
use crate::mode;
use crate::proc_fs::Proc;
use crate::process::{fork, kill, new_ns, sleeping_thread, Child, End};
use crate::signal_state;

pub const TESTS: &[Test] = tests![900;
    inits_from_before_the_load_get_two_sides,
    nested_inits_from_before_the_load_get_two_sides,
    an_unload_leaves_one_side,
    an_unload_leaves_mainlines_verdict_on_threads,
    sides_come_and_go,
    a_second_load_is_refused,
    a_load_with_mainlines_verdict,
    a_load_with_a_wrong_parameter_is_refused,
    a_load_without_direct_jumps,
    no_function_stays_hooked,
    ftrace_cannot_be_switched_off,
    a_load_does_not_wait_for_a_starved_task,
    files_go_with_the_module,
];

fn inits_from_before_the_load_get_two_sides() {
    start();
    unload_soon();
    let inits = [1, 4].map(new_init);
    inits.iter().for_each(check_one_sided);
    load_now();
    inits.into_iter().for_each(check_two_sided);
    [1, 4].map(new_init).into_iter().for_each(check_two_sided);
}

fn nested_inits_from_before_the_load_get_two_sides() {
    start();
    unload_soon();
    let outer = new_ns(|channel| {
        let inner = new_init(1);
        check_one_sided(&inner);
        channel.send(0);
        channel.receive();
        check_two_sided(inner);
        live(channel, 1);
    });
    outer.receive();
    load_now();
    outer.send(0);
    check_two_sided(outer);
}

fn an_unload_leaves_one_side() {
    start();
    let inits = [1, 4].map(new_init);
    check!(unload(), Ok(()), "unload with inits");
    inits.iter().for_each(check_one_sided);
    check_one_sided(&new_init(1));
    inits.into_iter().for_each(Child::end);
    load_now();
}

fn an_unload_leaves_mainlines_verdict_on_threads() {
    start();
    let init = new_ns(|channel| {
        sleeping_thread();
        signal_state::block(40);
        loop {
            channel.send(0);
            channel.receive();
            let attacker = fork(|_| check!(kill(1, 40), Ok(())));
            check!(attacker.wait(), End::Exit(0));
        }
    });
    init.receive();
    init.send(0);
    init.receive();
    check!(unload(), Ok(()));
    init.send(0);
    check!(
        init.wait(),
        End::Killed(40),
        "the end of an init of which one thread can take a signal from inside"
    );
    load_now();
}

fn sides_come_and_go() {
    start();
    let lasting = new_init(1);
    for _ in 0..10 {
        check!(unload(), Ok(()));
        check_one_sided(&lasting);
        let init = new_init(4);
        load_now();
        attack(&lasting);
        check_two_sided(init);
    }
    check_two_sided(lasting);
}

fn a_second_load_is_refused() {
    start();
    let init = new_init(1);
    check!(load(), Err(Errno::EEXIST));
    check_two_sided(init);
}

fn a_load_with_mainlines_verdict() {
    start();
    let init = new_init(1);
    check!(unload(), Ok(()));
    check!(load_with(c"two_sided_init=0"), Ok(()));
    check!(mode::get(), 0);
    check_one_sided(&init);
    mode::set(1);
    check_two_sided(init);
    check!(unload(), Ok(()));
    load_now();
    check!(mode::get(), 1, "the mode does not outlast the module");
}

fn a_load_with_a_wrong_parameter_is_refused() {
    start();
    unload_soon();
    let init = new_init(1);
    check!(load_with(c"two_sided_init=perhaps"), Err(Errno::EINVAL));
    check!(unload(), Err(Errno::ENOENT), "the module is not there");
    check!(hooked(), 0);
    check_one_sided(&init);
    load_now();
    check_two_sided(init);
}

fn a_load_without_direct_jumps() {
    start();
    unload_soon();
    for _ in 0..3 {
        let init = new_init(4);
        check!(load_with(c"direct=0"), Ok(()));
        check!(hooked() > 0, true, "functions are hooked");
        attack(&init);
        check_two_sided(new_init(1));
        check!(unload(), Ok(()));
        check!(hooked(), 0, "functions that stay hooked");
        check_one_sided(&init);
    }
    load_now();
}

/// Half of the hooks would be worse than none. A kernel of 7.3 lets nobody do that any more, whatever is hooked.
fn ftrace_cannot_be_switched_off() {
    start();
    let (proc, before) = (Proc::at("/proc"), hooked());
    let said = proc.write("sys/kernel/ftrace_enabled", "0");
    let refused = [Err(Errno::EBUSY), Err(Errno::EOPNOTSUPP)];
    check!(refused.contains(&said), true, "a write of 0: {said:?}");
    check!(
        proc.read("sys/kernel/ftrace_enabled")
            .expect("ftrace_enabled")
            .trim(),
        "1"
    );
    check!(hooked(), before, "hooked functions");
}

fn a_load_does_not_wait_for_a_starved_task() {
    start();
    check!(unload(), Ok(()));
    check_load_beside_starved();
}

fn no_function_stays_hooked() {
    start();
    let init = new_init(1);
    for _ in 0..3 {
        check!(hooked() > 0, true, "functions are hooked");
        check!(unload(), Ok(()));
        check!(hooked(), 0, "functions that stay hooked");
        load_now();
    }
    check_two_sided(init);
}

fn files_go_with_the_module() {
    use std::io::{Read, Seek};
    use std::path::Path;
    start();
    let mut file = std::fs::File::open(mode::PATH).expect("open of the sysctl");
    unload_soon();
    for path in [
        mode::PATH,
        "/sys/kernel/tracing/events/pidns",
        "/sys/kernel/debug/pidns",
        "/sys/module/pidns",
    ] {
        check!(Path::new(path).exists(), false, "{path}");
    }
    for loaded in [false, true] {
        file.rewind().expect("seek");
        let read = file.read(&mut [0; 16]).map_err(|e| e.raw_os_error());
        check!(
            read,
            Err(Some(libc::ENOENT)),
            "the sysctl of an earlier load, loaded: {loaded}"
        );
        if !loaded {
            load_now();
        }
    }
    check!(mode::is_there(), true);
}
