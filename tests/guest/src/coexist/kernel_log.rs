//! What the kernel says, from a moment on.

use std::fs::File;
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;

pub struct KernelLog(File);

impl KernelLog {
    #[track_caller]
    pub fn from_now() -> KernelLog {
        let mut options = File::options();
        let file = options
            .read(true)
            .custom_flags(libc::O_NONBLOCK)
            .open("/dev/kmsg");
        let mut file = file.expect("/dev/kmsg");
        file.seek(SeekFrom::End(0)).expect("its end");
        KernelLog(file)
    }

    /// What the module has said since the last question.
    #[track_caller]
    pub fn of_the_module(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        let mut record = [0; 2048];
        loop {
            match self.0.read(&mut record) {
                Ok(length) => {
                    let text = String::from_utf8_lossy(&record[..length]);
                    let line = text.lines().next().unwrap_or_default();
                    let said = line.split_once(';').map_or("", |(_, said)| said);
                    lines.extend(said.strip_prefix("pidns: ").map(str::to_string));
                }
                // Lines were overwritten before they were read.
                Err(e) if e.kind() == ErrorKind::BrokenPipe => {}
                Err(e) if e.kind() == ErrorKind::WouldBlock => return lines,
                Err(e) => panic!("/dev/kmsg: {e}"),
            }
        }
    }
}
