//! Where a journal belongs: to one machine, and to one file on it.
//!
//! A copy (a cloned machine, a copied folder, a file restored from a backup) must not go on under the id of the original:
//! both would number different chunks alike. It begins a new journal id instead, which makes each attempt a new one, and
//! keeps everything that is owed: what waits in the outbox is sent under the id that it was written with, and collections
//! begin again.
//!
//! What this cannot see is a whole machine that was set back to a snapshot: its file is the same one, only older. The
//! coordinator sees it by [`super::Journal::generation`].

use std::path::Path;

use muster_protocol::ids::JournalId;
use rusqlite::Transaction;
use rustix::fs::{AtFlags, CWD, StatxFlags, statx};

use super::{get_meta, set_meta};

/// What a journal is held against when it is opened.
#[derive(Debug, Clone, Default)]
pub(super) struct Origin<'a> {
    /// `/etc/machine-id`, where there is one.
    machine_id: Option<&'a str>,
    /// Only root may read it.
    firmware_id: Option<&'a str>,
    /// Inode and birth of the file; a copy has others. Devices are left out: their numbers change at a reboot.
    file: Option<String>,
}

impl<'a> Origin<'a> {
    /// Describes this machine and the file of an open journal.
    pub(super) fn of(file: &Path, machine_id: &'a str, firmware_id: Option<&'a str>) -> Self {
        let machine_id = Some(machine_id).filter(|id| !id.is_empty());
        Self { machine_id, firmware_id, file: file_id(file) }
    }

    /// Describes a journal in memory.
    pub(super) fn memory() -> Self {
        Self::default()
    }

    /// Returns how a journal with these marks differs, if it does. A mark that either side lacks proves nothing.
    fn difference(
        &self,
        saved: impl Fn(&str) -> rusqlite::Result<Option<Vec<u8>>>,
    ) -> rusqlite::Result<Option<&'static str>> {
        let differs = |name: &str, now: Option<&str>| {
            let saved = saved(name)?.filter(|mark| !mark.is_empty());
            Ok::<_, rusqlite::Error>(
                saved.zip(now).is_some_and(|(saved, now)| saved != now.as_bytes()),
            )
        };
        Ok(if differs("machine_id", self.machine_id)? {
            Some("it was written on another machine")
        } else if differs("firmware_id", self.firmware_id)? {
            Some("it was written on another machine of the same /etc/machine-id")
        } else if differs("file_id", self.file.as_deref())? {
            Some("its file is a copy")
        } else {
            None
        })
    }

    fn save(&self, tx: &Transaction<'_>) -> rusqlite::Result<()> {
        let marks = [
            ("machine_id", self.machine_id),
            ("firmware_id", self.firmware_id),
            ("file_id", self.file.as_deref()),
        ];
        for (name, mark) in marks {
            if let Some(mark) = mark {
                set_meta(tx, name, mark.as_bytes())?;
            }
        }
        Ok(())
    }
}

/// Returns the journal's id, and why it is a new one where it belonged elsewhere before.
pub(super) fn own_id(
    tx: &Transaction<'_>,
    origin: &Origin<'_>,
) -> rusqlite::Result<(JournalId, Option<&'static str>)> {
    let saved = get_meta(tx, "journal_id")?.and_then(|bytes| <[u8; 16]>::try_from(bytes).ok());
    let moved = origin.difference(|name| get_meta(tx, name))?;
    origin.save(tx)?;
    if let (Some(id), None) = (saved, moved) {
        return Ok((JournalId::from_bytes(id), None));
    }
    tx.execute(
        "UPDATE collections SET running = 0, started = 0, next_seq = 0, next_blob = 0, deaths = 0,
         cursor = NULL, figures = NULL, held_told = 0",
        [],
    )?;
    let id = JournalId::new();
    set_meta(tx, "journal_id", id.as_bytes())?;
    Ok((id, moved))
}

/// Returns whether the journal at a path was written elsewhere: for a look at it that changes nothing.
pub(super) fn moved(
    db: &rusqlite::Connection,
    origin: &Origin<'_>,
) -> rusqlite::Result<Option<&'static str>> {
    origin.difference(|name| get_meta(db, name))
}

fn file_id(path: &Path) -> Option<String> {
    let wanted = StatxFlags::INO | StatxFlags::BTIME;
    let stat = statx(CWD, path, AtFlags::empty(), wanted).ok()?;
    let has_birth = stat.stx_mask & StatxFlags::BTIME.bits() != 0;
    let birth = has_birth.then_some((stat.stx_btime.tv_sec, stat.stx_btime.tv_nsec));
    let (sec, nsec) = birth.unwrap_or_default();
    Some(format!("{} {sec}.{nsec}", stat.stx_ino))
}
