//! How a namespace comes to be.

pub mod creators;
pub mod limits;
