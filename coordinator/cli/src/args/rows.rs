//! The flags that filter rows: by what the coordinator has stored of them, so that a whole hunt need not be fetched.

use std::ffi::OsString;

use clap::Args;
use muster_protocol::when::Moment;

use crate::parse;

/// Which rows; every condition must hold.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Which rows (WHEN: 7d ago, 2026-11-25, 2026-11-25T10:00:00Z)")]
pub struct RowFilter {
    /// Only of this agent; may be repeated.
    #[arg(long = "agent", value_name = "AGENT")]
    pub agents: Vec<String>,
    /// Only with one of these statuses: `denied,io_error`.
    #[arg(long, value_name = "WORDS")]
    pub status: Option<String>,
    /// Only with one of these error numbers, or their names: `13,EIO`.
    #[arg(long, value_name = "NUMBERS")]
    pub errno: Option<String>,
    /// Only with a digest in the list of hashes of the hunt; `no`: without one.
    #[arg(long = "match", value_name = "yes|no", num_args = 0..=1, default_missing_value = "yes", value_parser = YES_NO)]
    pub matched: Option<String>,
    /// Only where the content of the file was sent; `no`: where it was not.
    #[arg(long, value_name = "yes|no", num_args = 0..=1, default_missing_value = "yes", value_parser = YES_NO)]
    pub uploaded: Option<String>,
    /// Only with a path that matches, as `hunt run --include`: against the name, with a `/` the path below the root, with one
    /// in front the whole path.
    #[arg(long, value_name = "GLOB")]
    pub path: Option<String>,
    /// Only with this very path, byte for byte.
    #[arg(long, value_name = "PATH", conflicts_with = "path")]
    pub path_exact: Option<OsString>,
    /// Only with a digest that begins so: 8 hexadecimal digits at least.
    #[arg(long, value_name = "HEX")]
    pub hash: Option<String>,
    /// Only of these kinds: `file,symlink`.
    #[arg(long, value_name = "WORDS")]
    pub kind: Option<String>,
    /// Only of this size or larger: `1k`.
    #[arg(long, value_name = "SIZE", value_parser = parse::size)]
    pub min_size: Option<u64>,
    /// Only of this size or smaller: `10M`.
    #[arg(long, value_name = "SIZE", value_parser = parse::size)]
    pub max_size: Option<u64>,
    /// Only with content that changed at this time or later (mtime).
    #[arg(long, value_name = "WHEN", value_parser = Moment::with_unit)]
    pub newer: Option<Moment>,
    /// Only with content that changed before this time.
    #[arg(long, value_name = "WHEN", value_parser = Moment::with_unit)]
    pub older: Option<Moment>,
    /// Only with an inode that changed at this time or later (ctime).
    #[arg(long, value_name = "WHEN", value_parser = Moment::with_unit)]
    pub changed_newer: Option<Moment>,
    /// Only of one of these owners, by number.
    #[arg(long, value_name = "NUMBERS")]
    pub uid: Option<String>,
    /// Only of one of these groups, by number.
    #[arg(long, value_name = "NUMBERS")]
    pub gid: Option<String>,
    /// Only with these mode bits, octal: `4000` all of them set, `/6000` one of them, `=0755` exactly.
    #[arg(long, value_name = "BITS", allow_hyphen_values = true, value_parser = mode)]
    pub mode: Option<String>,
    /// Only with this in another column of the artifact: `pid=1,2`, `exe_state=deleted`, `comm=sh*`; may be repeated.
    #[arg(long = "where", value_name = "COLUMN=VALUE", value_parser = parse::column)]
    pub columns: Vec<(String, String)>,
}

const YES_NO: [&str; 2] = ["yes", "no"];

/// Checks mode bits, which the coordinator reads again.
fn mode(text: &str) -> Result<String, String> {
    parse::mode(text).map(|_| text.to_owned())
}
