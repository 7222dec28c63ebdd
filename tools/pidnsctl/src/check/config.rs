// SPDX-License-Identifier: GPL-2.0

//! The configuration of a kernel.

use crate::machine::Machine;
use anyhow::{bail, Context, Result};
use flate2::read::GzDecoder;
use std::{collections::BTreeMap, fs, io::Read};

#[derive(Debug)]
pub struct Config {
    symbols: BTreeMap<String, String>,
    /// That of its heading.
    pub version: Option<String>,
}

impl Config {
    /// The text of a `.config`, which may be compressed.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let mut unpacked = Vec::new();
        let bytes = if bytes.starts_with(&[0x1f, 0x8b]) {
            GzDecoder::new(bytes).read_to_end(&mut unpacked)?;
            &unpacked
        } else {
            bytes
        };
        let text = String::from_utf8_lossy(bytes);
        let symbols: BTreeMap<_, _> = text
            .lines()
            .filter_map(|line| line.strip_prefix("CONFIG_")?.split_once('='))
            .map(|(name, value)| (name.to_owned(), value.trim().trim_matches('"').to_owned()))
            .collect();
        if symbols.is_empty() {
            bail!("no configuration of a kernel: it has no lines like CONFIG_MODULES=y");
        }
        // `# Linux/x86 7.3.4 Kernel Configuration`
        let version = text.lines().find_map(|line| {
            let heading = line
                .strip_prefix("# Linux/")?
                .strip_suffix(" Kernel Configuration")?;
            Some(heading.split_once(' ')?.1.to_owned())
        });
        Ok(Self { symbols, version })
    }

    /// That of a kernel of this machine, wherever it is.
    pub fn find(machine: &Machine, release: &str, is_running: bool) -> Result<Option<Self>> {
        let own = is_running.then(|| "/proc/config.gz".to_owned());
        let places = own.into_iter().chain([
            format!("/boot/config-{release}"),
            format!("/lib/modules/{release}/config"),
            format!("/lib/modules/{release}/build/.config"),
        ]);
        for place in places {
            if let Ok(bytes) = fs::read(machine.path(&place)) {
                return Self::parse(&bytes).context(place).map(Some);
            }
        }
        Ok(None)
    }

    pub fn get(&self, symbol: &str) -> Option<&str> {
        self.symbols.get(symbol).map(String::as_str)
    }

    pub fn is_built_in(&self, symbol: &str) -> bool {
        self.get(symbol) == Some("y")
    }
}

#[cfg(test)]
mod tests {
    use super::Config;

    #[test]
    fn a_configuration() {
        let text = "#\n# Linux/x86 7.3.4 Kernel Configuration\n#\nCONFIG_RUST=y\nCONFIG_CUSE=m\n# CONFIG_X is not set\nCONFIG_TEXT=\"a=b\"\n";
        let config = Config::parse(text.as_bytes()).unwrap();
        assert_eq!(config.version.as_deref(), Some("7.3.4"));
        assert!(
            config.is_built_in("RUST") && !config.is_built_in("CUSE") && !config.is_built_in("X")
        );
        assert_eq!(
            (config.get("CUSE"), config.get("TEXT")),
            (Some("m"), Some("a=b"))
        );
        for text in ["", "hello\n", "\x1f\u{8b}"] {
            assert!(Config::parse(text.as_bytes()).is_err(), "{text:?}");
        }
    }
}
