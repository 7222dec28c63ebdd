// SPDX-License-Identifier: GPL-2.0

//! Counts where the instructions of a guest with one processor go, for `scripts/profile`.
//!
//! Arguments: `mark=ADDRESS`, of a kernel function that the guest calls at the beginning and at the end of each region that
//! is counted; `lock=ADDRESS`, of a spinlock; `out=FILE`. For each region the file has a line `region`, a line
//! `lock HOLDS INSTRUCTIONS`, of how long the lock was held, and lines `block ADDRESS INSTRUCTIONS`.
//!
//! A block that an interrupt ends early counts as a whole.

mod qemu;

use qemu::{Block, Id};
use std::{
    collections::BTreeMap,
    ffi::{c_char, c_int, c_uint, c_void, CStr},
    fmt::Write,
    sync::{
        atomic::{AtomicU64, Ordering},
        Mutex, PoisonError,
    },
};

/// The version of the interface: QEMU 9 wants 2 at least, and QEMU 7 and 8 know no other than 1.
#[no_mangle]
pub static qemu_plugin_version: c_int = if option_env!("PIDNS_PLUGIN_VERSION").is_some() {
    2
} else {
    1
};

/// The first address that may be the kernel's.
const KERNEL: u64 = 1 << 63;

/// Code, and what became of it.
struct Counted {
    address: u64,
    instructions: u64,
    /// In this region.
    executed: u64,
}

#[derive(Default)]
struct Counter {
    mark: u64,
    out: String,
    /// All code that was translated, by numbers that are handed out to the callbacks.
    blocks: Vec<Counted>,
    /// All instructions that were executed, and those of the block that is.
    executed: u64,
    in_block: u64,
    is_counting: bool,
    /// When the lock was written to last, and when it was taken.
    written: Option<u64>,
    taken: Option<u64>,
    holds: u64,
    held: u64,
    report: String,
}

/// Where the lock is.
static LOCK: AtomicU64 = AtomicU64::new(0);

static COUNTER: Mutex<Option<Counter>> = Mutex::new(None);

/// The counter; there is one from the installation on.
fn with<R: Default>(f: impl FnOnce(&mut Counter) -> R) -> R {
    let mut counter = COUNTER.lock().unwrap_or_else(PoisonError::into_inner);
    counter.as_mut().map(f).unwrap_or_default()
}

impl Counter {
    fn execute(&mut self, block: usize) {
        let counted = &mut self.blocks[block];
        if counted.address == self.mark {
            self.is_counting = !self.is_counting;
            if !self.is_counting {
                self.end_region();
            }
        }
        let counted = &mut self.blocks[block];
        self.executed += counted.instructions;
        self.in_block = counted.instructions;
        if self.is_counting {
            counted.executed += 1;
        }
    }

    /// The instruction with this number in its block has written to the lock.
    fn write_lock(&mut self, index: u64) {
        let now = self.executed - self.in_block + index;
        // One that reads and writes is told twice.
        if self.written.replace(now) == Some(now) {
            return;
        }
        match self.taken.take() {
            None => self.taken = Some(now),
            Some(taken) if self.is_counting => {
                self.holds += 1;
                self.held += now - taken;
            }
            Some(_) => {}
        }
    }

    fn end_region(&mut self) {
        let mut sums: BTreeMap<u64, u64> = BTreeMap::new();
        for block in &mut self.blocks {
            let executed = std::mem::take(&mut block.executed);
            if executed != 0 {
                *sums.entry(block.address).or_default() += executed * block.instructions;
            }
        }
        let report = &mut self.report;
        // Writing to a string does not fail.
        let _ = writeln!(report, "region\nlock {} {}", self.holds, self.held);
        for (address, instructions) in sums {
            let _ = writeln!(report, "block {address:#x} {instructions}");
        }
        (self.holds, self.held) = (0, 0);
    }
}

unsafe extern "C" fn translate(_: Id, block: *mut Block) {
    // SAFETY: QEMU's block is there for the length of this call; the callbacks get numbers, and not pointers.
    unsafe {
        let address = qemu::qemu_plugin_tb_vaddr(block);
        let instructions = qemu::qemu_plugin_tb_n_insns(block);
        let number = with(|counter| {
            counter.blocks.push(Counted {
                address,
                instructions: instructions as u64,
                executed: 0,
            });
            counter.blocks.len() - 1
        });
        let number = number as *mut c_void;
        qemu::qemu_plugin_register_vcpu_tb_exec_cb(block, execute, qemu::NO_REGISTERS, number);
        if address < KERNEL {
            return;
        }
        for index in 0..instructions {
            let instruction = qemu::qemu_plugin_tb_get_insn(block, index);
            let (registers, index) = (qemu::NO_REGISTERS, index as *mut c_void);
            qemu::qemu_plugin_register_vcpu_mem_cb(
                instruction,
                write,
                registers,
                qemu::WRITES,
                index,
            );
        }
    }
}

unsafe extern "C" fn execute(_: c_uint, block: *mut c_void) {
    with(|counter| counter.execute(block as usize));
}

unsafe extern "C" fn write(_: c_uint, _: c_uint, address: u64, index: *mut c_void) {
    if address == LOCK.load(Ordering::Relaxed) {
        with(|counter| counter.write_lock(index as u64));
    }
}

unsafe extern "C" fn finish(_: Id, _: *mut c_void) {
    let (out, report) = with(|counter| (counter.out.clone(), std::mem::take(&mut counter.report)));
    if let Err(error) = std::fs::write(&out, report) {
        say(&format!("{out}: {error}\n\0"));
    }
}

fn say(text: &str) {
    if let Ok(text) = CStr::from_bytes_until_nul(text.as_bytes()) {
        // SAFETY: The text is live, and ends with a zero.
        unsafe { qemu::qemu_plugin_outs(text.as_ptr()) };
    }
}

/// An argument `name=value`.
fn argument<'a>(arguments: &[&'a str], name: &str) -> Option<&'a str> {
    arguments.iter().find_map(|argument| {
        let (known, value) = argument.split_once('=')?;
        (known == name).then_some(value)
    })
}

fn counter(arguments: &[&str]) -> Option<Counter> {
    let address = |name| {
        let digits = argument(arguments, name)?;
        u64::from_str_radix(digits.trim_start_matches("0x"), 16).ok()
    };
    LOCK.store(address("lock")?, Ordering::Relaxed);
    Some(Counter {
        mark: address("mark")?,
        out: argument(arguments, "out")?.to_string(),
        ..Counter::default()
    })
}

/// Begins. Other than 0 if an argument is missing.
///
/// # Safety
///
/// QEMU's: `argv` has `argc` strings.
#[no_mangle]
pub unsafe extern "C" fn qemu_plugin_install(
    id: Id,
    _info: *const c_void,
    argc: c_int,
    argv: *const *const c_char,
) -> c_int {
    // SAFETY: The caller's promise.
    let arguments: Vec<&str> = (0..argc as usize)
        .filter_map(|index| unsafe { CStr::from_ptr(*argv.add(index)).to_str().ok() })
        .collect();
    let Some(counter) = counter(&arguments) else {
        say("pidns-count wants mark=ADDRESS,lock=ADDRESS,out=FILE\n\0");
        return 1;
    };
    *COUNTER.lock().unwrap_or_else(PoisonError::into_inner) = Some(counter);
    // SAFETY: The callbacks have these types, and stay as long as the plugin.
    unsafe {
        qemu::qemu_plugin_register_vcpu_tb_trans_cb(id, translate);
        qemu::qemu_plugin_register_atexit_cb(id, finish, std::ptr::null_mut());
    }
    0
}
