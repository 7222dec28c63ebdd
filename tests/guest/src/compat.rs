//! The system calls of 32-bit programs: a second entry to the kernel.

use nix::errno::Errno;

/// Makes a system call as a 32-bit program would.
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
