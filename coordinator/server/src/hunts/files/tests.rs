use muster_protocol::artifact::file_hash::{FILE_HASH, FileKind, FileStatus, Row};
use muster_protocol::artifact::{Digest, Digests, HashKind, Rows};
use muster_protocol::ids::AgentId;
use muster_protocol::result::{RowChunk, State, rows};
use serde_bytes::ByteBuf;

use super::*;
use crate::hunts::of_agent::tests::{agent, id, request, run, status};
use crate::store::filled::fill;
use crate::store::fleet::Roster;
use crate::store::{Chunk, DataDir, Piece, Write};

/// A file under some names, and its content as two blobs: it was sent again after a kill. `first` is the first of four chunks.
fn sent(name: &str, digest: u8, paths: &[&str], first: u64) -> Vec<Write> {
    let row = |path: &&str| {
        let mut row = Row::bare(path.as_bytes().to_vec(), FileKind::Regular, FileStatus::Ok, 0);
        row.digests = Digests::from_iter([(HashKind::Sha256, Digest::from_elem(digest, 32))]);
        row
    };
    let body = Rows::of(paths.iter().map(row).collect::<Vec<Row>>()).pack().unwrap();
    let sha256 = rows::sha256(&body);
    let rows = u32::try_from(paths.len()).unwrap();
    let message = RowChunk {
        agent: agent(name),
        request: id(1),
        attempt: run(1),
        seq: first + 3,
        artifact: FILE_HASH.to_owned(),
        schema: 1,
        rows,
        sha256: sha256.clone(),
        body: ByteBuf::from(body),
    };
    let chunk = |seq, rows, blob, sha256, body| Chunk {
        request: id(1),
        agent: agent(name),
        attempt: run(1),
        seq,
        rows,
        blob,
        sha256,
        body,
    };
    let mut writes = Vec::new();
    for seq in [first, first + 1] {
        let (blob, kind) = (u32::try_from(seq).unwrap(), FILE_BLOB.to_owned());
        let sha256 = vec![digest; 32];
        let piece = Piece { blob, kind, place: 0, bytes: 1, total: 1, sha256: sha256.clone() };
        let chunk = chunk(seq, 0, Some(piece), vec![7; 32], vec![0x80]);
        writes.push(Write::Chunk(chunk.clone()));
        writes.push(Write::Blob { chunk, kind: FILE_BLOB.to_owned(), sha256, bytes: 77 });
    }
    let encoded = muster_protocol::wire::encode(&message).unwrap();
    writes.push(Write::Chunk(chunk(first + 3, rows, None, sha256.into_vec(), encoded)));
    writes
}

/// A hunt of two agents. `a-1` has sent three files, `b-1` one, and each of them a profile.
fn store(folder: &std::path::Path) -> Reader {
    let place = DataDir::prepare(folder).unwrap();
    let mut writes = vec![request(1, "hunt.start", &["a-1", "b-1"])];
    writes.extend(sent("a-1", 3, &["/c"], 10));
    writes.extend(sent("a-1", 2, &["/b", "/b-too"], 20));
    writes.extend(sent("a-1", 9, &["/z"], 30));
    writes.extend(sent("b-1", 2, &["/x"], 10));
    for name in ["a-1", "b-1"] {
        let mut profile = sent(name, 5, &[], 50);
        if let Some(Write::Blob { kind, .. }) = profile.get_mut(1) {
            "profile.cpu".clone_into(kind);
        }
        writes.extend(profile.into_iter().take(2));
        writes.push(status(1, name, State::Finished));
    }
    fill(&place, writes);
    place.reader().unwrap()
}

#[test]
fn files_come_once_of_each_agent_with_their_names_by_page() {
    let folder = tempfile::tempdir().unwrap();
    let (reader, roster) = (store(folder.path()), Roster::default());
    let whole = files(&reader, &roster, &id(1), (None, 100)).unwrap();
    let shown: Vec<_> = whole
        .items
        .iter()
        .map(|file| (file.agent.as_str(), &file.sha256[..2], file.paths.join(" ")))
        .collect();
    let expected =
        [("a-1", "02", "/b /b-too"), ("a-1", "03", "/c"), ("a-1", "09", "/z"), ("b-1", "02", "/x")];
    assert_eq!(shown, expected.map(|(agent, sha256, paths)| (agent, sha256, paths.to_owned())));
    assert!(whole.items.iter().all(|file| file.size == 77 && !file.paths_partial));
    assert!(whole.next.is_none() && whole.total == 4);
    for limit in 1..4 {
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            let page = files(&reader, &roster, &id(1), (after.as_ref(), limit)).unwrap();
            assert!(page.items.len() <= limit && page.total == 4);
            all.extend(page.items);
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(all, whole.items, "{limit}");
    }
    assert!(files(&reader, &roster, &id(2), (None, 5)).unwrap().items.is_empty());
    assert!(reader.has_counted_blob(&id(1), FILE_BLOB, &[9; 32]).unwrap());
    for absent in [[5; 32], [8; 32]] {
        assert!(!reader.has_counted_blob(&id(1), FILE_BLOB, &absent).unwrap());
    }
}

#[test]
fn where_there_is_no_room_to_look_for_names_the_file_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let reader = store(folder.path());
    let gathered = |rows_max, most| {
        let mut paths = BTreeMap::from([(&[2; 32][..], Vec::new()), (&[9; 32][..], Vec::new())]);
        let of: (_, AgentId, _) = (id(1), agent("a-1"), run(1));
        let mut names = Names::new(rows_max);
        let run = (&of.0, &of.1, &of.2);
        let is_whole = names.gather(&reader, run, &mut paths, most).unwrap();
        (is_whole, paths.into_values().map(|names| names.join(" ")).collect::<Vec<_>>())
    };
    let all = vec!["/b /b-too".to_owned(), "/z".to_owned()];
    assert_eq!(gathered(100, 9), (true, all));
    assert_eq!(gathered(100, 1), (true, vec!["/b".to_owned(), "/z".to_owned()]));
    assert_eq!(gathered(3, 9), (false, vec!["/b /b-too".to_owned(), String::new()]));
    assert_eq!(gathered(0, 9), (false, vec![String::new(), String::new()]));
}
