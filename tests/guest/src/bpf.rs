//! BPF: how a test loads a program, and walks over the kernel's tasks with one.

use std::io::Read;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use nix::errno::Errno;

use crate::btf::Btf;

const LOAD: i32 = 5;
const TEST_RUN: i32 = 10;
const ATTACH: i32 = 17;
const LINK: i32 = 28;
const COUNT: i32 = 32;
const ITERATE: i32 = 33;

const TRACING: u64 = 26;
const ITERATOR: u64 = 28;

/// `bpf(2)`.
fn bpf(command: i32, attributes: &mut [u64]) -> nix::Result<i32> {
    let size = size_of_val(attributes);
    // SAFETY: the attributes are as long as it says; what they point to is live.
    let result = unsafe { libc::syscall(libc::SYS_bpf, command, attributes.as_mut_ptr(), size) };
    Errno::result(result).map(|n| n as i32)
}

fn owned(fd: nix::Result<i32>, what: &str) -> OwnedFd {
    match fd {
        // SAFETY: the kernel has just made this descriptor for us.
        Ok(fd) => unsafe { OwnedFd::from_raw_fd(fd) },
        Err(Errno::ENOSYS) => crate::report::skip("this kernel has no BPF"),
        Err(e) => panic!("{what}: {e}"),
    }
}

/// One instruction: code, registers, offset, value.
pub fn instruction(code: u8, registers: u8, offset: i16, value: i32) -> u64 {
    u64::from(code)
        | u64::from(registers) << 8
        | u64::from(offset as u16) << 16
        | u64::from(value as u32) << 32
}

/// When a program runs that is attached to a function of the kernel.
#[derive(Clone, Copy, Debug)]
pub enum Way {
    Entry = 24,
    Exit = 25,
}

pub struct Program(OwnedFd);

impl Program {
    #[track_caller]
    pub fn load(kind: u64, instructions: &[u64]) -> Program {
        Program::load_to(kind, 0, 0, instructions)
    }

    /// A program for a way of attachment, to a function of the kernel.
    #[track_caller]
    fn load_to(kind: u64, call: u64, function: u32, instructions: &[u64]) -> Program {
        let mut attr = [0; 18];
        attr[0] = kind | (instructions.len() as u64) << 32;
        attr[1] = instructions.as_ptr() as u64;
        attr[2] = c"GPL".as_ptr() as u64;
        attr[8] = call << 32;
        attr[13] = u64::from(function) << 32;
        Program(owned(bpf(LOAD, &mut attr), "load of a program"))
    }

    /// A program for a function of the kernel, which does nothing.
    #[track_caller]
    pub fn at(function: &str, way: Way) -> Program {
        let nothing = [instruction(0xb7, 0, 0, 0), instruction(0x95, 0, 0, 0)];
        let function = Btf::of_the_kernel().function(function);
        Program::load_to(TRACING, way as u64, function, &nothing)
    }

    /// Lets the program of [`Program::at`] run until what is returned is closed.
    pub fn attach(&self) -> nix::Result<OwnedFd> {
        let mut attr = [0, self.0.as_raw_fd() as u64];
        let link = bpf(ATTACH, &mut attr)?;
        // SAFETY: the kernel has just made this descriptor for us.
        Ok(unsafe { OwnedFd::from_raw_fd(link) })
    }

    /// How often it has run while runs were counted.
    #[track_caller]
    pub fn runs(&self) -> u64 {
        let path = format!("/proc/self/fdinfo/{}", self.0.as_raw_fd());
        let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path}: {e}"));
        let mut lines = text.lines();
        let runs = lines.find_map(|l| l.strip_prefix("run_cnt:"));
        let runs = runs.and_then(|n| n.trim().parse().ok());
        runs.unwrap_or_else(|| panic!("no run_cnt in {path}"))
    }

    /// Runs the program on the calling process.
    #[track_caller]
    pub fn run(&self) -> i32 {
        let mut attr = [0; 18];
        attr[0] = self.0.as_raw_fd() as u64;
        check!(bpf(TEST_RUN, &mut attr), Ok(0), "run of a program");
        (attr[0] >> 32) as i32
    }
}

/// Runs of programs are counted until this is closed.
#[track_caller]
pub fn count_runs() -> OwnedFd {
    owned(bpf(COUNT, &mut [0]), "statistics of BPF")
}

/// Which tasks a walk passes: all, or those of the number that its opener has for them.
#[derive(Clone, Copy)]
pub enum Tasks {
    All,
    Thread(i32),
    Process(i32),
}

/// What walks over tasks can be made of.
pub struct Walker {
    link: OwnedFd,
    _program: Program,
}

impl Walker {
    /// The program writes down the number that each task has at the top.
    #[track_caller]
    pub fn over(tasks: Tasks) -> Walker {
        const WRITE: i32 = 127;
        let btf = Btf::of_the_kernel();
        let pid = btf.field("task_struct", "pid") as i16;
        let instructions = [
            instruction(0x79, 0x12, 8, 0),   // r2 = the task
            instruction(0x15, 2, 8, 0),      // none: the end
            instruction(0x61, 0x23, pid, 0), // r3 = its number
            instruction(0x63, 0x3a, -4, 0),  // on the stack
            instruction(0x79, 0x11, 0, 0),   // r1 = what is known of the walk
            instruction(0x79, 0x11, 0, 0),   // r1 = its file
            instruction(0xbf, 0xa2, 0, 0),   // r2 = r10 - 4
            instruction(0x07, 2, 0, -4),
            instruction(0xb7, 3, 0, 4), // r3 = 4
            instruction(0x85, 0, 0, WRITE),
            instruction(0xb7, 0, 0, 0), // r0 = 0
            instruction(0x95, 0, 0, 0),
        ];
        let function = btf.function("bpf_iter_task");
        let program = Program::load_to(TRACING, ITERATOR, function, &instructions);
        let chosen = match tasks {
            Tasks::All => [0, 0],
            Tasks::Thread(number) => [number, 0],
            Tasks::Process(number) => [0, number],
        };
        let mut attr = [
            program.0.as_raw_fd() as u64,
            ITERATOR,
            chosen.as_ptr() as u64,
            size_of_val(&chosen) as u64,
        ];
        let link = owned(bpf(LINK, &mut attr), "link to the iterator of tasks");
        Walker {
            link,
            _program: program,
        }
    }

    /// A walk over the tasks of the caller's namespace.
    #[track_caller]
    pub fn open(&self) -> Walk {
        let mut attr = [self.link.as_raw_fd() as u64];
        Walk(owned(bpf(ITERATE, &mut attr), "iterator").into())
    }
}

/// A walk over tasks; it belongs to its opener's namespace.
pub struct Walk(std::fs::File);

impl Walk {
    pub fn from_fd(fd: OwnedFd) -> Walk {
        Walk(fd.into())
    }

    pub fn fd(&self) -> i32 {
        self.0.as_raw_fd()
    }

    /// The numbers at the top of those that it passes.
    #[track_caller]
    pub fn numbers(&mut self) -> Vec<i32> {
        let mut bytes = Vec::new();
        self.0.read_to_end(&mut bytes).expect("a walk over tasks");
        let numbers = bytes.chunks_exact(4);
        numbers
            .map(|n| i32::from_ne_bytes(n.try_into().expect("four bytes")))
            .collect()
    }
}
