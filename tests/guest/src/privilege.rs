//! Giving privileges away.

use nix::errno::Errno;
use nix::unistd::{setresgid, setresuid, Gid, Uid};

use crate::clone::{Clone, NEWPID};
use crate::proc_fs::Proc;
use crate::process::{eventually, unshare, wait_for_message, Child};

pub const CAP_SYS_ADMIN: u32 = 21;
pub const CAP_SYS_BOOT: u32 = 22;
pub const CAP_CHECKPOINT_RESTORE: u32 = 40;

/// The user that owns nothing.
pub const NOBODY: u32 = 65534;

/// Becomes a user without any privilege.
#[track_caller]
pub fn become_nobody() {
    setresgid(
        Gid::from_raw(NOBODY),
        Gid::from_raw(NOBODY),
        Gid::from_raw(NOBODY),
    )
    .expect("setresgid");
    setresuid(
        Uid::from_raw(NOBODY),
        Uid::from_raw(NOBODY),
        Uid::from_raw(NOBODY),
    )
    .expect("setresuid");
}

/// Becomes a user without any privilege, who is root of a user namespace of its own.
#[track_caller]
pub fn become_user_with_namespace() {
    const USER: u32 = 1000;
    let (user, group) = (Uid::from_raw(USER), Gid::from_raw(USER));
    setresgid(group, group, group).expect("setresgid");
    setresuid(user, user, user).expect("setresuid");
    // Else its own files in procfs belong to root.
    nix::sys::prctl::set_dumpable(true).expect("PR_SET_DUMPABLE");
    check!(
        unshare(libc::CLONE_NEWUSER),
        Ok(()),
        "unshare(CLONE_NEWUSER)"
    );
    map_to_root(&Proc::at("/proc"), USER);
}

/// Gives up every capability but these.
#[track_caller]
pub fn keep_only(capabilities: &[u32]) {
    set_capabilities(capabilities.iter().fold(0, |mask, c| mask | 1 << c));
}

/// Gives up one capability.
#[track_caller]
pub fn drop_capability(capability: u32) {
    set_capabilities(((1u64 << (CAP_CHECKPOINT_RESTORE + 1)) - 1) & !(1 << capability));
}

fn set_capabilities(mask: u64) {
    const VERSION_3: u32 = 0x2008_0522;
    let header = [VERSION_3, 0];
    let (low, high) = (mask as u32, (mask >> 32) as u32);
    let data = [low, low, 0, high, high, 0];
    // SAFETY: header and data have the layout that this version of the call wants.
    let set =
        Errno::result(unsafe { libc::syscall(libc::SYS_capset, header.as_ptr(), data.as_ptr()) });
    check!(set, Ok(0), "capset");
}

/// Moves the caller into a user namespace that allows `most` pid namespaces at a time.
#[track_caller]
pub fn limit_pid_namespaces(proc: &Proc, most: u32) {
    check!(
        unshare(libc::CLONE_NEWUSER),
        Ok(()),
        "unshare(CLONE_NEWUSER)"
    );
    check!(
        proc.write("sys/user/max_pid_namespaces", &most.to_string()),
        Ok(()),
        "max_pid_namespaces"
    );
}

/// Waits until there is room for `count` more pid namespaces; there must not be room for one more than that.
///
/// Those made so far are held meanwhile: a namespace counts for a grace period longer than it lives, so that
/// one that were made to try would take the room from the next attempt.
#[track_caller]
pub fn await_room_for_pid_namespaces(what: &str, count: usize) {
    let mut made: Vec<Child> = Vec::new();
    eventually(what, || {
        while made.len() <= count {
            match Clone::new(NEWPID).start(wait_for_message) {
                Ok(child) => made.push(child),
                Err(_) => break,
            }
        }
        (made.len() >= count).then_some(())
    });
    check!(made.len(), count, "{what}");
    made.into_iter().for_each(Child::end);
}

/// Makes the caller's user and group known as 0 in its own user namespace.
#[track_caller]
pub fn become_mapped_root(proc: &Proc) {
    map_to_root(proc, 0);
}

#[track_caller]
fn map_to_root(proc: &Proc, number: u32) {
    let map = format!("0 {number} 1");
    for (file, text) in [
        ("uid_map", map.as_str()),
        ("setgroups", "deny"),
        ("gid_map", map.as_str()),
    ] {
        check!(proc.write(&format!("self/{file}"), text), Ok(()), "{file}");
    }
}
