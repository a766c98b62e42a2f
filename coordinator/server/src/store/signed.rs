//! Numbers as SQLite keeps them.

/// SQLite's integers are signed; ours that are not stay far below the end.
pub(super) fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
