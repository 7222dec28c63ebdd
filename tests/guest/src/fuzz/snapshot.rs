//! What the world's own /proc shows of every task in it.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::rc::Rc;

use nix::fcntl::OFlag;
use nix::sys::stat::Mode;

use crate::proc_fs::Proc;

/// One task.
pub struct Task {
    /// Its file `status`: to read it anew takes less than to open it.
    file: Rc<File>,
    /// The text that it was read from.
    text: String,
    pub process: i32,
    pub state: char,
    /// All that is printed of it.
    pub line: String,
    pub ignored: u64,
    pub caught: u64,
    pub blocked: u64,
    /// Its parent's number and its tracer's, or 0.
    pub parent: i32,
    pub tracer: i32,
    pub threads: i32,
}

/// All tasks by their numbers in the world's namespace.
#[derive(Default)]
pub struct Snapshot(pub BTreeMap<i32, Rc<Task>>);

impl Snapshot {
    /// Only of the tasks that were there before; nothing, if one of them has gone, or has other threads.
    pub fn again(before: &Snapshot) -> Option<Snapshot> {
        let mut tasks = BTreeMap::new();
        for (number, known) in &before.0 {
            let task = known.again()?;
            if task.threads != known.threads {
                return None;
            }
            tasks.insert(*number, task);
        }
        Some(Snapshot(tasks))
    }

    /// An error, if a process goes away meanwhile. What has not changed is taken from the one before.
    pub fn take(proc: &Proc, before: &Snapshot) -> nix::Result<Snapshot> {
        let mut tasks = BTreeMap::new();
        let read = |process: i32, task: i32, path: String| -> nix::Result<Rc<Task>> {
            let known = before.0.get(&task).filter(|t| t.process == process);
            if let Some(task) = known.and_then(|known| known.again()) {
                return Ok(task);
            }
            let file = proc.open(&path, OFlag::O_RDONLY)?;
            let text = text_of(&file).ok_or(nix::errno::Errno::ESRCH)?;
            Ok(Rc::new(Task::read(process, Rc::new(file), text)))
        };
        for process in numbers(proc, ".")? {
            let leader = read(process, process, format!("{process}/status"))?;
            if leader.threads > 1 {
                for thread in numbers(proc, &format!("{process}/task"))? {
                    let path = format!("{process}/task/{thread}/status");
                    tasks.insert(thread, read(process, thread, path)?);
                }
            }
            tasks.insert(process, leader);
        }
        Ok(Snapshot(tasks))
    }

    /// Whether each task waits for something that does not come by itself. An init that waits for the last of its
    /// namespace is idle (I).
    pub fn is_quiet(&self) -> bool {
        let waits =
            |t: &Task| "STtZI".contains(t.state) || t.state == 'D' && self.waits_for_tracer(t);
        self.0.values().all(|task| waits(task))
    }

    /// Whether a task that executes a program, or dumps core, waits for another thread that a tracer holds: stopped at
    /// its end, or dead and not yet waited for.
    fn waits_for_tracer(&self, task: &Task) -> bool {
        let mut others = self.0.values().filter(|t| t.process == task.process);
        others.any(|t| t.tracer != 0 && "tZ".contains(t.state))
    }

    /// A line for each task that is new, different or gone.
    pub fn changes(&self, before: &Snapshot) -> Vec<String> {
        let mut lines = Vec::new();
        for (number, task) in &self.0 {
            if before.0.get(number).is_none_or(|t| t.line != task.line) {
                lines.push(format!("  {}/{number} {}", task.process, task.line));
            }
        }
        for (number, task) in &before.0 {
            if !self.0.contains_key(number) {
                lines.push(format!("  {}/{number} gone", task.process));
            }
        }
        lines
    }
}

/// What a file has now; nothing, if its task has gone.
fn text_of(file: &File) -> Option<String> {
    let mut text = vec![0; 4096];
    let length = file.read_at(&mut text, 0).ok()?;
    text.truncate(length);
    String::from_utf8(text).ok()
}

impl Task {
    /// What it is now; itself, if nothing has changed.
    fn again(self: &Rc<Task>) -> Option<Rc<Task>> {
        let text = text_of(&self.file)?;
        Some(if text == self.text {
            self.clone()
        } else {
            Rc::new(Task::read(self.process, self.file.clone(), text))
        })
    }

    fn read(process: i32, file: Rc<File>, text: String) -> Task {
        let fields: BTreeMap<&str, &str> = text.lines().filter_map(|l| l.split_once(':')).collect();
        let field = |name: &str| fields.get(name).map_or("-", |value| value.trim());
        let mask = |name: &str| u64::from_str_radix(field(name), 16).unwrap_or(0);
        let numbers = |name: &str| {
            let words = field(name).split_whitespace();
            words.collect::<Vec<_>>().join(",")
        };
        let mut line = field("State")[..1].to_string();
        for name in ["Tgid", "Pid", "PPid", "TracerPid", "Threads"] {
            line += &format!(" {name}={}", field(name));
        }
        for name in ["NStgid", "NSpid", "NSpgid", "NSsid"] {
            line += &format!(" {name}={}", numbers(name));
        }
        for name in ["SigPnd", "ShdPnd", "SigBlk", "SigIgn", "SigCgt"] {
            line += &format!(" {name}={:x}", mask(name));
        }
        line += &format!(" Uid={}", field("Uid").split('\t').next().unwrap_or("-"));
        let number = |name: &str| field(name).parse().unwrap_or(0);
        Task {
            file,
            process,
            state: field("State").chars().next().unwrap_or('?'),
            line,
            ignored: mask("SigIgn"),
            caught: mask("SigCgt"),
            blocked: mask("SigBlk"),
            parent: number("PPid"),
            tracer: number("TracerPid"),
            threads: number("Threads"),
            text,
        }
    }
}

/// The names in a directory of /proc that are numbers, in order.
fn numbers(proc: &Proc, path: &str) -> nix::Result<Vec<i32>> {
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    let root = proc.fd();
    // SAFETY: the descriptor of the mount is live for as long as the mount is borrowed.
    let root = unsafe { std::os::fd::BorrowedFd::borrow_raw(root) };
    let mut dir = nix::dir::Dir::openat(root, path, flags, Mode::empty())?;
    let mut numbers = Vec::new();
    for entry in dir.iter() {
        if let Ok(number) = entry?.file_name().to_string_lossy().parse() {
            numbers.push(number);
        }
    }
    numbers.sort_unstable();
    Ok(numbers)
}
