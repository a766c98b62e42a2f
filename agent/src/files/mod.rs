//! Files as every collector meets them: what may be opened, where it lies, what the kernel says of it.
//!
//! * [`access`]: the folders of the machine's policy, held against what was opened.
//! * [`resolve`]: where a path leads, and [`mounts`]: over which file systems. Neither touches one that may not answer.
//! * [`statx`]: what the kernel says of a file. [`paths`]: paths as bytes. [`digests`]: what is computed.
//! * [`known`]: what is known of a file before it is read. [`atime`]: opening it without a trace in its times.

pub(crate) mod access;
pub(crate) mod atime;
pub(crate) mod digests;
pub(crate) mod known;
pub(crate) mod mounts;
pub(crate) mod paths;
pub(crate) mod resolve;
pub(crate) mod statx;

pub use self::access::{Folders, lexical};
pub use self::resolve::{Real, exists, real};
