// SPDX-License-Identifier: GPL-2.0

//! What building the module for a kernel wants of this machine: what scripts/kdir asks for.

use super::{config::Config, kernel::series, Finding, Level};
use crate::machine::Machine;
use std::{env, process::Command};

pub fn findings(machine: &Machine, config: &Config, release: &str) -> Vec<Finding> {
    let modules = format!("/lib/modules/{release}");
    let built = ["updates", "updates/dkms", "extra"]
        .iter()
        .flat_map(|dir| {
            ["ko", "ko.xz", "ko.zst", "ko.gz"].map(|end| format!("{modules}/{dir}/pidns.{end}"))
        })
        .find(|file| machine.exists(file));
    if let Some(file) = built {
        return vec![Finding::new(Level::Ok, format!("it is built: {file}"))];
    }
    let mut findings = headers(machine, release, &format!("{modules}/build"));
    findings.push(rustc(config));
    findings.push(bindgen());
    findings
}

/// The build directory, and what it lacks.
fn headers(machine: &Machine, release: &str, build: &str) -> Vec<Finding> {
    if !machine.exists(format!("{build}/Makefile")) {
        let text = format!("no headers of {release}: apt-get install linux-headers-{release}");
        return vec![Finding::new(Level::Todo, text)];
    }
    let sources = [build.to_owned(), format!("/lib/modules/{release}/source")];
    let has_source = sources
        .iter()
        .any(|dir| machine.exists(format!("{dir}/fs/proc/internal.h")));
    if has_source && machine.exists(format!("{build}/rust/libkernel.rmeta")) {
        return vec![Finding::new(
            Level::Ok,
            "the kernel's build directory has what it needs",
        )];
    }
    let package = format!("linux-source-{}", series(release));
    if !machine.exists(format!("/usr/src/{package}.tar.xz")) {
        let text = format!(
            "the headers of {release} lack Rust's metadata: apt-get install {package}, of the very version of the headers \
             (or, for a kernel of your own, make prepare in its source)"
        );
        return vec![Finding::new(Level::Todo, text)];
    }
    let mut findings = vec![Finding::new(
        Level::Ok,
        format!("headers, and {package} to make Rust's metadata from"),
    )];
    let is_missing = |what: &str| {
        if what.starts_with('/') {
            !machine.exists(what)
        } else {
            !is_in_path(what)
        }
    };
    let packages = [
        ("flex", "flex"),
        ("bison", "bison"),
        ("bc", "bc"),
        ("python3", "python3"),
        ("xz", "xz-utils"),
        ("make", "make"),
        ("/usr/include/gelf.h", "libelf-dev"),
        ("/usr/include/openssl/opensslv.h", "libssl-dev"),
    ];
    let missing = packages.iter().filter(|it| is_missing(it.0)).map(|it| it.1);
    let missing: Vec<&str> = missing.collect();
    if !missing.is_empty() {
        let text = format!("to make that: apt-get install {}", missing.join(" "));
        findings.push(Finding::new(Level::Todo, text));
    }
    findings
}

fn is_in_path(program: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).any(|dir| dir.join(program).is_file())
}

/// What a program says of its version: that which a variable names, as for `make`, or the first of its name.
fn version_of(variable: &str, program: &str) -> Option<String> {
    let program = env::var_os(variable).unwrap_or_else(|| program.into());
    let output = Command::new(program).arg("--version").output().ok()?;
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn rustc(config: &Config) -> Finding {
    let wanted = config.get("RUSTC_VERSION_TEXT").unwrap_or("");
    match version_of("RUSTC", "rustc") {
        Some(found) if found == wanted => Finding::new(Level::Ok, found),
        Some(found) => {
            let text = format!("the kernel was built with '{wanted}', and this is '{found}': install that one, or say RUSTC=FILE");
            Finding::new(Level::Todo, text)
        }
        None => {
            let text = format!(
                "no rustc: apt-get install rustc rust-src (the kernel was built with '{wanted}')"
            );
            Finding::new(Level::Todo, text)
        }
    }
}

fn bindgen() -> Finding {
    match version_of("BINDGEN", "bindgen") {
        Some(found) if is_new_enough(&found) => Finding::new(Level::Ok, found),
        Some(found) => {
            let text =
                format!("{found} is too old: install bindgen 0.71.1 or newer, or say BINDGEN=FILE");
            Finding::new(Level::Todo, text)
        }
        None => Finding::new(
            Level::Todo,
            "no bindgen: apt-get install bindgen (0.71.1 or newer)",
        ),
    }
}

/// Of `bindgen 0.72.1`.
fn is_new_enough(version: &str) -> bool {
    let number = version.split_whitespace().last().unwrap_or("");
    let parts: Vec<u32> = number.split('.').filter_map(|it| it.parse().ok()).collect();
    parts.len() == 3 && parts >= vec![0, 71, 1]
}

#[cfg(test)]
mod tests {
    use super::is_new_enough;

    #[test]
    fn versions_of_bindgen() {
        for (version, expected) in [
            ("bindgen 0.71.1", true),
            ("bindgen 0.72.0", true),
            ("bindgen 1.0.0", true),
            ("bindgen 0.71.0", false),
            ("bindgen 0.9.9", false),
            ("", false),
        ] {
            assert_eq!(is_new_enough(version), expected, "{version}");
        }
    }
}
