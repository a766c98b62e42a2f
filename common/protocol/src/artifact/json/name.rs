//! Names of members, with all that JSON wants around them, made by the compiler.

/// Bytes of the longest: a copy of a length that the compiler knows takes two instructions and no call.
const WIDTH: usize = 32;

/// `,"name":`, with bytes behind it that do not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::artifact) struct MemberName {
    text: [u8; WIDTH],
    length: usize,
}

impl MemberName {
    /// Makes it. A name that is too long, or would have to be escaped, does not compile as a constant.
    #[expect(clippy::indexing_slicing, reason = "evaluated by the compiler")]
    pub(in crate::artifact) const fn new(name: &str) -> Self {
        let name = name.as_bytes();
        assert!(name.len() + 4 <= WIDTH, "the name is too long");
        let mut text = [0; WIDTH];
        text[0] = b',';
        text[1] = b'"';
        let mut at = 0;
        while at < name.len() {
            assert!(name[at].is_ascii_lowercase() || name[at].is_ascii_digit() || name[at] == b'_');
            text[2 + at] = name[at];
            at += 1;
        }
        text[2 + at] = b'"';
        text[3 + at] = b':';
        Self { text, length: name.len() + 4 }
    }

    /// Writes it behind what is there.
    pub(super) fn append(&self, line: &mut Vec<u8>) {
        let end = line.len() + self.length;
        line.extend_from_slice(&self.text);
        line.truncate(end);
    }
}
