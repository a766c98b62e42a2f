//! One hunt with many rows: what a filter has to look through.

use std::time::Instant;

use muster_protocol::artifact::file_hash::{self, FileKind, FileStatus, Row};
use muster_protocol::artifact::ioc::IocList;
use muster_protocol::artifact::{HashKind, Rows};
use muster_protocol::request::Args;
use muster_protocol::request::hunt::HuntStart;
use muster_protocol::result::State;
use muster_server::store::Write;
use serde_bytes::ByteBuf;

use super::Filling;
use super::made::{chunk, footer, request, request_id, status};
use crate::swarm::trees::Numbers;

/// Rows of one chunk: with a digest each they stay below what a chunk may weigh.
const CHUNK_ROWS: usize = 4_000;
/// Hashes of the hunt's list.
const LISTED: u64 = 16;
/// Of so many agents one has a file that is in the list: its eighth row.
const MATCHES: u32 = 500;
const MATCHED_ROW: u64 = 7;
const MINUTE_MS: i64 = 60_000;
const FOLDERS: [&str; 8] = [
    "/usr/lib/x86_64-linux-gnu",
    "/usr/share/doc/some-package",
    "/var/lib/postgresql/16/main/base",
    "/srv/www/htdocs/assets",
    "/home/deploy/.cache/build",
    "/opt/vendor/agent/plugins",
    "/etc/ssl/certs",
    "/root/.ssh",
];

/// Stores the hunt: launched an hour ago, finished by every agent.
pub(super) async fn fill(filling: &mut Filling<'_>) {
    let began = Instant::now();
    let (rows, agents) = (filling.plan.rows, u64::from(filling.plan.agents.max(1)));
    let issued = filling.now.plus_ms(-60 * MINUTE_MS);
    filling.at(issued);
    let list = IocList {
        kind: HashKind::Sha256,
        width: 32,
        digests: ByteBuf::from((0..LISTED).flat_map(listed).collect::<Vec<_>>()),
    };
    let files = file_hash::Args {
        roots: vec![ByteBuf::from("/")],
        hashes: vec![HashKind::Sha256],
        ioc: vec![list],
        ..file_hash::Args::default()
    };
    let start = Args::HuntStart(HuntStart::files(&files).expect("arguments"));
    let id = request_id(issued, filling.plan.seed ^ 0x726f_7773);
    let expected = filling.agents();
    let made = request(id, &start, issued, expected, "os:linux");
    filling.launch(made).await;
    let mut numbers = Numbers::new(filling.plan.seed);
    for n in 0..filling.plan.agents {
        // The first agents have the rest.
        let of_agent = rows / agents + u64::from(u64::from(n) < rows % agents);
        let (mut seq, mut failed) = (0, 0);
        let mut left = 0..of_agent;
        while !left.is_empty() {
            let made: Vec<_> =
                left.by_ref().take(CHUNK_ROWS).map(|at| row(n, at, &mut numbers)).collect();
            failed += made.iter().filter(|row| !row.status.has_digests()).count() as u64;
            filling.begin(Write::Chunk(chunk(id, n, seq, &Rows::of(made)))).await;
            seq += 1;
        }
        let mut ended = status(id, n, State::Finished, issued.plus_ms(MINUTE_MS));
        ended.chunks = Some(seq);
        let matched = u64::from(n.is_multiple_of(MATCHES) && of_agent > MATCHED_ROW);
        ended.footer = Some(footer(n, issued, of_agent, (failed, matched)));
        filling.begin(Write::Status(ended)).await;
    }
    filling.write(Write::Condense).await;
    filling.step("rows of one hunt", rows, began);
}

/// A digest of the list.
fn listed(number: u64) -> [u8; 32] {
    let mut digest = [0; 32];
    digest[..8].copy_from_slice(&(number + 1).to_be_bytes());
    digest
}

fn row(n: u32, at: u64, numbers: &mut Numbers) -> Row {
    let drawn = numbers.draw();
    let folder = FOLDERS[usize::try_from(drawn % 8).expect("an index")];
    let path = format!("{folder}/{:04x}/file-{at:06}.so", drawn >> 52).into_bytes();
    let is_listed = at == MATCHED_ROW && n.is_multiple_of(MATCHES);
    let (status, errno) = match (drawn >> 8) & 0xff {
        _ if is_listed => (FileStatus::Ok, 0),
        0..=3 => (FileStatus::Denied, 13),
        4 => (FileStatus::Vanished, 2),
        5 => (FileStatus::IoError, 5),
        6..=40 => (FileStatus::Cached, 0),
        _ => (FileStatus::Ok, 0),
    };
    let mut row = Row::bare(path, FileKind::Regular, status, errno);
    row.size = drawn >> 40;
    row.mtime_ns = 1_700_000_000_000_000_000 + i128::from(drawn >> 20);
    row.ctime_ns = row.mtime_ns;
    row.mode = 0o100_644;
    row.uid = n % 3 * 1_000;
    row.ino = drawn >> 30;
    if status.has_digests() {
        let mut digest = [0; 32];
        if is_listed {
            digest = listed(u64::from(n / MATCHES) % LISTED);
        } else {
            digest
                .chunks_exact_mut(8)
                .for_each(|part| part.copy_from_slice(&numbers.draw().to_le_bytes()));
        }
        row.digests.push((HashKind::Sha256, digest.into_iter().collect()));
    }
    row
}
