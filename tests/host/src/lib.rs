// SPDX-License-Identifier: GPL-2.0

//! The module's pure rules, compiled for the host and tested there, exhaustively.

#![cfg(test)]
// Each rule has its test; whether the module uses all of a file is for the module's build to say.
#![allow(dead_code)]

#[path = "../../../src/hook/btf.rs"]
mod btf;
#[path = "../../../src/chain/leaf.rs"]
mod leaf;
#[path = "../../../src/surface/noexec.rs"]
mod noexec;
#[path = "../../../src/chain/number.rs"]
mod number;
#[path = "../../../src/chain/search.rs"]
mod search;
#[path = "../../../src/signal/verdict.rs"]
mod verdict;

mod btf_rules;
mod leaf_races;
mod leaf_rules;
mod noexec_rules;
mod number_rules;
mod tree;
mod verdict_rules;
