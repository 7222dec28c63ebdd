//! Every sender, call, signal, disposition and mask against an init of one or four threads, traced
//! or not: what comes of each, and what the table says.

mod cell;
mod init;
mod observer;
mod table;

use crate::harness::{is_full, kernel, scale, Test};
use crate::mode;
use crate::process::{fork, Child};
use crate::report::{complain, note};
use cell::{Cell, Effect, Outcome};
use observer::{Init, Observer};

pub const TESTS: &[Test] = tests![1500; as_mainline, two_sided];

const WORKERS: usize = 4;
/// Every which cell is played.
const SAMPLE: usize = 23;
/// The same where there is nothing but what the table copies.
const SAMPLE_OF_MAINLINE: usize = 11;
/// The same where mainline's verdict acts by two settings.
const SAMPLE_OF_EACH: usize = 47;
/// How many wrong cells a worker tells about, and after how many it gives up.
const TELL: usize = 5;
const GIVE_UP: usize = 50;

/// On bare mainline this proves the table, elsewhere that the module changes nothing.
fn as_mainline() {
    let step = match kernel() {
        "native" => SAMPLE_OF_MAINLINE,
        kernel if kernel.starts_with("takeover") => SAMPLE_OF_EACH,
        _ => SAMPLE,
    };
    mode::each_as_mainline(|| run(table::mainline, step));
}

fn two_sided() {
    mode::two_sided();
    run(table::two_sided, SAMPLE);
}

/// Plays every `step`th cell, and far fewer on a debug kernel; all of them if that is wanted. No dimension is
/// a multiple of a step.
fn run(table: fn(&Cell) -> Outcome, step: usize) {
    let step = if is_full() { 1 } else { scale(step, 97) };
    let shapes: Vec<Vec<Cell>> = cell::shapes().into_iter().map(cell::cells).collect();
    let all: usize = shapes.iter().map(Vec::len).sum();
    let workers: Vec<Child> = (0..WORKERS)
        .map(|worker| fork(|channel| channel.send(work(worker, step, &shapes, table))))
        .collect();
    let ran: i32 = workers.iter().map(Child::receive).sum();
    note(&format!("{ran} of {all} cells"));
}

/// Plays a worker's part of each shape's cells; returns how many those were.
fn work(worker: usize, step: usize, shapes: &[Vec<Cell>], table: fn(&Cell) -> Outcome) -> i32 {
    let place = format!("/tmp/matrix-{worker}");
    let _ = std::fs::create_dir(&place);
    std::env::set_current_dir(&place).expect("chdir");
    use nix::sys::resource::{setrlimit, Resource, RLIM_INFINITY};
    setrlimit(Resource::RLIMIT_CORE, RLIM_INFINITY, RLIM_INFINITY).expect("RLIMIT_CORE");
    // Cores without memory are quickly written.
    std::fs::write("/proc/self/coredump_filter", "0").expect("coredump_filter");
    let mut observer = Observer::new();
    let (mut ran, mut wrong) = (0, 0);
    for cells in shapes {
        let mut init: Option<Init> = None;
        for cell in cells.iter().step_by(step).skip(worker).step_by(WORKERS) {
            let mut living = init.take().unwrap_or_else(|| Init::start(cell.shape));
            let seen = observer.play(&mut living, cell);
            ran += 1;
            let last = seen.then.unwrap_or(seen.first).effect;
            if !matches!(last, Effect::Killed { .. } | Effect::Silence) {
                init = Some(living);
            } else if last == Effect::Silence {
                living.kill();
            }
            let want = table(cell);
            if seen != want {
                wrong += 1;
                if wrong <= TELL {
                    complain(&format!("{cell:?}: expected {want:?}, saw {seen:?}"));
                }
            }
            if wrong >= GIVE_UP {
                complain(&format!("a worker gives up after {ran} cells"));
                return ran;
            }
        }
        if let Some(init) = init {
            init.kill();
        }
    }
    ran
}
