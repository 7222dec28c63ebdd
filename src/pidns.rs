// SPDX-License-Identifier: GPL-2.0

//! pidns: pid namespaces for kernels that were built without them, and for the init of each the two
//! sides that no kernel gives it.
//!
//! In supply mode (`CONFIG_PID_NS` off) the module brings everything; in takeover mode the kernel's own
//! code makes and keeps the namespaces, and the module judges their signals.
//!
//! This file is the order of things and nothing else: what comes up, in which order, and goes
//! down in reverse (the fields of [`Pidns`] are dropped from first to last).

use kernel::prelude::*;
use signal::settings::{
    self,
    Settings, //
};

mod bindings;
mod chain;
mod compat;
mod edge;
mod events;
mod held;
mod hook;
mod hooks;
mod imports;
mod module;
#[cfg(not(CONFIG_PID_NS))]
mod namespace;
mod object;
mod observe;
#[cfg(not(CONFIG_PID_NS))]
mod pid;
mod signal;
#[cfg(not(CONFIG_PID_NS))]
mod surface;
mod sysctl;
mod task;

module! {
    type: Pidns,
    name: "pidns",
    authors: ["The pidns developers"],
    description: "Pid namespaces whose init is a real init inside and an ordinary process outside",
    license: "GPL",
    params: {
        direct: u8 {
            default: 1,
            description: "1: patch kernel functions with a direct jump where the kernel can (default); 0: redirect all of them through ftrace",
        },
        two_sided_init: u32 {
            default: 1,
            description: "1: signals from outside act on a namespace's init as on any process (default); 0: mainline's rule; 2: mainline's, and tell what the other would do. Later: sysctl kernel.pidns_two_sided_init",
        },
        terminal: u32 {
            default: 1,
            description: "1: a Ctrl-C that somebody outside has typed at the terminal of a namespace's init counts as from outside (default); 0: mainline's rule. Later: sysctl kernel.pidns_terminal",
        },
        reap_orphans: u32 {
            default: 0,
            description: "1: an orphan that a namespace's init was given, and that this says nothing about, is reaped when it ends; 0: it is the init's to wait for, as in mainline (default). Later: sysctl kernel.pidns_reap_orphans",
        },
        grace_ms: u32 {
            default: 10000,
            description: "How many milliseconds the members of a namespace have to end by themselves when a signal from outside has ended its init (default 10000); 0: none, as in mainline. Later: sysctl kernel.pidns_grace_ms",
        },
    },
}

/// Found while compiling: the panic is an error of the compiler.
const VERSION: &CStr = match CStr::from_bytes_with_nul(bindings::PIDNS_VERSION) {
    Ok(version) => version,
    Err(_) => panic!("PIDNS_VERSION is no string"),
};

/// The loaded module.
struct Pidns {
    /// First to go: no more namespaces, nor files of them.
    _live: module::Live,
    /// Then what user space finds beside the hooked functions.
    #[cfg(CONFIG_DEBUG_FS)]
    _tree: observe::Tree,
    #[cfg(not(CONFIG_PID_NS))]
    _surface: surface::Surface,
    _list: observe::List,
    _settings: Settings,
    /// Then no new call reaches the module, and those under way have left it.
    _hooks: hook::Hooks,
    /// Then what freed namespaces and pids leave behind.
    #[cfg(not(CONFIG_PID_NS))]
    _namespaces: namespace::Namespaces,
    /// The last word.
    _unloaded: Unloaded,
}

impl kernel::Module for Pidns {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        if cfg!(all(
            not(CONFIG_PID_NS),
            any(CONFIG_FUSE_FS = "m", CONFIG_CUSE = "m")
        )) {
            pr_err!("not loaded: FUSE or CUSE is a module of this kernel, and its namespace references cannot be counted: build it in (CONFIG_FUSE_FS=y, and CONFIG_CUSE=y or n)\n");
            return Err(compat::eopnotsupp());
        }
        let symbols = hook::Symbols::find(&hooks::NEEDS)?;
        module::check_tasks_rcu()?;
        #[cfg(not(CONFIG_PID_NS))]
        let namespaces = namespace::Namespaces::new()?;
        settings::RULE.begin(module_parameters::two_sided_init.value())?;
        settings::GRACE_MS.begin(module_parameters::grace_ms.value())?;
        settings::REAP_ORPHANS.begin(module_parameters::reap_orphans.value())?;
        settings::TERMINAL.begin(module_parameters::terminal.value())?;
        signal::terminal::begin();
        let hooks = symbols.arm(module_parameters::direct.value().ne(&0))?;
        sysctl::directory::prepare()?;
        let settings = Settings::register()?;
        let list = observe::List::new()?;
        #[cfg(not(CONFIG_PID_NS))]
        let surface = surface::Surface::new(&hooks)?;
        pr_info!(
            "version {VERSION}, {} mode, {} functions hooked\n",
            if cfg!(CONFIG_PID_NS) {
                "takeover"
            } else {
                "supply"
            },
            hooks.count()
        );
        Ok(Self {
            _live: module::Live::begin(),
            #[cfg(CONFIG_DEBUG_FS)]
            _tree: observe::Tree::new(),
            #[cfg(not(CONFIG_PID_NS))]
            _surface: surface,
            _list: list,
            _settings: settings,
            _hooks: hooks,
            #[cfg(not(CONFIG_PID_NS))]
            _namespaces: namespaces,
            _unloaded: Unloaded,
        })
    }
}

/// On drop: the line in the log that says that all is as it was.
struct Unloaded;

impl Drop for Unloaded {
    fn drop(&mut self) {
        pr_info!("unloaded\n");
    }
}
