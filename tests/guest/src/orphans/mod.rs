//! Orphans that an init was given, and does not wait for.

pub mod whose;

use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use nix::errno::Errno;

use crate::channel::Channel;
use crate::harness::{kernel, sample, scale, Test};
use crate::load::{load_now, make_sure, unload_soon};
use crate::mode;
use crate::proc_fs::Proc;
use crate::process::{
    become_subreaper, eventually, fork, has_ended, kill, new_ns, pidfd_open, quit, quit_thread,
    start_threads, wait_for, wait_for_message, wait_for_zombie, wait_nobody, wait_status, Child,
    End,
};
use crate::report::skip;
use crate::signal_capture;
use crate::signal_state;

pub const TESTS: &[Test] = tests![
    one_is_reaped,
    not_without_being_told_to,
    not_outside_such_a_namespace,
    not_if_the_init_says_anything,
    not_while_the_init_waits_for_sigchld,
    who_waits_is_told_that_there_is_none,
    who_waits_gets_another_child,
    one_that_has_died_before,
    one_that_is_traced,
    by_many,
];

/// Of those that load the module anew.
pub const LOADS: &[Test] = tests![300; from_before_the_load, given_while_the_module_was_away];

const STATUS: i32 = 4;

/// A process that ends by a message; its maker has ended.
struct Orphan {
    channel: Channel,
    pid: i32,
}

/// The body of a process that is to become one.
fn wait_and_end(channel: &Channel) {
    channel.receive_or_end();
    quit(STATUS);
}

/// A maker, which ends by a message, and its child.
fn maker() -> (Child, Orphan) {
    let (mine, theirs) = Channel::pair();
    let maker = fork(|channel| {
        let child = fork(|_| wait_and_end(&theirs));
        channel.send(child.pid);
        channel.receive();
        quit(0);
    });
    let pid = maker.receive();
    let orphan = Orphan { channel: mine, pid };
    (maker, orphan)
}

#[track_caller]
fn end_maker(maker: Child) {
    maker.send(0);
    check!(maker.wait(), End::Exit(0), "the maker");
}

#[track_caller]
fn orphan() -> Orphan {
    let (maker, orphan) = maker();
    end_maker(maker);
    orphan
}

impl Orphan {
    #[track_caller]
    fn end_reaped(self) {
        self.channel.send(0);
        gone(self.pid);
    }

    /// The caller can wait for it, whenever it likes.
    #[track_caller]
    fn end_waited_for(self) {
        self.channel.send(0);
        wait_for_zombie(self.pid);
        check!(wait_for(self.pid), End::Exit(STATUS));
    }
}

#[track_caller]
fn gone(pid: i32) {
    eventually("it is reaped", || {
        (kill(pid, 0) == Err(Errno::ESRCH)).then_some(())
    });
}

/// Runs the body of an init that says nothing about SIGCHLD; orphans are to be reaped.
#[track_caller]
fn in_a_namespace(body: impl FnOnce()) {
    if kernel() == "native" {
        skip("mainline's init waits for all of them");
    }
    mode::set_reap_orphans(1);
    let init = new_ns(|_| {
        signal_state::reset();
        body();
    });
    check!(init.wait(), End::Exit(0), "the init");
}

fn one_is_reaped() {
    in_a_namespace(|| {
        orphan().end_reaped();
        check!(wait_nobody(), Err(Errno::ECHILD));
    });
}

fn not_without_being_told_to() {
    in_a_namespace(|| {
        set(0);
        orphan().end_waited_for();
        set(1);
        orphan().end_reaped();
        // It was given when nobody had said so.
        set(0);
        let early = orphan();
        set(1);
        early.end_waited_for();
        let late = orphan();
        set(0);
        late.end_waited_for();
    });
}

/// In the caller's namespace.
fn set(reaped: i32) {
    mode::set_reap_orphans(reaped);
}

fn not_outside_such_a_namespace() {
    in_a_namespace(|| ());
    become_subreaper();
    orphan().end_waited_for();
}

fn not_if_the_init_says_anything() {
    in_a_namespace(|| {
        signal_state::block(libc::SIGCHLD);
        orphan().end_waited_for();
        signal_state::unblock(libc::SIGCHLD);
        orphan().end_reaped();
        signal_capture::capture(&[libc::SIGCHLD]);
        orphan().end_waited_for();
        signal_state::set_default(libc::SIGCHLD);
        orphan().end_reaped();
        // As in mainline.
        let orphan = orphan();
        signal_state::ignore(libc::SIGCHLD);
        orphan.end_reaped();
    });
}

/// Meanwhile it does not block it.
fn not_while_the_init_waits_for_sigchld() {
    in_a_namespace(|| {
        signal_state::block(libc::SIGCHLD);
        for _ in 0..scale(20, 5) {
            let orphan = orphan();
            let (number, channel) = (orphan.pid, orphan.channel.into_fd());
            let channel: &'static OwnedFd = Box::leak(Box::new(channel));
            let last = start_threads(1, move |_| {
                std::thread::sleep(Duration::from_millis(20));
                nix::unistd::write(channel, &[0; 4]).expect("the message");
                quit_thread(0);
            });
            let set = signal_state::sigset(libc::SIGCHLD);
            // SAFETY: the pointer is to a live set.
            let taken = unsafe { libc::sigwaitinfo(&set, std::ptr::null_mut()) };
            check!(Errno::result(taken), Ok(libc::SIGCHLD), "sigwaitinfo");
            check!(wait_for(number), End::Exit(STATUS));
            drop(last);
        }
    });
}

/// It does not wait for ever.
fn who_waits_is_told_that_there_is_none() {
    in_a_namespace(|| {
        for by_number in [false, true] {
            let orphan = orphan();
            let number = if by_number { orphan.pid } else { -1 };
            let end = Box::leak(Box::new(orphan.channel));
            start_threads(1, |_| {
                std::thread::sleep(Duration::from_millis(100));
                end.send(0);
            });
            // SAFETY: a null pointer is none.
            let waited = unsafe { libc::waitpid(number, std::ptr::null_mut(), 0) };
            check!(
                Errno::result(waited),
                Err(Errno::ECHILD),
                "waitpid({number})"
            );
        }
    });
}

fn who_waits_gets_another_child() {
    in_a_namespace(|| {
        let (orphan, child) = (orphan(), fork(wait_and_end));
        let pid = child.pid;
        let orphan: &'static Orphan = Box::leak(Box::new(orphan));
        let child: &'static Channel = Box::leak(Box::new(child.channel));
        start_threads(1, move |_| {
            orphan.channel.send(0);
            gone(orphan.pid);
            child.send(0);
        });
        check!(wait_status(-1, 0), (pid, STATUS << 8));
    });
}

fn one_that_has_died_before() {
    in_a_namespace(|| {
        let (maker, zombie) = maker();
        zombie.channel.send(0);
        let proc = Proc::mount();
        eventually("a zombie", || {
            (proc.stat(&zombie.pid.to_string()).state == 'Z').then_some(())
        });
        end_maker(maker);
        gone(zombie.pid);
    });
}

fn one_that_is_traced() {
    use nix::sys::ptrace;
    in_a_namespace(|| {
        let orphan = orphan();
        let number = orphan.pid;
        let tracer = fork(|channel| {
            let traced = nix::unistd::Pid::from_raw(number);
            ptrace::seize(traced, ptrace::Options::empty()).expect("PTRACE_SEIZE");
            channel.send(0);
            // It is the tracer's to see first.
            check!(wait_for(number), End::Exit(STATUS));
        });
        tracer.receive();
        orphan.channel.send(0);
        check!(tracer.wait(), End::Exit(0), "the tracer");
        gone(number);
        // By the init itself: it waits for its tracee.
        let orphan = self::orphan();
        let traced = nix::unistd::Pid::from_raw(orphan.pid);
        ptrace::seize(traced, ptrace::Options::empty()).expect("PTRACE_SEIZE");
        orphan.channel.send(0);
        check!(wait_for(orphan.pid), End::Exit(STATUS));
    });
}

fn by_many() {
    in_a_namespace(|| {
        let count = sample(2000, 800, 300);
        for _ in 0..count / 20 {
            let maker = fork(|_| {
                for _ in 0..20 {
                    fork(|_| ());
                }
            });
            check!(maker.wait(), End::Exit(0));
        }
        eventually("no child is left", || {
            (wait_nobody() == Err(Errno::ECHILD)).then_some(())
        });
    });
}

/// Takeover mode: an init from before the load.
fn with_an_old_init(body: impl FnOnce(&Child)) {
    make_sure();
    if !kernel().starts_with("takeover") {
        skip("here a namespace keeps the module");
    }
    unload_soon();
    let init = new_ns(|channel| {
        signal_state::reset();
        let (maker, orphan) = maker();
        channel.send(0);
        channel.receive();
        end_maker(maker);
        channel.send(0);
        channel.receive();
        let (ended, number) = (pidfd_open(orphan.pid).expect("pidfd_open"), orphan.pid);
        orphan.channel.send(0);
        channel.receive();
        eventually("the orphan ends", || has_ended(&ended).then_some(()));
        // Who is reaped goes an instant after that.
        let gone = || kill(number, 0).is_err();
        let until = Instant::now() + Duration::from_millis(300);
        while !gone() && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(10));
        }
        let left = !gone();
        if left {
            check!(wait_for(orphan.pid), End::Exit(STATUS));
        }
        channel.send(left.into());
        wait_for_message(channel);
    });
    init.receive();
    body(&init);
    init.end();
}

fn from_before_the_load() {
    with_an_old_init(|init| {
        load_now();
        mode::set_reap_orphans(1);
        init.send(0);
        init.receive();
        init.send(0);
        std::thread::sleep(Duration::from_millis(200));
        init.send(0);
        check!(init.receive(), 0, "whether it is left");
    });
}

/// Nobody knows that it was given.
fn given_while_the_module_was_away() {
    with_an_old_init(|init| {
        init.send(0);
        init.receive();
        load_now();
        mode::set_reap_orphans(1);
        init.send(0);
        std::thread::sleep(Duration::from_millis(200));
        init.send(0);
        check!(init.receive(), 1, "whether it is left");
    });
}
