//! What the handlers of an agent have seen.

use std::sync::atomic::{AtomicI32, AtomicPtr, Ordering::SeqCst};

use crate::processor::handler_steps;

#[repr(C)]
pub struct Record {
    pub count: AtomicI32,
    pub signal: AtomicI32,
    pub code: AtomicI32,
    pub pid: AtomicI32,
}

static OWN: Record = Record {
    count: AtomicI32::new(0),
    signal: AtomicI32::new(0),
    code: AtomicI32::new(0),
    pid: AtomicI32::new(0),
};

static RECORD: AtomicPtr<Record> = AtomicPtr::new((&raw const OWN).cast_mut());

impl Record {
    /// Makes one record for this process and for all its later children, which see what each writes.
    pub fn share() -> &'static Record {
        // SAFETY: new memory, all zero, which is a valid record and is never unmapped.
        unsafe {
            let memory = libc::mmap(
                std::ptr::null_mut(),
                size_of::<Record>(),
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED | libc::MAP_ANONYMOUS,
                -1,
                0,
            );
            check!(memory != libc::MAP_FAILED, true, "mmap");
            RECORD.store(memory.cast(), SeqCst);
        }
        Record::of_this_process()
    }

    pub fn of_this_process() -> &'static Record {
        // SAFETY: either the static record or the shared memory, which is never unmapped.
        unsafe { &*RECORD.load(SeqCst) }
    }

    /// How often handlers have run.
    pub fn runs(&self) -> i32 {
        self.count.load(SeqCst)
    }
}

pub extern "C" fn handler(signal: i32, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    handler_steps(signal, info, context);
    let record = Record::of_this_process();
    record.signal.store(signal, SeqCst);
    // SAFETY: the kernel passes a valid siginfo.
    unsafe {
        record.code.store((*info).si_code, SeqCst);
        record.pid.store((*info).si_pid(), SeqCst);
    }
    record.count.fetch_add(1, SeqCst);
}
