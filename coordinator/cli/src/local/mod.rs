//! The verbs that run on the coordinator's own machine: they make its files, run it, and keep its broker.
//!
//! Only they name the server's crate; every other verb knows the fleet through the API.

pub(crate) mod broker;
pub(crate) mod init;
pub(crate) mod serve;
