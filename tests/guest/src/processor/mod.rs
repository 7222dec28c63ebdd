//! What differs between processors: instructions that fault, the return of a handler, system calls of 32-bit programs.

#[cfg_attr(target_arch = "aarch64", path = "aarch64.rs")]
#[cfg_attr(target_arch = "x86_64", path = "x86_64.rs")]
mod own;

pub use own::{
    bad_instruction, breakpoint, call32, handler_steps, pidns_test_restorer, tracer_steps,
    wants_call32, JUMPS, MAP_LOW, PATCHED,
};
