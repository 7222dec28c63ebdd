//! Who sees whom, and as which number.

pub mod credentials;
pub mod numbers;
pub mod outsiders;
