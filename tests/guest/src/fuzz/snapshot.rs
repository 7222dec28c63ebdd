//! What the world's own /proc shows of the tasks in it.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::rc::Rc;

use nix::errno::Errno;
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
    line: String,
    pub ignored: u64,
    pub caught: u64,
    pub blocked: u64,
    /// Its parent's number and its tracer's, or 0.
    pub parent: i32,
    pub tracer: i32,
    pub threads: i32,
}

/// Tasks by their numbers in the world's namespace.
#[derive(Clone, Default)]
pub struct Snapshot(pub BTreeMap<i32, Rc<Task>>);

impl Snapshot {
    /// All tasks. An error, if a process goes away meanwhile. What has not changed is taken from the one before.
    pub fn take(proc: &Proc, before: &Snapshot) -> nix::Result<Snapshot> {
        let mut tasks = BTreeMap::new();
        for process in numbers(proc, ".")? {
            let leader = before.read(proc, process, process)?;
            if leader.threads > 1 {
                for thread in numbers(proc, &format!("{process}/task"))? {
                    tasks.insert(thread, before.read(proc, process, thread)?);
                }
            }
            tasks.insert(process, leader);
        }
        Ok(Snapshot(tasks))
    }

    /// Reads one task anew, which may have gone.
    pub fn look_at(&mut self, proc: &Proc, process: i32, task: i32) -> Option<&Task> {
        match self.read(proc, process, task) {
            Ok(read) => self.0.insert(task, read),
            Err(_) => self.0.remove(&task),
        };
        self.0.get(&task).map(|t| &**t)
    }

    fn read(&self, proc: &Proc, process: i32, task: i32) -> nix::Result<Rc<Task>> {
        let known = self.0.get(&task).filter(|t| t.process == process);
        if let Some(task) = known.and_then(Task::again) {
            return Ok(task);
        }
        let path = if task == process {
            format!("{process}/status")
        } else {
            format!("{process}/task/{task}/status")
        };
        let file = proc.open(&path, OFlag::O_RDONLY)?;
        let text = text_of(&file, |text| text.to_string());
        let text = text.ok_or(Errno::ESRCH)?;
        Ok(Rc::new(Task::new(process, Rc::new(file), text)))
    }

    /// Whether each task waits for something that does not come by itself. One that waits for what only the kernel can
    /// know (D) does so if a tracer holds another thread, and it has waited since the snapshot before.
    pub fn is_quiet(&self, before: &Snapshot) -> bool {
        let has_waited = |number: &i32, task: &Task| {
            let known = before.0.get(number);
            known.is_some_and(|known| known.text == task.text)
        };
        self.0.iter().all(|(number, task)| {
            let held = || self.waits_for_tracer(task) && has_waited(number, task);
            task.is_quiet() || task.state == 'D' && held()
        })
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
            let known = before.0.get(number);
            if known.is_none_or(|t| !Rc::ptr_eq(t, task) && t.line != task.line) {
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

/// Hands over what a file has now; nothing, if its task has gone.
fn text_of<T>(file: &File, take: impl FnOnce(&str) -> T) -> Option<T> {
    let mut text = [0; 4096];
    let length = file.read_at(&mut text, 0).ok()?;
    std::str::from_utf8(&text[..length]).ok().map(take)
}

/// The fields that are printed.
const PRINTED: &[&str] = &[
    "Tgid",
    "Pid",
    "PPid",
    "TracerPid",
    "Uid",
    "NStgid",
    "NSpid",
    "NSpgid",
    "NSsid",
    "Threads",
    "SigPnd",
    "ShdPnd",
    "SigBlk",
    "SigIgn",
    "SigCgt",
];

impl Task {
    /// What it is now; itself, if nothing has changed.
    fn again(self: &Rc<Task>) -> Option<Rc<Task>> {
        let changed = text_of(&self.file, |text| {
            (text != self.text).then(|| text.to_string())
        });
        Some(match changed? {
            None => self.clone(),
            Some(text) => Rc::new(Task::new(self.process, self.file.clone(), text)),
        })
    }

    /// Whether it waits for something that does not come by itself. An init that waits for the last of its
    /// namespace is idle (I).
    pub fn is_quiet(&self) -> bool {
        "STtZI".contains(self.state)
    }

    fn new(process: i32, file: Rc<File>, text: String) -> Task {
        let mut task = Task {
            file,
            text: String::new(),
            process,
            state: '?',
            line: String::new(),
            ignored: 0,
            caught: 0,
            blocked: 0,
            parent: 0,
            tracer: 0,
            threads: 0,
        };
        for (name, value) in text.lines().filter_map(|l| l.split_once(":\t")) {
            task.take(name, value);
        }
        task.text = text;
        task
    }

    fn take(&mut self, name: &str, value: &str) {
        let mask = || u64::from_str_radix(value, 16).unwrap_or(0);
        let number = || value.parse().unwrap_or(0);
        match name {
            "State" => {
                self.state = value.chars().next().unwrap_or('?');
                self.line.push(self.state);
            }
            "PPid" => self.parent = number(),
            "TracerPid" => self.tracer = number(),
            "Threads" => self.threads = number(),
            "SigBlk" => self.blocked = mask(),
            "SigIgn" => self.ignored = mask(),
            "SigCgt" => self.caught = mask(),
            _ => {}
        }
        if PRINTED.contains(&name) {
            self.line.extend([" ", name, "="]);
            let digits = if name.starts_with("S") {
                value.trim_start_matches('0')
            } else {
                value
            };
            let mut words = digits.split_whitespace();
            self.line.extend(words.next());
            words.for_each(|word| self.line.extend([",", word]));
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
