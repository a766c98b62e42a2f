//! The views of profiles that are JSON: what an agent's profile, many of them or two of them amount to.
//!
//! * [`Top`]: what cost most, with a summary ([`Share`]). [`Lines`]: the same by source line.
//! * [`Tree`]: the call tree. [`Diff`]: what changed.

mod diff;
mod lines;
mod summary;
mod top;
mod tree;

pub use diff::{Change, Diff};
pub use lines::{Line, Lines};
pub use summary::{Part, Share};
pub use top::{Collection, Key, Nameless, Row, Rows, Top};
pub use tree::{Tree, TreeRow};
