//! Signals that the kernel makes: timers, faults, limits.

use nix::errno::Errno;

use crate::harness::Test;
use crate::process::{echo, fork, new_ns, sleep_for_ever, touch_null, Child, End};
use crate::processor::{bad_instruction, breakpoint};
use crate::send_signal::send_by_timer;
use crate::signal_capture;
use crate::signal_state;

pub const TESTS: &[Test] = tests![
    an_alarm_with_the_default_action,
    an_alarm_with_a_handler,
    a_timer_with_the_default_action,
    a_timer_with_a_handler,
    an_alarm_kills_a_member,
    a_null_pointer_ends_init,
    a_bad_instruction_ends_init,
    a_breakpoint_ends_init,
    a_fault_that_is_blocked_ends_init,
    a_fault_with_a_handler,
    a_fault_ends_the_whole_namespace,
    a_fault_of_a_member_ends_it_alone,
    a_broken_pipe,
    a_file_too_large,
    too_much_processor_time_kills_init,
    strict_seccomp_kills_init,
    a_seccomp_filter_kills_init,
];

/// Lets the alarm go off soon, again and again, and waits until it has.
fn let_the_alarm_go_off() {
    // The kernel says 0 for less than a microsecond as well, but hardly five times.
    for _ in 0..5 {
        // SAFETY: the pointers are to live timers.
        unsafe {
            let mut timer: libc::itimerval = std::mem::zeroed();
            timer.it_value.tv_usec = 1000;
            check!(
                libc::setitimer(libc::ITIMER_REAL, &timer, std::ptr::null_mut()),
                0
            );
            while timer.it_value.tv_sec != 0 || timer.it_value.tv_usec != 0 {
                check!(libc::getitimer(libc::ITIMER_REAL, &mut timer), 0);
            }
        }
    }
}

fn an_alarm_with_the_default_action() {
    let init = new_ns(|channel| {
        let_the_alarm_go_off();
        echo(channel);
    });
    init.check_alive();
}

fn an_alarm_with_a_handler() {
    let init = new_ns(|channel| {
        signal_capture::capture(&[libc::SIGALRM]);
        let_the_alarm_go_off();
        let caught = signal_capture::next();
        channel.send_all(&[caught.signal, caught.code, caught.pid]);
    });
    check!(
        init.receive_all(),
        [libc::SIGALRM, libc::SI_KERNEL, 0],
        "signal, si_code and si_pid"
    );
}

fn a_timer_with_the_default_action() {
    let init = new_ns(|channel| {
        for signal in [
            libc::SIGALRM,
            libc::SIGTERM,
            libc::SIGKILL,
            libc::SIGSTOP,
            34,
        ] {
            send_by_timer(signal);
        }
        echo(channel);
    });
    init.check_alive();
}

fn a_timer_with_a_handler() {
    let init = new_ns(|channel| {
        signal_capture::capture(&[34]);
        send_by_timer(34);
        let caught = signal_capture::next();
        channel.send_all(&[caught.signal, caught.code]);
    });
    check!(
        init.receive_all(),
        [34, libc::SI_TIMER],
        "signal and si_code"
    );
}

fn an_alarm_kills_a_member() {
    let init = new_ns(|channel| {
        let member = fork(|_| {
            let_the_alarm_go_off();
            sleep_for_ever();
        });
        check!(
            member.wait(),
            End::Killed(libc::SIGALRM),
            "the end of a member"
        );
        echo(channel);
    });
    init.check_alive();
}

/// An init that forks a member and then does something deadly.
fn init_that(deed: fn()) -> Child {
    new_ns(move |_| {
        fork(|_| sleep_for_ever());
        deed();
    })
}

fn a_null_pointer_ends_init() {
    check!(init_that(touch_null).wait(), End::Killed(libc::SIGSEGV));
}

fn a_bad_instruction_ends_init() {
    let init = init_that(bad_instruction);
    check!(init.wait(), End::Killed(libc::SIGILL));
}

fn a_breakpoint_ends_init() {
    let init = init_that(breakpoint);
    check!(init.wait(), End::Killed(libc::SIGTRAP));
}

fn a_fault_that_is_blocked_ends_init() {
    let init = init_that(|| {
        signal_state::block(libc::SIGSEGV);
        touch_null();
    });
    check!(init.wait(), End::Killed(libc::SIGSEGV));
}

fn a_fault_with_a_handler() {
    let init = new_ns(|channel| {
        signal_capture::capture(&[libc::SIGTRAP]);
        breakpoint();
        channel.send(signal_capture::next().signal);
        echo(channel);
    });
    check!(init.receive(), libc::SIGTRAP);
    init.check_alive();
}

fn a_fault_ends_the_whole_namespace() {
    let (mine, theirs) = crate::channel::Channel::pair();
    let init = new_ns(|_| {
        let inner = new_ns(|channel| {
            fork(|_| sleep_for_ever());
            channel.send(0);
            sleep_for_ever();
        });
        inner.receive();
        touch_null();
    });
    drop(theirs);
    check!(init.wait(), End::Killed(libc::SIGSEGV));
    mine.receive_end();
}

fn a_fault_of_a_member_ends_it_alone() {
    let init = new_ns(|channel| {
        let member = fork(|_| touch_null());
        check!(
            member.wait(),
            End::Killed(libc::SIGSEGV),
            "the end of a member"
        );
        echo(channel);
    });
    init.check_alive();
}

fn a_broken_pipe() {
    let init = new_ns(|channel| {
        let write_to_nobody = || {
            signal_state::set_default(libc::SIGPIPE);
            let (read_end, write_end) = nix::unistd::pipe().expect("pipe");
            drop(read_end);
            nix::unistd::write(&write_end, b"x").map(drop)
        };
        check!(
            write_to_nobody(),
            Err(Errno::EPIPE),
            "init's write to a pipe without a reader"
        );
        let member = fork(|_| {
            let _ = write_to_nobody();
        });
        check!(
            member.wait(),
            End::Killed(libc::SIGPIPE),
            "the end of a member"
        );
        echo(channel);
    });
    init.check_alive();
}

fn a_file_too_large() {
    use nix::sys::resource::{setrlimit, Resource};
    let init = new_ns(|channel| {
        let file = nix::sys::memfd::memfd_create(c"large", nix::sys::memfd::MFdFlags::empty())
            .expect("memfd");
        setrlimit(Resource::RLIMIT_FSIZE, 10, 10).expect("RLIMIT_FSIZE");
        check!(
            nix::unistd::ftruncate(&file, 11),
            Err(Errno::EFBIG),
            "init's file beyond its limit"
        );
        let member = fork(|_| {
            let _ = nix::unistd::ftruncate(&file, 11);
        });
        check!(
            member.wait(),
            End::Killed(libc::SIGXFSZ),
            "the end of a member"
        );
        echo(channel);
    });
    init.check_alive();
}

fn too_much_processor_time_kills_init() {
    use nix::sys::resource::{setrlimit, Resource};
    let init = init_that(|| {
        setrlimit(Resource::RLIMIT_CPU, 1, 1).expect("RLIMIT_CPU");
        loop {
            std::hint::spin_loop();
        }
    });
    check!(init.wait(), End::Killed(libc::SIGKILL));
}

fn strict_seccomp_kills_init() {
    let init = init_that(|| {
        // SAFETY: the calls take no pointers; the second is forbidden by the first.
        unsafe {
            libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_STRICT);
            libc::getppid();
        }
    });
    check!(init.wait(), End::Killed(libc::SIGKILL));
}

fn a_seccomp_filter_kills_init() {
    let init = init_that(|| {
        const RETURN: u16 = 0x06;
        let mut filter = [libc::sock_filter {
            code: RETURN,
            jt: 0,
            jf: 0,
            k: libc::SECCOMP_RET_KILL_PROCESS,
        }];
        let program = libc::sock_fprog {
            len: 1,
            filter: filter.as_mut_ptr(),
        };
        // SAFETY: the program and its filter are live.
        unsafe {
            libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &program);
            libc::getppid();
        }
    });
    check!(init.wait(), End::Killed(libc::SIGSYS));
}
