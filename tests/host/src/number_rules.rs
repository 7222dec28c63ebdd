// SPDX-License-Identifier: GPL-2.0

//! Which number a task may have.

use crate::number::{choose, init_first, next, Refusal, Request, RESERVED_PIDS};
use std::collections::BTreeSet;

#[test]
fn a_chosen_number_is_between_1_and_pid_max() {
    for pid_max in [1, 2, 301, 32768, 1 << 22] {
        for nr in [
            i32::MIN,
            -1,
            0,
            1,
            2,
            pid_max - 1,
            pid_max,
            pid_max + 1,
            i32::MAX,
        ] {
            let expected = if (1..pid_max).contains(&nr) {
                Ok(Request::Exactly(nr))
            } else {
                Err(Refusal::OutOfRange)
            };
            assert_eq!(choose(nr, pid_max), expected, "{nr} of {pid_max}");
        }
    }
}

#[test]
fn the_reserved_numbers_are_given_once() {
    for cursor in 0..=2 * RESERVED_PIDS as u32 {
        let min = if cursor <= 300 { 1 } else { 300 };
        assert_eq!(next(cursor, 32768), Request::Next { min, max: 32768 });
    }
    assert_eq!(
        next(u32::MAX, 1 << 22),
        Request::Next {
            min: 300,
            max: 1 << 22
        }
    );
}

#[test]
fn a_table_without_room_means_what_was_asked() {
    assert_eq!(Request::Exactly(7).no_room(), Refusal::InUse);
    assert_eq!(Request::Next { min: 1, max: 2 }.no_room(), Refusal::Full);
}

#[test]
fn the_first_number_is_1() {
    for nr in [1, 2, 300] {
        assert_eq!(init_first(nr, true), Ok(()));
    }
    assert_eq!(init_first(1, false), Ok(()));
    assert_eq!(init_first(2, false), Err(Refusal::NotInit));
}

/// A number table that is obviously right: the lowest free number from the cursor on, then from
/// the lowest allowed.
#[derive(Default)]
struct Table {
    used: BTreeSet<i32>,
    cursor: u32,
}

impl Table {
    fn take(&mut self, request: Request) -> Result<i32, Refusal> {
        let free = |nr: &i32| !self.used.contains(nr);
        let nr = match request {
            Request::Exactly(nr) => Some(nr).filter(free),
            Request::Next { min, max } => {
                let start = (self.cursor as i32).max(min);
                let found = (start..max).chain(min..start.min(max)).find(free);
                if let Some(nr) = found {
                    self.cursor = nr as u32 + 1;
                }
                found
            }
        };
        let nr = nr.ok_or(request.no_room())?;
        self.used.insert(nr);
        Ok(nr)
    }
}

#[test]
fn a_small_namespace_fills_wraps_above_the_reserved_and_is_full() {
    let pid_max = 310;
    let mut table = Table::default();
    let mut take = |free: Option<i32>| {
        if let Some(nr) = free {
            table.used.remove(&nr);
        }
        let request = next(table.cursor, pid_max);
        table.take(request)
    };
    for nr in 1..pid_max {
        assert_eq!(take(None), Ok(nr), "in order");
    }
    assert_eq!(take(None), Err(Refusal::Full));
    assert_eq!(take(Some(5)), Err(Refusal::Full), "5 is reserved now");
    assert_eq!(take(Some(305)), Ok(305), "the only free one above");
    assert_eq!(take(Some(303)), Ok(303), "wrapped");
}
