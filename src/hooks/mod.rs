// SPDX-License-Identifier: GPL-2.0

//! Which kernel function is replaced by what.

#[cfg(not(CONFIG_PID_NS))]
#[cfg_attr(CONFIG_X86_64, path = "arch/x86.rs")]
#[cfg_attr(CONFIG_ARM64, path = "arch/arm64.rs")]
mod arch;
mod both;
#[cfg(not(CONFIG_PID_NS))]
mod lookup;
#[cfg_attr(CONFIG_PID_NS, path = "takeover.rs")]
#[cfg_attr(not(CONFIG_PID_NS), path = "supply.rs")]
mod own;
mod terminal;

use crate::{
    hook::{Needs, Table},
    imports,
};

/// All that the module needs of this kernel.
pub(crate) static NEEDS: Needs = Needs {
    functions: imports::FUNCTIONS,
    data: imports::find_data,
    hooks: Table {
        needed: &[
            &both::HOOKS,
            &own::HOOKS,
            #[cfg(not(CONFIG_PID_NS))]
            &arch::HOOKS,
        ],
        optional: &terminal::HOOKS,
        lack: "a Ctrl-C does what it does without the module",
        #[cfg(CONFIG_PID_NS)]
        shorter: &[],
        #[cfg(not(CONFIG_PID_NS))]
        shorter: &lookup::HOOKS,
    },
};
