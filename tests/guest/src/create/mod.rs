//! How a namespace comes to be.

pub mod limits;
pub mod maker;
