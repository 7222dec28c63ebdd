// SPDX-License-Identifier: GPL-2.0

//! The names of signals.

use anyhow::{bail, Result};
use nix::sys::signal::Signal;

/// glibc's, which keeps two for itself.
const RTMIN: i32 = 34;
const RTMAX: i32 = 64;

/// The number of a signal that is named as for kill(1): `TERM`, `SIGTERM`, `15`, `RTMIN+2`.
pub fn number(said: &str) -> Result<i32> {
    let upper = said.to_uppercase();
    let name = upper.strip_prefix("SIG").unwrap_or(&upper);
    let of_number = name.parse().ok();
    let of_name = || Some(format!("SIG{name}").parse::<Signal>().ok()? as i32);
    let of_real_time = || match (name.strip_prefix("RTMIN"), name.strip_prefix("RTMAX")) {
        (Some(""), _) => Some(RTMIN),
        (_, Some("")) => Some(RTMAX),
        (Some(more), _) => RTMIN.checked_add(more.strip_prefix('+')?.parse().ok()?),
        (_, Some(less)) => RTMAX.checked_sub(less.strip_prefix('-')?.parse().ok()?),
        _ => None,
    };
    match of_number.or_else(of_name).or_else(of_real_time) {
        Some(number @ 1..=64) => Ok(number),
        _ => bail!("'{said}' is no signal: say a name or a number, as SIGTERM or 15"),
    }
}

pub fn name(number: i32) -> String {
    match Signal::try_from(number) {
        Ok(signal) => signal.as_str().to_owned(),
        Err(_) if number == RTMIN => "SIGRTMIN".to_owned(),
        Err(_) if (RTMIN..=RTMAX).contains(&number) => format!("SIGRTMIN+{}", number - RTMIN),
        Err(_) => format!("signal {number}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_signal_is_found_by_its_name_and_number() {
        for signal in 1..=64 {
            assert_eq!(number(&signal.to_string()).unwrap(), signal);
            if !matches!(signal, 32 | 33) {
                assert_eq!(number(&name(signal)).unwrap(), signal, "{}", name(signal));
            }
        }
        for (said, signal) in [
            ("term", 15),
            ("SigKill", 9),
            ("RTMIN", 34),
            ("RTMIN+3", 37),
            ("RTMAX-1", 63),
        ] {
            assert_eq!(number(said).unwrap(), signal, "{said}");
        }
    }

    #[test]
    fn what_is_no_signal_is_an_error() {
        for said in [
            "",
            "0",
            "65",
            "-9",
            "SIG",
            "TERMX",
            "RTMIN-1",
            "RTMIN+99",
            "RTMAX+1",
            "RTMIN+2147483647",
        ] {
            assert!(number(said).is_err(), "{said}");
        }
    }
}
