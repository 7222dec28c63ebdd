// SPDX-License-Identifier: GPL-2.0

//! As much of QEMU's plugin interface as is used here (`qemu-plugin.h`): functions of the program that loads the plugin.

use std::ffi::{c_char, c_int, c_uint, c_void};

/// A block of guest code that is being translated.
#[repr(C)]
pub struct Block([u8; 0]);

/// An instruction of one.
#[repr(C)]
pub struct Instruction([u8; 0]);

pub type Id = u64;
pub type ExecCallback = unsafe extern "C" fn(c_uint, *mut c_void);
pub type MemoryCallback = unsafe extern "C" fn(c_uint, c_uint, u64, *mut c_void);

/// A callback looks at no registers.
pub const NO_REGISTERS: c_int = 0;
/// Memory that is written.
pub const WRITES: c_int = 2;

extern "C" {
    pub fn qemu_plugin_register_vcpu_tb_trans_cb(
        id: Id,
        callback: unsafe extern "C" fn(Id, *mut Block),
    );
    pub fn qemu_plugin_register_atexit_cb(
        id: Id,
        callback: unsafe extern "C" fn(Id, *mut c_void),
        data: *mut c_void,
    );
    pub fn qemu_plugin_tb_n_insns(block: *const Block) -> usize;
    pub fn qemu_plugin_tb_vaddr(block: *const Block) -> u64;
    pub fn qemu_plugin_tb_get_insn(block: *const Block, index: usize) -> *mut Instruction;
    pub fn qemu_plugin_register_vcpu_tb_exec_cb(
        block: *mut Block,
        callback: ExecCallback,
        registers: c_int,
        data: *mut c_void,
    );
    pub fn qemu_plugin_register_vcpu_mem_cb(
        instruction: *mut Instruction,
        callback: MemoryCallback,
        registers: c_int,
        which: c_int,
        data: *mut c_void,
    );
    pub fn qemu_plugin_outs(text: *const c_char);
}
