// SPDX-License-Identifier: GPL-2.0

//! The module's list of namespaces, `/proc/pidns`: a header with the names of columns, and a line for each namespace.

use crate::machine::Machine;
use anyhow::{bail, Context, Result};
use std::{io::ErrorKind, str::FromStr};

pub const PATH: &str = "/proc/pidns";

/// A line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Row {
    pub ns: u64,
    pub parent: Option<u64>,
    pub owner: Option<u64>,
    pub level: Option<u64>,
    pub init: Option<i32>,
    pub numbers: Option<u64>,
    pub dropped: Option<u64>,
    pub acted: Option<u64>,
    pub two_sided_init: Option<u8>,
    pub grace_ms: Option<u64>,
    pub terminal: Option<u8>,
    pub reap_orphans: Option<u8>,
}

/// The lines in their order, a parent before its children; nothing if the module is not there.
pub fn read(machine: &Machine) -> Result<Option<Vec<Row>>> {
    match machine.read(PATH) {
        Ok(text) => Ok(Some(parse(&text).context(PATH)?)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).context(PATH),
    }
}

fn parse(text: &str) -> Result<Vec<Row>> {
    let mut lines = text.lines();
    let names: Vec<&str> = lines.next().unwrap_or("").split_whitespace().collect();
    if !names.contains(&"ns") {
        bail!("no column is called ns");
    }
    lines.map(|line| parse_row(&names, line)).collect()
}

/// Columns may be added, so they are found by their names; one that is not there is a dash.
fn parse_row(names: &[&str], line: &str) -> Result<Row> {
    let words: Vec<&str> = line.split_whitespace().collect();
    if words.len() != names.len() {
        bail!("{} columns, but {} words: {line}", names.len(), words.len());
    }
    let row = Columns { names, words };
    Ok(Row {
        ns: row.get("ns")?.context("a namespace without a number")?,
        parent: row.get("parent")?,
        owner: row.get("owner")?,
        level: row.get("level")?,
        init: row.get("init")?,
        numbers: row.get("numbers")?,
        dropped: row.get("dropped")?,
        acted: row.get("acted")?,
        two_sided_init: row.get("two_sided_init")?,
        grace_ms: row.get("grace_ms")?,
        terminal: row.get("terminal")?,
        reap_orphans: row.get("reap_orphans")?,
    })
}

struct Columns<'a> {
    names: &'a [&'a str],
    words: Vec<&'a str>,
}

impl Columns<'_> {
    fn get<T: FromStr>(&self, name: &str) -> Result<Option<T>> {
        let place = self.names.iter().position(|&it| it == name);
        match place.map(|place| self.words[place]) {
            None | Some("-") => Ok(None),
            Some(word) => match word.parse() {
                Ok(value) => Ok(Some(value)),
                Err(_) => bail!("{name} is '{word}', which is no such number"),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "        ns     parent      owner level       init numbers    dropped      acted two_sided_init grace_ms terminal reap_orphans
4026531836          - 4026531837     0          1     105          0          0              1    10000        1            0
4026532190 4026531836 4026531837     1        812       3          2          1              2     5000        0            1
";

    #[test]
    fn a_list_with_a_child() {
        let rows = parse(TEXT).unwrap();
        assert_eq!(rows.len(), 2);
        assert_eq!((rows[0].ns, rows[0].parent), (4026531836, None));
        let child = Row {
            ns: 4026532190,
            parent: Some(4026531836),
            owner: Some(4026531837),
            level: Some(1),
            init: Some(812),
            numbers: Some(3),
            dropped: Some(2),
            acted: Some(1),
            two_sided_init: Some(2),
            grace_ms: Some(5000),
            terminal: Some(0),
            reap_orphans: Some(1),
        };
        assert_eq!(rows[1], child);
    }

    #[test]
    fn columns_are_found_by_name() {
        let rows = parse("later acted ns\nx 7 5\n- - 6\n").unwrap();
        assert_eq!(
            (rows[0].ns, rows[0].acted, rows[0].init),
            (5, Some(7), None)
        );
        assert_eq!((rows[1].ns, rows[1].acted), (6, None));
    }

    #[test]
    fn what_is_no_list_is_an_error() {
        for text in [
            "",
            "init\n1\n",
            "ns init\n1\n",
            "ns\nx\n",
            "ns\n-\n",
            "ns init\n1 x\n",
        ] {
            assert!(parse(text).is_err(), "{text:?}");
        }
        assert_eq!(parse("ns\n").unwrap(), []);
    }
}
