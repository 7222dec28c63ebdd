//! x86-64.

use nix::errno::Errno;
use nix::unistd::Pid;

std::arch::global_asm!(
    ".globl pidns_test_restorer",
    "pidns_test_restorer:",
    "mov eax, 15",
    "syscall"
);
extern "C" {
    /// The end of a handler of ours.
    pub fn pidns_test_restorer();
}

/// How many bytes are patched at a function's entry.
pub const PATCHED: u64 = 5;

/// Whether the module makes a hooked function jump.
pub const JUMPS: bool = true;

/// No instruction at all.
pub fn bad_instruction() {
    // SAFETY: it faults, and nothing else.
    unsafe { std::arch::asm!("ud2") }
}

/// Raises SIGTRAP, and goes on behind it if that is caught.
pub fn breakpoint() {
    // SAFETY: the trap only raises a signal.
    unsafe { std::arch::asm!("int3") }
}

/// What a handler does about a [`breakpoint`] to go on behind it: the processor is there already.
pub fn handler_steps(_: i32, _: *mut libc::siginfo_t, _: *mut libc::c_void) {}

/// What its tracer does about that, if it does not let the signal pass.
pub fn tracer_steps(_: Pid) {}

/// Skips the test where [`call32`] cannot be made: not here.
pub fn wants_call32() {}

/// A mapping to which a 32-bit program can point.
pub const MAP_LOW: i32 = libc::MAP_32BIT;

/// Makes a system call as a 32-bit program would: by a second entry to the kernel.
pub fn call32(number: i32, arguments: [u32; 3]) -> nix::Result<i32> {
    let mut result = number;
    let [first, second, third] = arguments;
    // SAFETY: the kernel checks what it is given; rbx, which the compiler keeps for itself, is put back.
    unsafe {
        std::arch::asm!(
            "xchg {first:r}, rbx",
            "int 0x80",
            "xchg {first:r}, rbx",
            first = inout(reg) u64::from(first) => _,
            inout("eax") result,
            in("ecx") second,
            in("edx") third,
            in("esi") 0,
            out("r8") _,
            out("r9") _,
            out("r10") _,
            out("r11") _,
        );
    }
    if result < 0 {
        Err(Errno::from_raw(-result))
    } else {
        Ok(result)
    }
}
