// SPDX-License-Identifier: GPL-2.0

//! pidns: pid namespaces for kernels that were built without them.
//!
//! This file is the order of things and nothing else: what comes up, in which order, and goes
//! down in reverse (the fields of [`Pidns`] are dropped from first to last).

use kernel::prelude::*;

mod bindings;
mod hook;
mod namespace;
mod pid;
mod signal;
mod surface;

module! {
    type: Pidns,
    name: "pidns",
    authors: ["The pidns developers"],
    description: "Pid namespaces for kernels built without CONFIG_PID_NS",
    license: "GPL",
    params: {
        direct: bool {
            default: true,
            description: "Patch kernel functions with a direct jump where the kernel can (default), or redirect all of them through ftrace",
        },
    },
}

/// The loaded module.
struct Pidns {
    /// First to go: no more namespaces, nothing in procfs that leads here.
    _surface: surface::Surface,
    /// Then no new call reaches the module, and those under way have left it.
    _hooks: hook::Hooks,
    /// Then what freed namespaces and pids leave behind.
    _namespaces: namespace::Namespaces,
    /// The last word.
    _farewell: Farewell,
}

impl kernel::Module for Pidns {
    fn init(module: &'static ThisModule) -> Result<Self> {
        if cfg!(CONFIG_PID_NS) {
            pr_err!("not loaded: this kernel has pid namespaces of its own (CONFIG_PID_NS=y)\n");
            return Err(EOPNOTSUPP);
        }
        if cfg!(any(CONFIG_FUSE_FS = "m", CONFIG_CUSE = "m")) {
            pr_err!("not loaded: FUSE or CUSE is a module of this kernel, and its namespace references cannot be counted: build it in (CONFIG_FUSE_FS=y, and CONFIG_CUSE=y or n)\n");
            return Err(EOPNOTSUPP);
        }
        hook::set_module(module);
        let symbols = hook::Symbols::find()?;
        let namespaces = namespace::Namespaces::new()?;
        let hooks = symbols.arm(module_parameters::direct.value())?;
        let surface = surface::Surface::new(&hooks)?;
        pr_info!(
            "version 0.1.0, supply mode, {} functions hooked\n",
            hooks.count()
        );
        Ok(Self {
            _surface: surface,
            _hooks: hooks,
            _namespaces: namespaces,
            _farewell: Farewell,
        })
    }
}

/// On drop: the line in the log that says that all is as it was.
struct Farewell;

impl Drop for Farewell {
    fn drop(&mut self) {
        pr_info!("unloaded\n");
    }
}
