use std::collections::BTreeSet;

use muster_protocol::hex;
use proptest::prelude::*;

use super::*;

const M1: &str = "0cc175b9c0f1b6a831c399e269772661";
const M2: &str = "92eb5ffee6ae2fec3ad71c777531578f";
const O: &str = "86f7e437faa5a7fce15d1ddcb9eaeaea377667b8";
const S1: &str = "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb";
const S2: &str = "3e23e8160039594a33894f6564e1b1348bbd7a0088d42c4acb73eeaed59c009d";
const S3: &str = "2e7d2c03a9507ae265ecf5b5356885a53393a2029d241394997265a1a25aefc6";

/// Reads a whole list: its hashes as `kind:hex`, or the line and the column that stopped it.
fn read(bytes: &[u8]) -> Result<BTreeSet<String>, (u64, Unclear)> {
    let mut reader = Reader::new(bytes).unwrap();
    let mut found = BTreeSet::new();
    while let Some((number, line)) = reader.next().unwrap() {
        match line {
            Line::Hashes(hashes) => {
                let named = |(kind, digest): &Digest| format!("{kind:?}:{}", hex::encode(digest));
                found.extend(hashes.iter().map(named));
            }
            Line::Nothing => {}
            Line::Unclear(unclear) => return Err((number, unclear)),
        }
    }
    Ok(found)
}

/// The list is read, and holds exactly these hashes, their kinds by their lengths.
#[track_caller]
fn holds(text: &str, hashes: &[&str]) {
    let kind = |hash: &str| kind_by_length(hash.len()).unwrap();
    let expected = hashes.iter().map(|hash| format!("{:?}:{hash}", kind(hash))).collect();
    assert_eq!(read(text.as_bytes()), Ok(expected), "{text}");
}

#[track_caller]
fn refuses(text: &str, line: u64, why: &str) {
    let (number, unclear) = read(text.as_bytes()).expect_err(text);
    assert_eq!(number, line, "{text}: {unclear:?}");
    assert!(unclear.why.contains(why), "{text}: {unclear:?}");
}

#[test]
fn every_hash_of_a_line_is_taken() {
    holds(&format!("{M1}\t{S2}\n{M2}\t{S1}"), &[M1, M2, S1, S2]);
    for separator in [" ", "  ", "\t", ",", ";", "|", " | ", ", ", "; ", "\",\"", "\u{a0}", "' '"] {
        holds(&format!("{S1}{separator}{S2}{separator}{S3}"), &[S1, S2, S3]);
        holds(&format!("evil{separator}{M1}{separator}{S1}{separator}{O}"), &[M1, S1, O]);
    }
    holds(&format!("- {S1}, dropper\n- {S2}, loader"), &[S1, S2]);
    holds(&format!("* {S1}\n• {S2}\n1. {S3}."), &[S1, S2, S3]);
    holds(&format!("{S1}:73:Win.Trojan.Agent\n{M1}:*:x:73"), &[S1, M1]);
    holds(&format!("MD5: {M1} SHA1: {O} SHA256: {S1}"), &[M1, O, S1]);
    holds(&format!("SHA1={O},MD5={M1},SHA256={S1},IMPHASH={M2}"), &[O, M1, S1]);
    holds(&format!("{M1} dropper https://example.org/file/{S1}"), &[M1]);
    holds(&format!("{S1} was C:\\x\\{M1} or /tmp/{M2}.exe"), &[S1]);
}

#[test]
fn a_hash_has_its_kind_before_or_behind_it() {
    for text in [
        format!("SHA256: {S1}"),
        format!("sha256={S1}"),
        format!("SHA-256 = {S1}"),
        format!("SHA 256 hash: {S1}"),
        format!("sha256:0x{S1}"),
        format!("0x{S1}"),
        format!("0X{}", S1.to_uppercase()),
        format!("=\"{S1}\""),
        format!("{S1},sha256"),
        format!("sha256,{S1}"),
        format!("SHA2-256(a b)= {S1}"),
        format!("SHA256 (a) {M1}) = {S1}"),
        format!("[file:hashes.'SHA-256' = '{S1}']"),
        format!("{{\"type\": \"sha256\", \"value\": \"{S1}\"}}"),
        format!("{{\"hashes\": {{\"SHA-256\": \"{S1}\"}}}}"),
        format!("\u{feff}{S1}\u{200b}"),
        format!("{S1}  /zoo/{M1}"),
        format!("{S1}  {M1}.bin"),
        format!("{S1} *{M1}"),
        format!("\\{S1}  a\\n{M1}"),
        format!("{S1}  # a dropper"),
        format!("{S1} {S1}"),
    ] {
        holds(&text, &[S1]);
    }
    let blake3 = Ok(BTreeSet::from([format!("Blake3:{S1}")]));
    for text in [
        format!("blake3:{S1}"),
        format!("BLAKE3 (a) = {S1}"),
        format!("b3sum: {S1}"),
        format!("{S1},blake3"),
        format!("blake3\n{S1}"),
        format!("path,blake3\nx,{S1}"),
        format!("blake3 path\n{S1} x"),
    ] {
        assert_eq!(read(text.as_bytes()), blake3, "{text}");
    }
}

#[test]
fn what_is_nearly_a_hash_is_never_passed_over() {
    let short = &S1[1..];
    for text in [
        short.to_owned(),
        format!("{short},x\n{S2},y"),
        format!("{short}0"),
        format!("{}O", &S1[1..]).replace("0O", "O0"),
        format!("{S1}f"),
        S1[..56].to_owned(),
        S1.repeat(2)[..96].to_owned(),
        format!("{}\u{200b}{}", &S1[..32], &S1[32..]),
        format!("{}\u{fffd}{}", &S1[..10], &S1[11..]),
        format!("sha256:{M1}"),
        format!("md5,{S1}"),
        format!("imphash: {M1}"),
        format!("SHA3-256 (a) = {S1}"),
        format!("SHA512/256 (a) = {S1}"),
        format!("BLAKE2b (a) = {S1}{S2}"),
        format!("RIPEMD160(a)= {O}"),
        format!("{M1},imphash"),
        "no hash".to_owned(),
        format!("/zoo/{M1}"),
    ] {
        if text == format!("{short}0") {
            // A wrong digit is as good as a right one.
            continue;
        }
        refuses(&text, 1, "");
        let (_, beside) = read(format!("{S3} {text}").as_bytes()).err().unwrap_or_else(|| {
            // Without anything like a hash it is what the hash is of.
            let is_fine = text.contains(M1) || text.starts_with("md5,") || text == "no hash";
            assert!(is_fine, "{text}");
            (1, Unclear::new("", "", "").spare())
        });
        assert!(!beside.is_spare || beside.text.is_empty(), "{text}: {beside:?}");
    }
    refuses(&format!("{S1}\n{S2},{short}"), 2, "63 digits");
    refuses(&format!("{S1}\n{S2} g{short}"), 2, "'g' is no hexadecimal digit");
    refuses(&format!("{S1},{S2}-dropper"), 1, "joined to other text");
    refuses(&format!("{S1}  a file, {M1}"), 1, "within a file's name");
    refuses(&format!("{S1} # not {S2}"), 1, "in a comment");
    let (_, unclear) = read(format!("  x, {short}").as_bytes()).unwrap_err();
    assert_eq!((unclear.column, unclear.text.as_str(), unclear.is_spare), (6, short, true));
    let (_, unclear) = read(format!("{S1}, {short}").as_bytes()).unwrap_err();
    assert!(!unclear.is_spare, "a line with a hash is never left out");
}

#[test]
fn columns_are_what_their_header_says() {
    holds(&format!("sha256,md5\n{S1},n/a\n{S2},\nN/A,{M1}\n-,{M2}"), &[S1, S2, M1, M2]);
    holds(&format!("hash_sha256,imphash\n{S1},{M1}"), &[S1]);
    holds(
        &format!("# \"first_seen\",\"sha256_hash\",\"imphash\"\n\"2026\",\"{S1}\",\"{M1}\""),
        &[S1],
    );
    holds(&format!("sep=;\nname;SHA-256\n\"a;b\";{S1}\n5\" disk;{S2}"), &[S1, S2]);
    holds(&format!("| sha256 | name |\n|---|:-:|\n| {S1} | x |"), &[S1]);
    holds(&format!("name\tsha256\n\t{S1}"), &[S1]);
    holds(
        &format!("type,value,comment\nsha256,{S1},dropped by {M1}\nfilename|md5,a.exe|{M2},"),
        &[S1, M2],
    );
    holds(&format!("indicator,type\n{S1},FileHash-SHA256"), &[S1]);
    holds(&format!("Algorithm  Hash  Path\n---------  ----  ----\nSHA256  {S1}  C:\\{M1}"), &[S1]);
    holds(&format!("title,sha256,note\n\"first, of two\",{S1},{M1}"), &[S1]);
    holds(&format!("sha256,filename\n{S1},a, b {M1}"), &[S1]);
    holds(
        &format!("%%%% HASHDEEP-1.0\n%%%% size,md5,sha256,filename\n0,{M1},{S1},/{M2}"),
        &[M1, S1],
    );
    holds(&format!("Hashes (MD5; SHA1)\n{M1}; {O}"), &[M1, O]);
    refuses(&format!("type,value\nimphash,{M1}"), 2, "no hash");
    refuses(&format!("type,value\nx509-fingerprint-sha1,{O}"), 2, "no hash");
    refuses(&format!("sha256,md5\n{M1},{S1}"), 2, "no sha256");
    refuses(&format!("sha256,md5\n{S1},{}", &M1[1..]), 2, "31 digits");
    refuses(&format!("sha256,md5\n{S1},{}…", &M1[..12]), 2, "no md5");
    refuses(&format!("sha256,whatever\n{S1},{M1}"), 2, "\"whatever\"");
    refuses(&format!("sha256\n{S1},{M1}"), 2, "beyond the header");
    refuses("name,md5\na,\n", 2, "no hash");
    refuses("name,filename\na,b\n", 1, "no hash");
    refuses(&format!("{M1}\nname,hash\n"), 2, "no hash");
}

#[test]
fn encodings_and_line_ends_do_not_matter() {
    let text = format!("# c\u{e9}\n{S1}\n\n{M1} \u{1f600}\n");
    let expected = read(text.as_bytes());
    assert_eq!(expected.as_ref().map(BTreeSet::len), Ok(2));
    for end in ["\r\n", "\r", "\u{b}", "\u{c}"] {
        assert_eq!(read(text.replace('\n', end).as_bytes()), expected, "{end:?}");
    }
    let units = || text.encode_utf16();
    let little: Vec<u8> = units().flat_map(u16::to_le_bytes).collect();
    let big: Vec<u8> = units().flat_map(u16::to_be_bytes).collect();
    assert_eq!(read(&[&[0xff, 0xfe], little.as_slice()].concat()), expected);
    assert_eq!(read(&[&[0xfe, 0xff], big.as_slice()].concat()), expected);
    for bare in [little, big] {
        assert!(read(&bare).unwrap_err().1.why.contains("NUL"));
    }
    assert!(read(b"\xff\xfe\0\0e\0\0\0").unwrap_err().1.why.contains("UTF-32"));
    assert!(read(format!("{S1}\0{S2}").as_bytes()).unwrap_err().1.why.contains("NUL"));
    assert_eq!(read(b""), Ok(BTreeSet::new()));
    let numbers = read(format!("{M1}\r\n\r\n\rx").as_bytes()).unwrap_err();
    assert_eq!(numbers.0, 4, "CR and LF are one end");
}

/// A way to write hashes down.
#[derive(Debug, Clone, Copy)]
enum Shape {
    Alone,
    Joined(&'static str),
    Labelled(&'static str),
    Summed,
    Binary,
    Tagged,
    Json,
    Bullet,
}

fn shape() -> impl Strategy<Value = Shape> {
    prop_oneof![
        Just(Shape::Alone),
        prop::sample::select(vec![" ", "  ", "\t", ",", ";", "|", ", ", " | "])
            .prop_map(Shape::Joined),
        prop::sample::select(vec![":", "=", ": ", " = ", " "]).prop_map(Shape::Labelled),
        Just(Shape::Summed),
        Just(Shape::Binary),
        Just(Shape::Tagged),
        Just(Shape::Json),
        Just(Shape::Bullet),
    ]
}

fn digest() -> impl Strategy<Value = Digest> {
    prop::sample::select(HashKind::ALL.to_vec())
        .prop_flat_map(|kind| (Just(kind), prop::collection::vec(any::<u8>(), kind.bytes())))
}

/// Writes hashes in one shape. What has no name in a shape cannot be a BLAKE3, which then gets one.
fn written(shape: Shape, hashes: &[Digest], note: &str) -> String {
    let named = |(kind, digest): &Digest, sign: &str| {
        format!("{}{sign}{}", kind.as_str().to_uppercase(), hex::encode(digest))
    };
    let hex = |hash: &Digest| match hash.0 {
        HashKind::Blake3 => named(hash, ":"),
        _ => hex::encode(&hash.1),
    };
    let each = |one: &dyn Fn(&Digest) -> String, between: &str| {
        hashes.iter().map(one).collect::<Vec<_>>().join(between)
    };
    let by_length = |hash: &Digest, behind: String| match hash.0 {
        HashKind::Blake3 => named(hash, ": "),
        _ => format!("{}{behind}", hex::encode(&hash.1)),
    };
    match shape {
        Shape::Alone => each(&hex, "\n"),
        Shape::Joined(between) => each(&hex, between),
        Shape::Labelled(sign) => each(&|hash| named(hash, sign), ", "),
        Shape::Summed => each(&|hash| by_length(hash, format!("  {note}")), "\n"),
        Shape::Binary => each(&|hash| by_length(hash, format!(" *{note}")), "\n"),
        Shape::Tagged => each(
            &|(kind, digest)| {
                let kind = kind.as_str().to_uppercase();
                format!("{kind} ({note}) = {}", hex::encode(digest))
            },
            "\n",
        ),
        Shape::Json => each(
            &|(kind, digest)| format!("{{\"{}\": \"{}\"}}", kind.as_str(), hex::encode(digest)),
            ", ",
        ),
        Shape::Bullet => each(&|hash| format!("- {}, {note}", hex(hash)), "\n"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_hashes_read_are_those_written(
        blocks in prop::collection::vec((shape(), prop::collection::vec(digest(), 1..5)), 1..6),
        note in "[a-z]{1,8}( [a-z./]{1,8}){0,2}",
        end in prop::sample::select(vec!["\n", "\r\n", "\r"]),
        is_utf16: bool,
    ) {
        let text: Vec<_> = blocks.iter().map(|(shape, hashes)| written(*shape, hashes, &note)).collect();
        let text = (text.join("\n# between\n\n") + "\n").replace('\n', end);
        let bytes: Vec<u8> = if is_utf16 {
            [0xfeff].into_iter().chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect()
        } else {
            text.clone().into_bytes()
        };
        let all = blocks.iter().flat_map(|(_, hashes)| hashes);
        let expected: BTreeSet<String> =
            all.map(|(kind, digest)| format!("{kind:?}:{}", hex::encode(digest))).collect();
        prop_assert_eq!(read(&bytes), Ok(expected), "{}", text);
    }

    #[test]
    fn a_table_is_read_whole_or_refused(
        rows in prop::collection::vec((digest(), digest(), 0_u8..5), 1..8),
        separator in prop::sample::select(vec![",", ";", "\t", "|"]),
        is_quoted: bool,
    ) {
        let quoted = |cell: String| if is_quoted { format!("\"{cell}\"") } else { cell };
        let (mut text, mut expected) = (String::new(), BTreeSet::new());
        let columns = HashKind::ALL.map(|kind| quoted(format!("{}_hash", kind.as_str())));
        text.extend(["name", separator, &columns.join(separator), separator, "imphash\n"]);
        for (one, two, damage) in rows {
            let cell = |kind: HashKind| {
                let hash = [&one, &two].into_iter().find(|hash| hash.0 == kind);
                hash.map_or_else(|| "n/a".to_owned(), |(_, digest)| hex::encode(digest))
            };
            let mut cells: Vec<String> = HashKind::ALL.map(cell).into_iter().map(quoted).collect();
            for hash in if one.0 == two.0 { vec![&one] } else { vec![&one, &two] } {
                expected.insert(format!("{:?}:{}", hash.0, hex::encode(&hash.1)));
            }
            if damage == 0 {
                let at = HashKind::ALL.iter().position(|kind| *kind == one.0).unwrap();
                cells[at] = cells[at].replacen(|c: char| c.is_ascii_hexdigit(), "", 1);
                expected.insert("damaged".to_owned());
            }
            text.extend(["x", separator, &cells.join(separator), separator, M2, "\n"]);
        }
        match read(text.as_bytes()) {
            Ok(found) => prop_assert_eq!(found, expected, "{}", text),
            Err(_) => prop_assert!(expected.contains("damaged"), "{}", text),
        }
    }

    #[test]
    fn nothing_like_a_hash_is_lost(
        parts in prop::collection::vec((digest(), "[ ,;|:='\"][ ,;|:=()'\"a-z.#-]{0,10}[ ,;|:='\"]", 0_u8..8), 1..4),
    ) {
        let mut text = String::new();
        let mut written = BTreeSet::new();
        for ((_, digest), around, damage) in &parts {
            let mut hex = hex::encode(digest);
            if *damage == 0 {
                hex.pop();
            }
            written.insert(hex.clone());
            text.extend([around.as_str(), &hex]);
        }
        if let Ok(found) = read(text.as_bytes()) {
            let found: BTreeSet<_> = found.iter().map(|one| one.split(':').nth(1).unwrap().to_owned()).collect();
            let is_comment = text.trim_start().starts_with('#');
            let is_tagged = text.contains('(') && text.contains(')');
            let is_path = text.contains(". ") || written.iter().any(|hex| text.contains(&format!("{hex}.")));
            prop_assert!(is_comment || is_tagged || is_path || found == written, "{} {:?}", text, found);
        }
    }

    #[test]
    fn no_bytes_are_more_than_an_error(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        drop(read(&bytes));
    }
}
