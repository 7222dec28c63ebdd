// SPDX-License-Identifier: GPL-2.0

//! The settings of the module: numbers, of which every namespace has its own.
//!
//! A namespace of which nobody has said anything has its parent's, whatever that is at the moment; the initial one begins with
//! a parameter of the module's. So what its root says acts everywhere at once, but where somebody has said otherwise.
//!
//! What is said stays while the module is away: one that is loaded later must find each number where it was.

use crate::{
    bindings,
    imports::kernel_fn,
    module,
    object::PidNs,
    sysctl::{
        handler,
        table,
        Access,
        Header,
        Table, //
    },
};
use core::{
    borrow::Borrow,
    sync::atomic::Ordering, //
};
use kernel::{
    prelude::*,
    sync::atomic::{
        Atomic,
        Relaxed, //
    },
};

/// By which rule signals to inits are judged: `kernel.pidns_two_sided_init`.
pub(crate) static RULE: Setting = Setting::new("two_sided_init", RULES);
const RULES: Range = Range::from(0, 2);

/// Whether what somebody outside has typed at an init's terminal counts as from there: `kernel.pidns_terminal`.
pub(crate) static TERMINAL: Setting = Setting::new("terminal", TERMINALS);
const TERMINALS: Range = Range::from(RULES.behind(), 1);

/// `kernel.pidns_grace_ms`. At most an hour.
pub(crate) static GRACE_MS: Setting = Setting::new("grace_ms", GRACES);
const GRACES: Range = Range::from(TERMINALS.behind(), 3_600_000);

/// Whether an orphan that nobody waits for is reaped when it ends: `kernel.pidns_reap_orphans`.
pub(crate) static REAP_ORPHANS: Setting = Setting::new("reap_orphans", ORPHANS);
const ORPHANS: Range = Range::from(GRACES.behind(), 1);
const _: () = assert!(ORPHANS.behind() <= u32::BITS);

/// Whether a signal that had its default action on an init is recorded in the audit log: `kernel.pidns_audit`. Of the machine.
#[cfg(CONFIG_AUDIT)]
static AUDIT: Setting = Setting::new("audit", Range::of_machine(1));

/// The rule that holds in a namespace. Each signal is judged by the answer of one moment when it is sent, and of another
/// when it is taken.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Rule {
    Mainline,
    /// A signal from outside acts on an init as on any process.
    TwoSided,
    /// Mainline's acts, and what is told and counted is what the other one would have done.
    Tell,
}

impl Rule {
    /// Mainline's while the module comes or goes: nobody could wait for the members then, and a load may still be refused.
    #[inline]
    pub(super) fn of(ns: &PidNs) -> Self {
        match RULE.of(ns) {
            _ if !module::is_live() => Self::Mainline,
            0 => Self::Mainline,
            1 => Self::TwoSided,
            _ => Self::Tell,
        }
    }
}

/// Whether inits have two sides.
#[inline]
pub(super) fn is_two_sided(ns: &PidNs) -> bool {
    Rule::of(ns) == Rule::TwoSided
}

/// Whether an orphan that the init of `ns` was given, and says nothing about, is reaped when it ends.
#[inline]
pub(super) fn reaps_orphans(ns: &PidNs) -> bool {
    REAP_ORPHANS.of(ns) != 0
}

#[cfg(CONFIG_AUDIT)]
#[inline]
pub(super) fn is_audited() -> bool {
    AUDIT.initial.load(Relaxed) != 0
}

/// How long the members of `ns` may take to end by themselves when a signal from outside has ended its init, in
/// milliseconds; 0 is not at all, as in mainline.
#[inline]
pub(super) fn grace_ms(ns: &PidNs) -> u32 {
    GRACE_MS.of(ns)
}

/// Numbers from 0 on, and where they lie in [`super::kept::Kept::settings`]: each as one more, so that 0 says nothing.
#[derive(Clone, Copy)]
struct Range {
    shift: u32,
    most: u32,
}

impl Range {
    const fn from(shift: u32, most: u32) -> Self {
        Self { shift, most }
    }

    /// No namespace has its own.
    #[cfg(CONFIG_AUDIT)]
    const fn of_machine(most: u32) -> Self {
        Self::from(u32::BITS, most)
    }

    const fn is_of_machine(self) -> bool {
        self.shift == u32::BITS
    }

    /// How many bits a number and nothing take.
    const fn bits(self) -> u32 {
        u32::BITS - (self.most + 1).leading_zeros()
    }

    /// Where the next can lie.
    const fn behind(self) -> u32 {
        self.shift + self.bits()
    }

    /// What `word` says, if it does.
    #[inline]
    fn of(self, word: u32) -> Option<u32> {
        let mask = (1 << self.bits()) - 1;
        (word >> self.shift & mask).checked_sub(1)
    }

    /// `word`, saying this `value`, or nothing.
    fn put(self, word: u32, value: Option<u32>) -> u32 {
        let mask = ((1 << self.bits()) - 1) << self.shift;
        word & !mask | value.map_or(0, |value| value + 1) << self.shift
    }
}

/// A number that is a setting.
pub(crate) struct Setting {
    /// The parameter, if there is one.
    name: &'static str,
    range: Range,
    /// Of the initial namespace.
    initial: Atomic<u32>,
}

impl Setting {
    const fn new(name: &'static str, range: Range) -> Self {
        let initial = Atomic::new(0);
        Self {
            name,
            range,
            initial,
        }
    }

    /// What holds in `ns`. If RCU alone keeps that, the answer is right if it has a reference left afterwards. Any context.
    #[inline]
    pub(crate) fn of(&self, ns: &PidNs) -> u32 {
        let mut ns = ns;
        while let Some(parent) = ns.parent() {
            let word = ns.kept().settings.load(Ordering::Acquire);
            if let Some(value) = self.range.of(word) {
                return value;
            }
            ns = parent;
        }
        self.initial.load(Relaxed)
    }

    /// Says it of `ns`; nothing is said of the initial namespace only by mistake. Any context.
    fn set(&self, ns: &PidNs, value: Option<u32>) {
        if ns.is_initial() {
            self.initial.store(value.unwrap_or(0), Relaxed);
            return;
        }
        let settings = &ns.kept().settings;
        let _ = settings.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |word| {
            Some(self.range.put(word, value))
        });
    }

    /// Checks and sets what the module is loaded with: a parameter has that itself (7.3), or a reference to it.
    ///
    /// # Errors
    ///
    /// `EINVAL` if it is out of range; the log says so.
    pub(crate) fn begin(&self, value: impl Borrow<u32>) -> Result {
        let value = *value.borrow();
        if value > self.range.most {
            let (name, most) = (self.name, self.range.most);
            pr_err!("not loaded: {name} is {value}, and at most {most}\n");
            return Err(EINVAL);
        }
        self.initial.store(value, Relaxed);
        Ok(())
    }
}

/// The sysctls; dropping takes them away, when nobody is in them any more.
pub(crate) struct Settings {
    _header: Header,
}

impl Settings {
    /// May sleep.
    ///
    /// # Errors
    ///
    /// `ENOMEM`, with a line in the log.
    pub(crate) fn register() -> Result<Self> {
        Ok(Self {
            _header: Header::register(c"kernel", TABLES)?,
        })
    }
}

static TABLES: &[Table] = &[
    sysctl(c"pidns_two_sided_init", &RULE),
    sysctl(c"pidns_terminal", &TERMINAL),
    sysctl(c"pidns_grace_ms", &GRACE_MS),
    sysctl(c"pidns_reap_orphans", &REAP_ORPHANS),
    #[cfg(CONFIG_AUDIT)]
    sysctl(c"pidns_audit", &AUDIT),
];

/// Everybody may read it, and try to write it: who is admin of the namespace's owner decides, which the file's mode cannot
/// say (as of `kernel.ns_last_pid`).
const fn sysctl(name: &'static CStr, setting: &'static Setting) -> Table {
    table(name, 0o666, number).about(setting).for_admins()
}

handler! {
    /// What holds in the namespace of the current task. Whoever is admin of its owner may set it, and has opened it as that.
    number, access
}

fn access(access: &Access, ns: &PidNs) -> c_int {
    // SAFETY: Every table with this handler is made above.
    let setting: &Setting = unsafe { access.about() };
    let is_own = !setting.range.is_of_machine() || ns.is_initial();
    let is_admin = || kernel_fn::ns_capable(ns.user_ns(), bindings::CAP_SYS_ADMIN as c_int);
    let allowed = || is_own && is_admin();
    // Below nothing is the parent's.
    let least = if ns.is_initial() { 0 } else { -1 };
    let range = (least, setting.range.most as c_int);
    let of = if setting.range.is_of_machine() {
        PidNs::initial()
    } else {
        ns
    };
    access.of(allowed, setting.of(of) as c_int, range, |value| {
        setting.set(ns, u32::try_from(value).ok());
    })
}
