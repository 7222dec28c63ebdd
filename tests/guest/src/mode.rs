//! The two verdicts on what reaches an init from outside: mainline's, and the two-sided one.

use crate::harness::kernel;
use crate::report::skip;

pub const PATH: &str = "/proc/sys/kernel/pidns_two_sided_init";

pub const MAINLINE: i32 = 0;
const TWO_SIDED: i32 = 1;
/// Mainline's verdict, and what the other would have been is told.
pub const TELL: i32 = 2;

/// Whether both verdicts are there to choose from: the module is loaded.
pub fn is_there() -> bool {
    std::path::Path::new(PATH).exists()
}

/// The mode that the kernel is in.
#[track_caller]
pub fn get() -> i32 {
    let text = std::fs::read_to_string(PATH).unwrap_or_else(|e| panic!("{PATH}: {e}"));
    text.trim().parse().expect("a number")
}

#[track_caller]
pub fn set(mode: i32) {
    std::fs::write(PATH, mode.to_string()).unwrap_or_else(|e| panic!("{PATH}={mode}: {e}"));
}

pub const GRACE: &str = "/proc/sys/kernel/pidns_grace_ms";
/// What a test begins with. The module begins with more: who dies slowly, or blocks what ends its init, is not waited for here.
const SHORT_GRACE: i32 = 100;

/// How many milliseconds the members have when their init was ended from outside.
#[track_caller]
pub fn set_grace(ms: i32) {
    std::fs::write(GRACE, ms.to_string()).unwrap_or_else(|e| panic!("{GRACE}={ms}: {e}"));
}

const TERMINAL: &str = "/proc/sys/kernel/pidns_terminal";

/// Whether what somebody outside has typed counts as from there.
#[track_caller]
pub fn set_terminal(counts: i32) {
    std::fs::write(TERMINAL, counts.to_string()).unwrap_or_else(|e| panic!("{TERMINAL}: {e}"));
}

const REAP_ORPHANS: &str = "/proc/sys/kernel/pidns_reap_orphans";

/// Whether orphans that nobody waits for are reaped.
#[track_caller]
pub fn set_reap_orphans(reaped: i32) {
    std::fs::write(REAP_ORPHANS, reaped.to_string())
        .unwrap_or_else(|e| panic!("{REAP_ORPHANS}: {e}"));
}

/// Asks for mainline's verdict; bare mainline has no other. In takeover mode by the rule that also tells what the other
/// would have been: it must act as mainline's.
#[track_caller]
pub fn as_mainline() {
    if is_there() {
        set(if kernel().starts_with("takeover") {
            TELL
        } else {
            MAINLINE
        });
    }
}

/// Calls it with each setting by which mainline's verdict acts.
#[track_caller]
pub fn each_as_mainline(mut play: impl FnMut()) {
    let settings: &[i32] = match kernel() {
        "native" => return play(),
        kernel if kernel.starts_with("takeover") => &[MAINLINE, TELL],
        _ => &[MAINLINE],
    };
    for &setting in settings {
        set(setting);
        play();
    }
}

/// Asks for the two-sided verdict, or skips the test on bare mainline.
#[track_caller]
pub fn two_sided() {
    if kernel() == "native" {
        skip("mainline's init has one side");
    }
    set(TWO_SIDED);
}

/// Puts the mode back that every test begins with.
pub fn restore() {
    if is_there() {
        set(TWO_SIDED);
        set_grace(SHORT_GRACE);
        set_terminal(1);
        set_reap_orphans(0);
    }
}
