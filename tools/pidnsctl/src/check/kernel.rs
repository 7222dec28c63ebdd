// SPDX-License-Identifier: GPL-2.0

//! What a kernel must be for the module, by its version and configuration: what Kbuild, dkms.conf and a load ask for.

use super::{config::Config, Finding, Level};

/// Options that the module cannot do without, and what brings them.
const NEEDED: [(&str, &str); 9] = [
    ("MODULES", ""),
    (
        "RUST",
        "; make rustavailable in the kernel's source says what that lacks",
    ),
    ("SYSCTL", ""),
    ("POSIX_TIMERS", ""),
    ("KPROBES", ""),
    ("KALLSYMS", ""),
    ("KALLSYMS_ALL", ""),
    (
        "TASKS_RCU",
        ", which comes with CONFIG_PREEMPTION (CONFIG_PREEMPT or CONFIG_PREEMPT_LAZY)",
    ),
    (
        "DYNAMIC_FTRACE_WITH_DIRECT_CALLS",
        ", which comes with CONFIG_FUNCTION_TRACER",
    ),
];

/// Options with which it cannot be, and why.
const FORBIDDEN: [(&str, &str); 3] = [
    (
        "PREEMPT_RT",
        "locks sleep, so it could not be unloaded safely",
    ),
    (
        "LTO_CLANG",
        "functions to hook may be a part of their callers",
    ),
    (
        "LOCK_DOWN_KERNEL_FORCE_CONFIDENTIALITY",
        "a kernel that is locked down so lets nobody hook functions",
    ),
];

/// Options that must be built in or left out in supply mode.
const NO_MODULES: [&str; 2] = ["FUSE_FS", "CUSE"];

pub fn findings(config: &Config, release: Option<&str>) -> Vec<Finding> {
    let takeover = config.is_built_in("PID_NS");
    let mut findings = vec![
        version(
            release.or(config.version.as_deref()),
            takeover,
            config.is_built_in("ARM64"),
        ),
        architecture(config),
    ];
    for (symbol, more) in NEEDED {
        if !config.is_built_in(symbol) {
            let text = format!("CONFIG_{symbol} is not set: build the kernel with it{more}");
            findings.push(Finding::new(Level::No, text));
        }
    }
    for (symbol, why) in FORBIDDEN {
        if config.is_built_in(symbol) {
            let text = format!("CONFIG_{symbol}: {why}: build the kernel without it");
            findings.push(Finding::new(Level::No, text));
        }
    }
    for symbol in NO_MODULES {
        if !takeover && config.get(symbol) == Some("m") {
            let text = format!("CONFIG_{symbol}=m: build it into the kernel, or leave it out");
            findings.push(Finding::new(Level::No, text));
        }
    }
    if findings.iter().all(|it| it.level != Level::No) {
        findings.push(Finding::new(Level::Ok, "every option that it needs is set"));
    }
    findings.extend(notes(config));
    findings
}

fn version(version: Option<&str>, takeover: bool, is_arm64: bool) -> Finding {
    let Some(version) = version else {
        return Finding::new(
            Level::Todo,
            "the configuration does not name its kernel: say --kernel RELEASE",
        );
    };
    let mode = if takeover {
        "takeover mode (CONFIG_PID_NS=y)"
    } else {
        "supply mode (without CONFIG_PID_NS)"
    };
    let wanted = if takeover { "7.2 or 7.3" } else { "7.3" };
    let series = series(version);
    let fits = series == "7.3" || takeover && series == "7.2";
    if fits {
        return Finding::new(Level::Ok, format!("Linux {version}, {mode}"));
    }
    let debian = match (takeover, is_arm64) {
        (false, _) => String::new(),
        (true, is_arm64) => {
            let name = if is_arm64 { "arm64" } else { "amd64" };
            format!("; on Debian 13: apt-get install -t trixie-backports linux-image-{name}")
        }
    };
    Finding::new(
        Level::No,
        format!("Linux {version}: {mode} is for {wanted}: boot one of these{debian}"),
    )
}

/// `7.3` of `7.3.4+deb13-amd64` and `7.3-rc1`.
pub fn series(release: &str) -> String {
    let mut numbers = release.split(|it: char| !it.is_ascii_digit());
    let mut next = || numbers.next().unwrap_or("");
    format!("{}.{}", next(), next())
}

fn architecture(config: &Config) -> Finding {
    match (config.is_built_in("X86_64"), config.is_built_in("ARM64")) {
        (true, _) => Finding::new(Level::Ok, "x86-64"),
        (_, true) if !config.is_built_in("DYNAMIC_FTRACE_WITH_CALL_OPS") => Finding::new(
            Level::No,
            "arm64 without CONFIG_DYNAMIC_FTRACE_WITH_CALL_OPS: build the kernel without CONFIG_CFI and CONFIG_CC_OPTIMIZE_FOR_SIZE",
        ),
        (_, true) => Finding::new(Level::Ok, "arm64"),
        _ => Finding::new(Level::No, "neither x86-64 nor arm64: it is for these"),
    }
}

/// What is good to know of a kernel that can have it.
fn notes(config: &Config) -> Vec<Finding> {
    let mut notes = Vec::new();
    let mut note = |says: bool, text: &str| {
        if says {
            notes.push(Finding::new(Level::Note, text));
        }
    };
    note(
        !has_jumps(config),
        "without CONFIG_DYNAMIC_FTRACE_WITH_JMP functions are redirected by ftrace, which is slower",
    );
    note(
        !config.is_built_in("TRACEPOINTS"),
        "without CONFIG_TRACEPOINTS there is no pidnsctl trace",
    );
    note(
        !config.is_built_in("MODULE_UNLOAD"),
        "without CONFIG_MODULE_UNLOAD it cannot be unloaded",
    );
    note(
        config.is_built_in("TRIM_UNUSED_KSYMS"),
        "CONFIG_TRIM_UNUSED_KSYMS: if modpost misses a symbol, build the kernel without it",
    );
    let forced = ["MODULE_SIG_FORCE", "LOCK_DOWN_KERNEL_FORCE_INTEGRITY"];
    for symbol in forced
        .into_iter()
        .filter(|symbol| config.is_built_in(symbol))
    {
        note(
            true,
            &format!("CONFIG_{symbol}: sign pidns.ko with a key that the kernel knows"),
        );
    }
    notes
}

/// Whether functions can become direct jumps.
pub fn has_jumps(config: &Config) -> bool {
    config.is_built_in("DYNAMIC_FTRACE_WITH_JMP")
        && config.is_built_in("HAVE_SINGLE_FTRACE_DIRECT_OPS")
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "CONFIG_X86_64=y\nCONFIG_PID_NS=y\nCONFIG_MODULES=y\nCONFIG_RUST=y\nCONFIG_SYSCTL=y\nCONFIG_POSIX_TIMERS=y\nCONFIG_KPROBES=y\n\
        CONFIG_KALLSYMS=y\nCONFIG_KALLSYMS_ALL=y\nCONFIG_TASKS_RCU=y\nCONFIG_DYNAMIC_FTRACE_WITH_DIRECT_CALLS=y\n\
        CONFIG_DYNAMIC_FTRACE_WITH_JMP=y\nCONFIG_HAVE_SINGLE_FTRACE_DIRECT_OPS=y\nCONFIG_TRACEPOINTS=y\nCONFIG_MODULE_UNLOAD=y\n";

    fn of(text: &str, release: &str) -> Vec<Finding> {
        findings(&Config::parse(text.as_bytes()).unwrap(), Some(release))
    }

    fn fits(text: &str, release: &str) -> bool {
        of(text, release).iter().all(|it| it.level != Level::No)
    }

    #[test]
    fn the_image_to_install_is_of_the_processor() {
        let arm64 = GOOD.replace("CONFIG_X86_64", "CONFIG_ARM64");
        for (text, image) in [(GOOD, "linux-image-amd64"), (&arm64, "linux-image-arm64")] {
            let findings = of(text, "6.12.1");
            assert!(
                findings.iter().any(|it| it.text.ends_with(image)),
                "{image}"
            );
        }
    }

    #[test]
    fn versions_by_mode() {
        let supply = GOOD.replace("CONFIG_PID_NS=y\n", "");
        for (release, takes, supplies) in [
            ("7.3.4+deb13-amd64", true, true),
            ("7.2.12+deb14-amd64", true, false),
            ("7.3-rc1", true, true),
            ("7.3", true, true),
            ("7.4.0", false, false),
            ("7.30.1", false, false),
            ("6.12.1", false, false),
            ("17.3.0", false, false),
            ("x", false, false),
        ] {
            assert_eq!(fits(GOOD, release), takes, "{release}");
            assert_eq!(fits(&supply, release), supplies, "{release}");
        }
    }

    #[test]
    fn a_good_kernel_has_nothing_to_say() {
        assert!(of(GOOD, "7.3.4").iter().all(|it| it.level == Level::Ok));
    }

    #[test]
    fn every_needed_option_is_missed() {
        for (symbol, _) in NEEDED {
            for other in ["", "# CONFIG_Y is not set\n", "CONFIG_Y=m\n"] {
                let text =
                    GOOD.replace(&format!("CONFIG_{symbol}=y\n"), &other.replace('Y', symbol));
                let missed = of(&text, "7.3.4")
                    .into_iter()
                    .filter(|it| it.level == Level::No);
                let missed: Vec<String> = missed.map(|it| it.text).collect();
                assert_eq!(missed.len(), 1, "{symbol}: {missed:?}");
                assert!(
                    missed[0].starts_with(&format!("CONFIG_{symbol} ")),
                    "{missed:?}"
                );
            }
        }
    }

    #[test]
    fn every_forbidden_option_is_found() {
        for (symbol, _) in FORBIDDEN {
            assert!(
                !fits(&format!("{GOOD}CONFIG_{symbol}=y\n"), "7.3.4"),
                "{symbol}"
            );
        }
        let supply = GOOD.replace("CONFIG_PID_NS=y\n", "");
        for symbol in NO_MODULES {
            assert!(
                !fits(&format!("{supply}CONFIG_{symbol}=m\n"), "7.3.4"),
                "{symbol}"
            );
            assert!(
                fits(&format!("{supply}CONFIG_{symbol}=y\n"), "7.3.4"),
                "{symbol}"
            );
            assert!(
                fits(&format!("{GOOD}CONFIG_{symbol}=m\n"), "7.3.4"),
                "{symbol}"
            );
        }
    }

    #[test]
    fn other_architectures() {
        let arm64 = GOOD.replace("X86_64", "ARM64");
        assert!(!fits(&arm64, "7.3.4"));
        let call_ops = "CONFIG_DYNAMIC_FTRACE_WITH_CALL_OPS=y\n";
        assert!(fits(&format!("{arm64}{call_ops}"), "7.3.4"));
        assert!(!fits(&GOOD.replace("X86_64", "RISCV"), "7.3.4"));
    }

    /// What Kbuild and DKMS refuse is refused here.
    #[test]
    fn kbuild_and_dkms_ask_for_no_more() {
        let kbuild = include_str!("../../../../Kbuild");
        let known = |symbol: &str| {
            let listed = NEEDED
                .iter()
                .map(|it| it.0)
                .chain(FORBIDDEN.iter().map(|it| it.0));
            listed
                .chain(["PID_NS", "X86_64", "ARM64"])
                .any(|it| it == symbol)
        };
        let before = kbuild.split("pidns-bindings :=").next().unwrap();
        for line in before
            .lines()
            .filter(|it| it.starts_with("ifdef ") || it.starts_with("ifndef "))
        {
            let symbol = line.split("CONFIG_").nth(1).unwrap();
            assert!(known(symbol), "Kbuild: {line}");
        }
        let dkms = include_str!("../../../../dkms.conf");
        let wanted = dkms
            .lines()
            .find_map(|it| it.strip_prefix("BUILD_EXCLUSIVE_CONFIG=\""))
            .unwrap();
        for symbol in wanted.trim_end_matches('"').split(' ') {
            let symbol = symbol.trim_start_matches('!').trim_start_matches("CONFIG_");
            assert!(known(symbol), "dkms.conf: {symbol}");
        }
    }
}
