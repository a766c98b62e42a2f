//! What hashes and columns are called: `SHA-256`, `md5_hash`, `FileHash-SHA1`, `imphash`, `Indicator`.

use muster_protocol::artifact::HashKind;

/// What a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Name {
    /// A hash of a whole file that a hunt can compute.
    Kind(HashKind),
    /// A hash of any kind.
    Generic,
    /// The kind of what is beside it.
    Type,
    /// A hash of something else than a whole file, or one that no hunt computes.
    Foreign,
    /// What is no hash: names, notes, times.
    Aside,
    /// Not known.
    Unknown,
}

/// Words around the name of a kind that change nothing.
const BEFORE: [&str; 15] = [
    "file",
    "hashes",
    "hash",
    "sample",
    "payload",
    "malware",
    "ioc",
    "indicator",
    "binary",
    "object",
    "process",
    "image",
    "dropped",
    "attachment",
    "artifact",
];
const AFTER: [&str; 10] =
    ["hashes", "hash", "checksums", "checksum", "sums", "sum", "digest", "hex", "values", "value"];

/// Hashes that look like those of a file.
const FOREIGN: [&str; 33] = [
    "imphash",
    "authentihash",
    "pehash",
    "richhash",
    "richpehash",
    "ssdeep",
    "tlsh",
    "sdhash",
    "vhash",
    "telfhash",
    "gimphash",
    "symhash",
    "permhash",
    "impfuzzy",
    "cdhash",
    "md2",
    "md4",
    "md6",
    "ntlm",
    "sha0",
    "sha224",
    "sha384",
    "sha512224",
    "sha512256",
    "sha2224",
    "sha2384",
    "whirlpool",
    "tiger",
    "gost",
    "streebog",
    "sm3",
    "jarm",
    "thumbprint",
];
const FOREIGN_BEGIN: [&str; 13] = [
    "sha3", "blake2", "keccak", "shake", "skein", "ripemd", "rmd160", "ja3", "ja4", "hassh",
    "x509", "sha5122", "sha2512",
];
/// What is in the name of a column of such hashes.
const FOREIGN_WITHIN: [&str; 18] = [
    "imphash",
    "authentihash",
    "ssdeep",
    "tlsh",
    "ja3",
    "jarm",
    "hassh",
    "x509",
    "certificate",
    "thumbprint",
    "fingerprint",
    "telfhash",
    "vhash",
    "richhash",
    "richpe",
    "richheader",
    "icon",
    "commit",
];

const TYPES: [&str; 12] = [
    "type",
    "hashtype",
    "indicatortype",
    "ioctype",
    "algorithm",
    "algo",
    "hashalgorithm",
    "kind",
    "hashkind",
    "attributetype",
    "observabletype",
    "valuetype",
];

/// What is in the name of a column that holds no hash to look for.
const ASIDE_WITHIN: [&str; 34] = [
    "name",
    "path",
    "url",
    "link",
    "ref",
    "note",
    "comment",
    "desc",
    "title",
    "remark",
    "tag",
    "family",
    "signature",
    "threat",
    "date",
    "time",
    "seen",
    "size",
    "uuid",
    "guid",
    "mime",
    "actor",
    "campaign",
    "source",
    "reporter",
    "score",
    "severity",
    "confidence",
    "context",
    "detail",
    "event",
    "host",
    "status",
    "count",
];

impl Name {
    /// Reads the name of a column.
    pub(super) fn of_column(text: &str) -> Self {
        let name = plain(text);
        match Self::of_plain(&name) {
            Self::Unknown => {}
            known => return known,
        }
        if FOREIGN_WITHIN.iter().any(|part| name.contains(part)) || name.starts_with("cert") {
            return Self::Foreign;
        }
        let names_kind = HashKind::ALL.iter().any(|kind| name.contains(kind.as_str()));
        if names_kind {
            return Self::Unknown;
        }
        if TYPES.contains(&name.as_str()) {
            return Self::Type;
        }
        let is_generic = ["hash", "sum", "digest", "indicator", "ioc", "value", "observable"];
        let rest = stripped(&name);
        let is_bare = ["", "s", "indicators", "iocs", "observable", "observables"].contains(&rest);
        if is_bare && is_generic.iter().any(|part| name.contains(part)) {
            return Self::Generic;
        }
        let is_aside = ASIDE_WITHIN.iter().any(|part| name.contains(part));
        if is_aside || name == "file" || name.ends_with("id") { Self::Aside } else { Self::Unknown }
    }

    /// Reads a word that may name a kind.
    pub(super) fn of_word(text: &str) -> Self {
        Self::of_plain(&plain(text))
    }

    /// Reads the type that a row gives for its value: `FileHash-SHA256`, `filename|md5`.
    pub(super) fn of_type(text: &str) -> Self {
        let last = text.rsplit('|').next().unwrap_or(text);
        let name = plain(last);
        match Self::of_plain(&name) {
            Self::Unknown
                if ["file", "hash", "filehash", "hashes", ""].contains(&name.as_str()) =>
            {
                Self::Generic
            }
            Self::Unknown if FOREIGN_WITHIN.iter().any(|part| name.contains(part)) => Self::Foreign,
            other => other,
        }
    }

    fn of_plain(name: &str) -> Self {
        let kind = match stripped(name) {
            "b3" => Some(HashKind::Blake3),
            "sha2256" => Some(HashKind::Sha256),
            "sha2512" => Some(HashKind::Sha512),
            rest => HashKind::ALL.into_iter().find(|kind| kind.as_str() == rest),
        };
        match kind {
            Some(kind) => Self::Kind(kind),
            None if FOREIGN.contains(&name) => Self::Foreign,
            None if FOREIGN_BEGIN.iter().any(|begin| name.starts_with(begin)) => Self::Foreign,
            None => Self::Unknown,
        }
    }
}

/// Returns the letters and digits alone, in lower case.
fn plain(text: &str) -> String {
    text.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

/// Takes away what says nothing of the kind.
fn stripped(name: &str) -> &str {
    let mut rest = name;
    loop {
        let before = BEFORE.iter().find_map(|word| rest.strip_prefix(word));
        let shorter = before.or_else(|| AFTER.iter().find_map(|word| rest.strip_suffix(word)));
        match shorter {
            Some(shorter) => rest = shorter,
            None => return rest,
        }
    }
}
