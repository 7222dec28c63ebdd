//! `/proc/PID/ns/pid` and `pid_for_children`: the names of namespaces.

pub mod children;
pub mod links;
pub mod other_users;
