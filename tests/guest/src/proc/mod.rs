//! `/proc` shows a namespace as its mounter saw it.

pub mod foreign;
pub mod members;
