// SPDX-License-Identifier: GPL-2.0

//! What can be seen of the module's work.

pub(crate) mod life;
pub(crate) mod signal;
