//! arm64.

use nix::errno::Errno;
use nix::sys::ptrace::{self, regset::NT_PRSTATUS};
use nix::unistd::Pid;

use crate::report::skip;

std::arch::global_asm!(
    ".globl pidns_test_restorer",
    "pidns_test_restorer:",
    "mov x8, #139",
    "svc #0"
);
extern "C" {
    /// The end of a handler of ours.
    pub fn pidns_test_restorer();
}

/// How many bytes are patched at a function's entry: two instructions.
pub const PATCHED: u64 = 2 * INSTRUCTION;

/// Whether the module makes a hooked function jump.
pub const JUMPS: bool = false;

/// No instruction at all.
pub fn bad_instruction() {
    // SAFETY: it faults, and nothing else.
    unsafe { std::arch::asm!("udf #0") }
}

/// Raises SIGTRAP. Whoever catches it is to step over it ([`handler_steps`]).
pub fn breakpoint() {
    // SAFETY: the trap only raises a signal.
    unsafe { std::arch::asm!("brk #0") }
}

/// How long an instruction is.
const INSTRUCTION: u64 = 4;

/// What a handler does about a [`breakpoint`] to go on behind it.
pub fn handler_steps(signal: i32, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // SAFETY: the kernel gives a handler both.
    unsafe {
        if signal == libc::SIGTRAP && (*info).si_code == libc::TRAP_BRKPT {
            (*context.cast::<libc::ucontext_t>()).uc_mcontext.pc += INSTRUCTION;
        }
    }
}

/// What its tracer does about that, if it does not let the signal pass.
pub fn tracer_steps(stopped: Pid) {
    let mut registers = ptrace::getregset::<NT_PRSTATUS>(stopped).expect("registers");
    registers.pc += INSTRUCTION;
    ptrace::setregset::<NT_PRSTATUS>(stopped, registers).expect("registers");
}

/// Skips the test: a 64-bit program cannot do as a 32-bit one, whose system calls come by the same functions.
pub fn wants_call32() {
    skip("32-bit programs come by the same functions");
}

/// Nowhere special.
pub const MAP_LOW: i32 = 0;

/// Cannot be made.
pub fn call32(_number: i32, _arguments: [u32; 3]) -> nix::Result<i32> {
    Err(Errno::ENOSYS)
}
