use muster_protocol::hex;
use proptest::prelude::*;

use super::*;
use crate::output::Format;

const MD5: &str = "d41d8cd98f00b204e9800998ecf8427e";
const SHA1: &str = "da39a3ee5e6b4b0d3255bfef95601890afd80709";
const SHA256: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

fn read(text: &str, skips_bad: bool) -> Result<Hashes, Failure> {
    let mut hashes = Hashes::default();
    hashes.add("bad.txt", text.as_bytes(), skips_bad).map_err(|bad| bad.failure)?;
    Ok(hashes)
}

/// Returns what a text holds, as `kind:hex`.
#[track_caller]
fn found(text: &str) -> Vec<String> {
    let hashes = read(text, false).unwrap();
    let of = hashes.of.iter();
    let shown = of.flat_map(|(kind, digests)| {
        digests.iter().map(|digest| format!("{}:{}", kind.as_str(), hex::encode(digest)))
    });
    shown.collect()
}

#[test]
fn every_way_in_which_people_keep_hashes() {
    let sha512 = SHA256.repeat(2);
    let upper = MD5.to_uppercase();
    let mixed = format!("\u{feff}# bad\n\n{upper}\r\n  {SHA1}  # a dropper\n{SHA256}\n{sha512}\n");
    let expected = [
        format!("md5:{MD5}"),
        format!("sha1:{SHA1}"),
        format!("sha256:{SHA256}"),
        format!("sha512:{sha512}"),
    ];
    assert_eq!(found(&mixed), expected);
    let only = vec![format!("sha256:{SHA256}")];
    for text in [
        format!("{SHA256}  a file, with commas; /{MD5}"),
        format!("{SHA256} *binary"),
        format!("\\{SHA256}  a\\nb"),
        format!("SHA256 (a = b) = {SHA256}"),
        format!("SHA2-256(a)= {SHA256}"),
        format!("sha256:{SHA256}"),
        format!("2026-01-02,\"dropper, first stage\",\"{SHA256}\""),
        format!("when;hash\n2026;{SHA256}"),
        format!("name\tSHA-256\tmd5\nx\t{SHA256}\t"),
        format!("imphash,sha256_hash\n{MD5},{SHA256}"),
        format!("title,sha256,note\n\"first, of two\",{SHA256},{MD5}"),
        format!("indicator,type\n{SHA256},FileHash-SHA256"),
        format!("%%%% HASHDEEP-1.0\n%%%% size,sha256,filename\n## x\n0,{SHA256},/{MD5}"),
    ] {
        assert_eq!(found(&text), only, "{text}");
    }
    let blake3 = [format!("blake3:{SHA256}")];
    assert_eq!(found(&format!("blake3\n{SHA256}")), blake3);
    assert_eq!(found(&format!("blake3:{SHA256}")), blake3);
    assert_eq!(found(&format!("BLAKE3 (a) = {SHA256}")), blake3);
}

#[test]
fn a_line_without_a_hash_is_named() {
    for (text, line) in [
        (format!("{MD5}\n{}\n", &MD5[1..]), 2),
        (format!("\n# x\nno hash here\n{MD5}"), 3),
        (format!("{MD5}\nname,hash\n"), 2),
        (format!("name,md5\na,{SHA1}\n"), 2),
        ("name,md5\na,\n".to_owned(), 2),
        (format!("sha256:{MD5}\n"), 1),
        (format!("g{}\n", &MD5[1..]), 1),
        (format!("{MD5}\n{}", "x".repeat(limits::IOC_LINE_BYTES_MAX + 1)), 2),
    ] {
        let failure = read(&text, false).unwrap_err();
        assert!(failure.error.contains(&format!("line {line} ")), "{text:.80}: {failure}");
        assert!(failure.error.contains("column "), "{failure}");
        assert_eq!(failure.exit, Exit::Usage);
        assert!(!failure.cause.is_empty() && failure.next.contains("--ioc-skip-bad"));
    }
    let hashes = read(&format!("{MD5}\nnone\n{SHA1}\n{}\n", &MD5[1..]), true).unwrap();
    assert_eq!((hashes.count(), hashes.skipped), (2, 2));
    assert_eq!(hashes.skipped_first, ["bad.txt:2", "bad.txt:4"]);
    let beside = format!("{MD5}\n{SHA1} {}\n", &MD5[1..]);
    assert!(read(&beside, true).is_err(), "a line with a hash is never left out");
}

#[test]
fn the_empty_file_is_known_under_every_kind() {
    for kind in HashKind::ALL {
        let mut state = muster_protocol::hex::decode(MD5).unwrap();
        assert!(!holds_empty(kind, &[vec![1; kind.bytes()]]));
        if kind != HashKind::Md5 {
            state = match kind {
                HashKind::Sha1 => muster_protocol::hex::decode(SHA1).unwrap(),
                HashKind::Sha256 => muster_protocol::result::rows::sha256(b"").to_vec(),
                _ => continue,
            };
        }
        assert!(holds_empty(kind, &[vec![0; kind.bytes()], state, vec![255; kind.bytes()]]));
    }
}

#[test]
fn doubles_are_dropped_and_nothing_is_an_error() {
    let folder = tempfile::TempDir::new().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let one = write("1", &format!("{MD5}\n{}\n", MD5.to_uppercase()));
    let two = write("2", &format!("{MD5}\n{SHA1}\n"));
    let hashes = Hashes::read(&[one, two], false).unwrap();
    assert_eq!((hashes.read, hashes.count(), hashes.doubles), (4, 2, 2));
    let empty = write("3", "# none yet\n");
    assert_eq!(Hashes::read(&[empty], false).unwrap_err().exit, Exit::Usage);
    assert!(Hashes::read(&[folder.path().join("none")], false).is_err());
}

fn many(kind: HashKind, count: usize) -> Hashes {
    let digest = |n: usize| {
        let mut digest = vec![0; kind.bytes()];
        digest[..8].copy_from_slice(&n.to_be_bytes());
        digest
    };
    Hashes { of: BTreeMap::from([(kind, (0..count).map(digest).collect())]), ..Hashes::default() }
}

#[test]
fn a_list_is_cut_only_where_it_must_and_sent_in_parts_where_that_is_not_enough() {
    let widths = |kind: HashKind, count: usize| {
        let lists = many(kind, count).pack();
        lists.map(|lists| lists.iter().map(|list| (list.width(), list.count())).collect::<Vec<_>>())
    };
    let whole = limits::IOC_BYTES_MAX / 32;
    assert_eq!(widths(HashKind::Sha256, whole), Some(vec![(32, whole)]));
    assert_eq!(widths(HashKind::Sha256, whole + 1), Some(vec![(16, whole + 1)]));
    assert_eq!(widths(HashKind::Md5, 2 * whole), Some(vec![(16, 2 * whole)]));
    assert_eq!(widths(HashKind::Md5, 2 * whole + 1), None);
}

#[test]
fn the_parts_of_a_list_are_the_list() {
    type Width = fn(HashKind) -> usize;
    let mut hashes = many(HashKind::Sha512, 130_000);
    hashes.of.insert(HashKind::Md5, vec![vec![1; 16], vec![2; 16]]);
    let LongList { count, parts, whole } = hashes.part();
    assert_eq!((count, parts.len(), whole.len()), (130_002, 4, 18));
    let (cut, all): (Width, Width) = (|_| PART_WIDTH, HashKind::bytes);
    for (pieces, width) in [(&parts, cut), (&whole, all)] {
        let mut joined = Vec::new();
        for piece in pieces {
            assert!(piece.digests.len() <= limits::IOC_BYTES_MAX);
            piece.check(PART_WIDTH).unwrap();
            muster_protocol::artifact::ioc::join(&mut joined, piece.clone()).unwrap();
        }
        let expected: Vec<_> = hashes
            .of
            .iter()
            .map(|(kind, digests)| {
                IocList::new(*kind, width(*kind), digests.iter().map(Vec::as_slice))
            })
            .collect();
        assert_eq!(joined, expected);
    }
    let most = many(HashKind::Sha512, limits::IOC_HASHES_MAX).part();
    assert!(most.parts.len() <= limits::LIST_PARTS_MAX - 4, "{}", most.parts.len());
    assert!(most.whole.len() <= limits::LIST_PIECES_MAX - 4, "{}", most.whole.len());
}

#[test]
fn what_is_much_for_the_fleet_wants_a_yes() {
    let out = Out { notes_to_terminal: false, ..Out::new(Format::Table, true, false) };
    assert_eq!(consent(out, 500_000, 2_000, false), Ok(()));
    let failure = consent(out, 500_000, 2_001, false).unwrap_err();
    assert_eq!((failure.exit, failure.error.as_str()), (Exit::Usage, "not without a yes"));
    assert!(failure.cause.contains("2,001 agents"), "{failure}");
    assert_eq!(consent(out, 500_000, 2_001, true), Ok(()));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_is_more_than_an_error(text in "(?s).{0,300}") {
        let strict = read(&text, false).map(|hashes| hashes.of);
        let lax = read(&text, true);
        if let Ok(strict) = strict {
            let lax = lax.unwrap();
            prop_assert_eq!((strict, 0), (lax.of, lax.skipped));
        }
    }
}
