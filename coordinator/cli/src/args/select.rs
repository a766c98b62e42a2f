//! The flags that select by what the kernel says of an entry.

use clap::{Args, ValueEnum};
use muster_protocol::artifact::file_hash::FileKind;
use muster_protocol::when::Moment;

use crate::parse::{self, ModeTest};

/// Which entries; every condition must hold.
#[derive(Debug, Clone, Default, PartialEq, Args)]
#[command(next_help_heading = "Which of it (WHEN: 7d ago, 2026-11-25, 2026-11-25T10:00:00Z)")]
pub struct Selection {
    /// Content changed at this time or later (mtime).
    #[arg(long, value_name = "WHEN", value_parser = Moment::with_unit)]
    pub newer: Option<Moment>,
    /// Content changed before this time.
    #[arg(long, value_name = "WHEN", value_parser = Moment::with_unit)]
    pub older: Option<Moment>,
    /// Inode changed at this time or later: mode, owner, name, content (ctime).
    #[arg(long, value_name = "WHEN", value_parser = Moment::with_unit)]
    pub changed_newer: Option<Moment>,
    /// Inode changed before this time.
    #[arg(long, value_name = "WHEN", value_parser = Moment::with_unit)]
    pub changed_older: Option<Moment>,
    /// Made at this time or later (btime); what has no birth time is selected, and counted.
    #[arg(long, value_name = "WHEN", value_parser = Moment::with_unit)]
    pub born_newer: Option<Moment>,
    /// Made before this time.
    #[arg(long, value_name = "WHEN", value_parser = Moment::with_unit)]
    pub born_older: Option<Moment>,
    /// Only these kinds.
    #[arg(long, value_name = "KINDS", value_delimiter = ',', value_enum)]
    pub kind: Vec<Kind>,
    /// Owned by one of these: numbers, or names that each agent looks up in its own /etc/passwd.
    #[arg(long, value_name = "U,V", value_delimiter = ',')]
    pub owner: Vec<String>,
    /// Of one of these groups: numbers, or names in the agent's own /etc/group.
    #[arg(long, value_name = "G,H", value_delimiter = ',')]
    pub group: Vec<String>,
    /// Set-uid; of this and the next two, one is enough.
    #[arg(long)]
    pub setuid: bool,
    /// Set-gid.
    #[arg(long)]
    pub setgid: bool,
    /// Writable by everybody.
    #[arg(long)]
    pub world_writable: bool,
    /// Mode bits, octal: `4000` all of them set, `/6000` one of them, `=0755` exactly.
    #[arg(long, value_name = "BITS", value_parser = parse::mode)]
    pub mode: Option<ModeTest>,
}

/// A kind of entry, by the word that rows have for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum Kind {
    /// A regular file.
    File,
    /// A folder: a row in a listing.
    Dir,
    /// A symbolic link.
    Symlink,
    /// A named pipe.
    Fifo,
    /// A socket.
    Socket,
    /// A character device.
    CharDevice,
    /// A block device.
    BlockDevice,
}

impl From<Kind> for FileKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::File => Self::Regular,
            Kind::Dir => Self::Directory,
            Kind::Symlink => Self::Symlink,
            Kind::Fifo => Self::Fifo,
            Kind::Socket => Self::Socket,
            Kind::CharDevice => Self::CharDevice,
            Kind::BlockDevice => Self::BlockDevice,
        }
    }
}
