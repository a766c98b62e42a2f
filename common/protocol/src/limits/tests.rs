use std::fmt::Write as _;

use super::TABLE;

const HEAD: &str = "# Limits

Every bound of the system and what happens when it is reached: `common/protocol/src/limits.rs`, from which a test makes this page. \
`muster doctor --limits` prints the table of the version at hand.

| limit | value | when it is reached |
|---|---|---|
";

fn document() -> String {
    let mut text = HEAD.to_owned();
    for limit in TABLE {
        let (name, value) = (limit.name.to_lowercase(), grouped(limit.value));
        writeln!(text, "| `{name}` | {value} | {} |", limit.when_reached).unwrap();
    }
    text
}

fn grouped(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::new();
    for (place, digit) in (0..digits.len()).rev().zip(digits.chars()) {
        text.push(digit);
        if place > 0 && place % 3 == 0 {
            text.push(',');
        }
    }
    text
}

/// The page is written again where it differs, and the test fails once: look at the change, commit it.
#[test]
fn the_reference_page_is_the_table() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference/limits.md");
    let made = document();
    if std::fs::read_to_string(file).unwrap_or_default() != made {
        std::fs::write(file, made).unwrap();
        panic!("docs/reference/limits.md was not up to date; it is now");
    }
}
