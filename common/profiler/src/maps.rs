//! What is mapped where in this process, with build ids.

use std::fs::File;
use std::os::unix::fs::FileExt;

use muster_protocol::limits::PROFILE_MAPPINGS_MAX;

/// One executable mapping.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapping {
    /// First address.
    pub start: u64,
    /// Address after the last.
    pub limit: u64,
    /// Offset of `start` in the file.
    pub offset: u64,
    /// The file, lossily, or a name such as `[vdso]`.
    pub name: String,
    /// The build id in lower-case hex; empty when there is none.
    pub build_id: String,
}

/// Returns the executable mappings of this process in order of address.
pub fn own() -> std::io::Result<Vec<Mapping>> {
    let text = std::fs::read("/proc/self/maps")?;
    let text = String::from_utf8_lossy(&text);
    let mut mappings: Vec<Mapping> =
        text.lines().filter_map(parse).take(PROFILE_MAPPINGS_MAX).collect();
    for mapping in &mut mappings {
        mapping.build_id = build_id_of(&mapping.name).unwrap_or_default();
    }
    Ok(mappings)
}

/// Reads one line of `/proc/self/maps`; `None` when it is not executable.
fn parse(line: &str) -> Option<Mapping> {
    let mut rest = line;
    let mut next = || {
        let (word, tail) = rest.trim_start().split_once(' ').unwrap_or((rest.trim_start(), ""));
        rest = tail;
        word
    };
    let (start, limit) = next().split_once('-')?;
    let permissions = next();
    let offset = u64::from_str_radix(next(), 16).ok()?;
    next(); // device
    next(); // inode
    if permissions.as_bytes().get(2) != Some(&b'x') {
        return None;
    }
    Some(Mapping {
        start: u64::from_str_radix(start, 16).ok()?,
        limit: u64::from_str_radix(limit, 16).ok()?,
        offset,
        name: rest.trim_start().to_owned(),
        build_id: String::new(),
    })
}

fn build_id_of(name: &str) -> Option<String> {
    if !name.starts_with('/') {
        return None;
    }
    // A binary that was replaced while it runs is still there under this name.
    let own = std::fs::read_link("/proc/self/exe").ok();
    let is_own = own.is_some_and(|own| own.to_string_lossy() == name);
    build_id(&File::open(if is_own { "/proc/self/exe" } else { name }).ok()?)
}

/// Reads the build id of a 64-bit little-endian ELF file, in lower-case hex.
pub fn build_id(file: &File) -> Option<String> {
    let header: [u8; 64] = read(file, 0)?;
    if header.first_chunk() != Some(b"\x7fELF\x02\x01") {
        return None;
    }
    let table = number(&header, 32, 8)?;
    let size = number(&header, 54, 2)?;
    for index in 0..number(&header, 56, 2)?.min(128) {
        let program: [u8; 56] = read(file, table.checked_add(index * size)?)?;
        if number(&program, 0, 4)? == 4 {
            let notes: Vec<u8> = {
                let bytes = usize::try_from(number(&program, 32, 8)?.min(4_096)).ok()?;
                let mut notes = vec![0; bytes];
                file.read_exact_at(&mut notes, number(&program, 8, 8)?).ok()?;
                notes
            };
            if let Some(id) = gnu_build_id(&notes) {
                return Some(muster_protocol::hex::encode(id));
            }
        }
    }
    None
}

/// Walks ELF notes up to the one of owner `GNU` and type 3.
fn gnu_build_id(mut notes: &[u8]) -> Option<&[u8]> {
    while notes.len() > 12 {
        let name_bytes = usize::try_from(number(notes, 0, 4)?).ok()?;
        let id_bytes = usize::try_from(number(notes, 4, 4)?).ok()?;
        let id_start = 12 + name_bytes.next_multiple_of(4);
        let id = notes.get(id_start..id_start.checked_add(id_bytes)?)?;
        let is_gnu = notes.get(12..16) == Some(b"GNU\0") && number(notes, 8, 4)? == 3;
        if is_gnu && (4..=64).contains(&id.len()) {
            return Some(id);
        }
        notes = notes.get(id_start + id_bytes.next_multiple_of(4)..)?;
    }
    None
}

fn read<const N: usize>(file: &File, at: u64) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    file.read_exact_at(&mut bytes, at).ok()?;
    Some(bytes)
}

/// Reads a little-endian number.
fn number(bytes: &[u8], at: usize, size: usize) -> Option<u64> {
    let digits = bytes.get(at..at.checked_add(size)?)?;
    Some(digits.iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte)))
}
