//! A small model of the rule: what one signal does to an init that is not stopped and not traced, and has one
//! thread. Written from docs/SIGNALS.md, and from `pid_namespaces(7)` for mainline.

/// Who sends, as the init sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sender {
    Inside,
    /// It names itself.
    Itself,
    Ancestor,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disposition {
    Default,
    Ignored,
    Handler,
}

/// What becomes of the init.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    Lives,
    Ends,
    Stops,
}

/// What the signal does, or nothing where it depends on more than this (whether a group is orphaned).
pub fn effect(
    two_sided: bool,
    sender: Sender,
    signal: i32,
    disposition: Disposition,
    blocked: bool,
) -> Option<Effect> {
    let forced = matches!(signal, libc::SIGKILL | libc::SIGSTOP);
    let is_protected = match sender {
        Sender::Inside => true,
        Sender::Itself => forced || !two_sided,
        Sender::Ancestor => !forced && !two_sided,
    };
    if is_protected || signal == 0 {
        return Some(Effect::Lives);
    }
    if !forced && (blocked || disposition != Disposition::Default) {
        return Some(Effect::Lives);
    }
    match signal {
        libc::SIGSTOP => Some(Effect::Stops),
        libc::SIGTSTP | libc::SIGTTIN | libc::SIGTTOU => None,
        libc::SIGCHLD | libc::SIGCONT | libc::SIGURG | libc::SIGWINCH => Some(Effect::Lives),
        _ => Some(Effect::Ends),
    }
}
