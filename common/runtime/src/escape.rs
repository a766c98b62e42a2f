//! Makes text from an endpoint safe to look at on a terminal.
//!
//! In forensics every path is the adversary's text: control characters can repaint the screen, bidi
//! characters can make `exe.txt` of `txt.exe`, zero-width ones can make two names look alike. A backslash
//! is doubled, so what is shown is unambiguous.

use std::borrow::Cow;

/// Escapes text.
pub fn text(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_unsafe) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(escaped(text))
}

/// Escapes bytes; what is not UTF-8 is shown as `\xNN`.
pub fn bytes(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        out.push_str(&escaped(chunk.valid()));
        for byte in chunk.invalid() {
            push(&mut out, format_args!("\\x{byte:02x}"));
        }
    }
    out
}

/// Escapes text that is laid out already, as `\u{1b}`: line ends, tabs and backslashes stay.
pub fn laid_out(text: &str) -> Cow<'_, str> {
    replaced(text, |out, c| push(out, format_args!("\\u{{{:x}}}", u32::from(c))))
}

/// Escapes a JSON document as JSON does, so that it still means the same: `\u001b`.
pub fn json(text: &str) -> Cow<'_, str> {
    replaced(text, |out, c| {
        for unit in c.encode_utf16(&mut [0; 2]) {
            push(out, format_args!("\\u{unit:04x}"));
        }
    })
}

fn replaced(text: &str, replace: impl Fn(&mut String, char)) -> Cow<'_, str> {
    let is_layout = |at: usize, c: char| match c {
        '\n' | '\t' | '\\' => true,
        '\r' => text.get(at + 1..).is_some_and(|rest| rest.starts_with('\n')),
        _ => false,
    };
    let must_go = |(at, c): (usize, char)| is_unsafe(c) && !is_layout(at, c);
    if !text.char_indices().any(must_go) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 8);
    for (at, c) in text.char_indices() {
        if must_go((at, c)) {
            replace(&mut out, c);
        } else {
            out.push(c);
        }
    }
    Cow::Owned(out)
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if is_unsafe(c) => push(&mut out, format_args!("\\u{{{:x}}}", u32::from(c))),
            c => out.push(c),
        }
    }
    out
}

fn push(out: &mut String, what: std::fmt::Arguments<'_>) {
    out.push_str(&what.to_string());
}

/// Returns whether a character must not reach a terminal as it is.
fn is_unsafe(c: char) -> bool {
    c == '\\'
        || c.is_control()
        || matches!(
            c,
            '\u{ad}'
                | '\u{34f}'
                | '\u{61c}'
                | '\u{115f}'..='\u{1160}'
                | '\u{180e}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{3164}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

#[cfg(test)]
mod tests {
    #[test]
    fn control_and_bidi_characters_are_shown_not_obeyed() {
        assert_eq!(super::text("/tmp/a\x1b[2J\x07b"), "/tmp/a\\u{1b}[2J\\u{7}b");
        assert_eq!(super::text("a\nb\tc\rd"), "a\\nb\\tc\\rd");
        assert_eq!(super::text("gpj\u{202e}exe"), "gpj\\u{202e}exe");
        assert_eq!(super::text("\u{9b}31m"), "\\u{9b}31m");
        assert_eq!(super::text("pay\u{200b}pal"), "pay\\u{200b}pal");
    }

    #[test]
    fn a_literal_backslash_cannot_pass_for_an_escape() {
        assert_ne!(super::text("a\\nb"), super::text("a\nb"));
    }

    #[test]
    fn ordinary_text_is_left_alone() {
        assert_eq!(super::text("/home/café/日本"), "/home/café/日本");
    }

    #[test]
    fn a_layout_stays_and_json_means_the_same() {
        let text = "a\tb\\n\r\nc\rd\x1b[2J\u{9b}\u{202e}\u{e0041}\n";
        let shown = super::laid_out(text);
        assert_eq!(shown, "a\tb\\n\r\nc\\u{d}d\\u{1b}[2J\\u{9b}\\u{202e}\\u{e0041}\n");
        assert_eq!(super::laid_out(&shown), shown);
        assert_eq!(super::json("\"\u{7f}\u{202e}\u{e0041}\""), r#""\u007f\u202e\udb40\udc41""#);
        assert_eq!(super::json("{\n  \"caf\u{e9}\"\n}\n"), "{\n  \"caf\u{e9}\"\n}\n");
    }

    #[test]
    fn bytes_that_are_not_utf8_are_hexadecimal() {
        assert_eq!(super::bytes(b"/a/\xff\xfe\n"), "/a/\\xff\\xfe\\n");
    }
}
