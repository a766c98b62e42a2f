//! Why an entry is left out: the words of the footer.

/// Left out by the operator's `exclude`.
pub(crate) const EXCLUDE: &str = "exclude";
/// Left out by the operator's `include`.
pub(crate) const INCLUDE: &str = "include";
/// Left out by the operator's kinds.
pub(crate) const KIND: &str = "kind";
/// Left out by the operator's window on the change of content.
pub(crate) const MTIME: &str = "mtime";
/// Left out by the operator's window on the change of the inode.
pub(crate) const CTIME: &str = "ctime";
/// Left out by the operator's window on the birth; also the word for what has none.
pub(crate) const BTIME: &str = "btime";
/// Left out by the operator's owners.
pub(crate) const OWNER: &str = "owner";
/// Left out by the operator's groups.
pub(crate) const GROUP: &str = "group";
/// Left out by the operator's conditions on the mode.
pub(crate) const MODE: &str = "mode";
/// Left out by the operator's size bounds.
pub(crate) const SIZE: &str = "size";
/// Left out by the operator's `one_file_system`.
pub(crate) const FILE_SYSTEM: &str = "file_system";
