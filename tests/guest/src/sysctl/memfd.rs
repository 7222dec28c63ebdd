//! `vm.memfd_noexec`: may memory files be executed? It holds for all namespaces below, too.

use std::io::{Read, Seek, SeekFrom};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;

use nix::errno::Errno;

use crate::harness::Test;
use crate::ns_file::NsFile;
use crate::privilege::{become_nobody, drop_capability, CAP_SYS_ADMIN};
use crate::process::{eventually, fork, new_ns};
use crate::processor::{call32, wants_call32, MAP_LOW};

use super::{get, inside, set};

pub const TESTS: &[Test] = tests![
    the_bounds,
    a_child_inherits,
    a_child_follows_its_parent,
    a_child_cannot_be_laxer,
    a_child_may_be_stricter,
    a_grandchild_follows_too,
    what_the_first_scope_does,
    what_the_second_scope_does,
    what_the_third_scope_does,
    by_the_system_call_of_32_bit_programs,
    a_refusal_is_logged,
    a_member_that_entered_obeys,
    who_may_write,
];

const NAME: &str = "vm/memfd_noexec";

const MFD_ALLOW_SEALING: u32 = 2;
const MFD_NOEXEC_SEAL: u32 = 8;
const MFD_EXEC: u32 = 16;

/// What a new memory file is: whether it may be executed, and its seals.
fn create(flags: u32) -> nix::Result<(bool, i32)> {
    // SAFETY: the name is a string, and the descriptor is new.
    unsafe {
        let fd = libc::syscall(libc::SYS_memfd_create, c"test".as_ptr(), flags);
        Ok(nature(OwnedFd::from_raw_fd(Errno::result(fd)? as i32)))
    }
}

/// The same by the system call of 32-bit programs, with a name that they can point to.
fn create32(flags: u32) -> nix::Result<(bool, i32)> {
    const MEMFD_CREATE: i32 = 356;
    // SAFETY: the mapping is new, as long as is said, and holds an empty string; the descriptor is new.
    unsafe {
        let (access, kind) = (libc::PROT_READ, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
        let name = libc::mmap(std::ptr::null_mut(), 4096, access, kind | MAP_LOW, -1, 0);
        let result = call32(MEMFD_CREATE, [name as u32, flags, 0]);
        libc::munmap(name, 4096);
        Ok(nature(OwnedFd::from_raw_fd(result?)))
    }
}

/// Whether a memory file may be executed, and its seals.
fn nature(file: OwnedFd) -> (bool, i32) {
    let mode = nix::sys::stat::fstat(&file).expect("fstat").st_mode;
    // SAFETY: the call takes no pointers.
    let seals = unsafe { libc::fcntl(file.as_raw_fd(), libc::F_GET_SEALS) };
    (mode & 0o111 != 0, seals)
}

fn the_bounds() {
    inside(|_| {
        check!(get(NAME), 0);
        for wrong in ["-1", "3", "x", "99999999999"] {
            check!(set(NAME, wrong), Err(Errno::EINVAL), "memfd_noexec={wrong}");
        }
        for right in [0, 1, 2, 1, 0] {
            check!(set(NAME, right), Ok(()));
            check!(get(NAME), right);
        }
    });
    check!(get(NAME), 0, "the outer namespace's");
}

fn a_child_inherits() {
    for scope in 0..=2 {
        inside(|_| {
            check!(set(NAME, scope), Ok(()));
            inside(|_| {
                check!(get(NAME), scope);
                inside(|_| check!(get(NAME), scope));
            });
        });
    }
}

fn a_child_follows_its_parent() {
    inside(|_| {
        let child = new_ns(|channel| {
            while channel.receive_or_end().is_some() {
                channel.send(get(NAME));
            }
        });
        for (scope, seen) in [(0, 0), (1, 1), (2, 2), (1, 1), (0, 0)] {
            check!(set(NAME, scope), Ok(()));
            child.send(0);
            check!(
                child.receive(),
                seen,
                "in the child when the parent has {scope}"
            );
        }
    });
}

fn a_child_cannot_be_laxer() {
    inside(|_| {
        check!(set(NAME, 1), Ok(()));
        inside(|_| {
            check!(set(NAME, 0), Err(Errno::EINVAL));
            check!(get(NAME), 1);
            check!(set(NAME, 2), Ok(()));
            check!(set(NAME, 1), Ok(()), "as lax as the parent");
            check!(set(NAME, 0), Err(Errno::EINVAL));
        });
        check!(set(NAME, 0), Ok(()), "the parent itself");
    });
}

fn a_child_may_be_stricter() {
    inside(|_| {
        let child = new_ns(|channel| {
            check!(set(NAME, 2), Ok(()));
            channel.send(0);
            while channel.receive_or_end().is_some() {
                channel.send(get(NAME));
            }
        });
        child.receive();
        for scope in [0, 1, 2, 0] {
            check!(get(NAME) <= 2, true);
            check!(set(NAME, scope), Ok(()));
            check!(get(NAME), scope, "the parent's own");
            child.send(0);
            check!(child.receive(), 2, "the child's");
        }
    });
}

fn a_grandchild_follows_too() {
    inside(|_| {
        let child = new_ns(|channel| {
            let grandchild = new_ns(|channel| {
                while channel.receive_or_end().is_some() {
                    channel.send(get(NAME));
                }
            });
            while channel.receive_or_end().is_some() {
                grandchild.send(0);
                channel.send(grandchild.receive());
            }
        });
        for scope in [0, 2, 1] {
            check!(set(NAME, scope), Ok(()));
            child.send(0);
            check!(child.receive(), scope, "two levels below a {scope}");
        }
    });
}

fn what_the_first_scope_does() {
    inside(|_| {
        check!(create(0), Ok((true, libc::F_SEAL_SEAL)));
        check!(create(MFD_ALLOW_SEALING), Ok((true, 0)));
        check!(create(MFD_EXEC).map(|m| m.0), Ok(true));
        check!(create(MFD_NOEXEC_SEAL).map(|m| m.0), Ok(false));
        check!(create(MFD_EXEC | MFD_NOEXEC_SEAL), Err(Errno::EINVAL));
    });
}

fn what_the_second_scope_does() {
    const F_SEAL_EXEC: i32 = 0x20;
    inside(|_| {
        check!(set(NAME, 1), Ok(()));
        inside(|_| {
            check!(create(0), Ok((false, F_SEAL_EXEC)));
            check!(create(MFD_EXEC).map(|m| m.0), Ok(true));
            check!(create(MFD_NOEXEC_SEAL), Ok((false, F_SEAL_EXEC)));
        });
    });
    check!(create(0).map(|m| m.0), Ok(true), "outside");
}

fn what_the_third_scope_does() {
    inside(|_| {
        inside(|_| {
            check!(set(NAME, 2), Ok(()));
            check!(create(0).map(|m| m.0), Ok(false));
            check!(create(MFD_EXEC), Err(Errno::EACCES));
            check!(create(MFD_NOEXEC_SEAL).map(|m| m.0), Ok(false));
        });
        check!(create(MFD_EXEC).map(|m| m.0), Ok(true), "the parent");
    });
}

fn by_the_system_call_of_32_bit_programs() {
    wants_call32();
    inside(|_| {
        check!(create32(0), create(0));
        check!(create32(MFD_EXEC | MFD_NOEXEC_SEAL), Err(Errno::EINVAL));
        for scope in [1, 2] {
            check!(set(NAME, scope), Ok(()));
            check!(create32(0).map(|m| m.0), Ok(false), "a {scope}");
            for flags in [0, MFD_EXEC, MFD_NOEXEC_SEAL] {
                check!(create32(flags), create(flags), "a {scope}, flags {flags}");
            }
        }
        check!(create32(MFD_EXEC), Err(Errno::EACCES));
    });
}

fn a_refusal_is_logged() {
    let mut options = std::fs::File::options();
    let log = options.read(true).custom_flags(libc::O_NONBLOCK);
    let mut log = log.open("/dev/kmsg").expect("open of /dev/kmsg");
    log.seek(SeekFrom::End(0)).expect("the end of the log");
    let init = new_ns(|channel| {
        check!(set(NAME, 2), Ok(()));
        nix::sys::prctl::set_name(c"insists").expect("PR_SET_NAME");
        while channel.receive_or_end().is_some() {
            check!(create(MFD_EXEC), Err(Errno::EACCES));
            channel.send(0);
        }
    });
    let words = format!(
        "insists[{}]: memfd_create() requires MFD_NOEXEC_SEAL with vm.memfd_noexec=2\n",
        init.pid
    );
    // The kernel logs no more than ten in five seconds, whoever else was refused.
    let record = eventually("a refusal in the log", || {
        init.send(0);
        init.receive();
        let mut record = [0; 8192];
        std::iter::from_fn(|| {
            let length = log.read(&mut record).ok()?;
            Some(String::from_utf8_lossy(&record[..length]).into_owned())
        })
        .find(|record| record.ends_with(&words))
    });
    let (head, text) = record.split_once(';').expect("a record's head");
    check!((head.split(',').next(), text), (Some("3"), words.as_str()));
}

fn a_member_that_entered_obeys() {
    let init = new_ns(|channel| {
        check!(set(NAME, 2), Ok(()));
        channel.send(0);
        channel.receive_or_end();
    });
    init.receive();
    check!(NsFile::of(init.pid).enter(0), Ok(()));
    check!(
        create(MFD_EXEC).map(|m| m.0),
        Ok(true),
        "the caller, who stays outside"
    );
    let member = fork(|channel| {
        check!(create(MFD_EXEC), Err(Errno::EACCES));
        check!(get(NAME), 2);
        channel.send(0);
    });
    member.receive();
}

fn who_may_write() {
    inside(|_| {
        let root = fork(|channel| {
            drop_capability(CAP_SYS_ADMIN);
            check!(set(NAME, 1), Err(Errno::EPERM));
            check!(get(NAME), 0);
            channel.send(0);
        });
        root.receive();
        let nobody = fork(|channel| {
            become_nobody();
            check!(set(NAME, 1), Err(Errno::EACCES));
            check!(get(NAME), 0);
            channel.send(0);
        });
        nobody.receive();
        check!(set(NAME, 1), Ok(()));
        check!(crate::process::unshare(libc::CLONE_NEWUSER), Ok(()));
        check!(
            set(NAME, 2),
            Err(Errno::EPERM),
            "root of a user namespace below"
        );
    });
}
