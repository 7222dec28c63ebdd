// SPDX-License-Identifier: GPL-2.0

//! Which signals a namespace's init receives.

pub(crate) mod send;
mod verdict;
