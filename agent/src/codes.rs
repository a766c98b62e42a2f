//! The words that an agent ends or declines with are a closed list, and the reference has them all.

use std::collections::BTreeSet;

/// Every place that makes such a word, and the marks of the lines that do.
const MAKERS: [(&str, &[&str]); 7] = [
    (include_str!("intake.rs"), &["declined(", "State::"]),
    (include_str!("dispatch.rs"), &["State::", "end(", "const LIST_MISSING"]),
    (include_str!("settle.rs"), &["State::"]),
    (include_str!("runner.rs"), &["State::"]),
    (include_str!("collectors/mod.rs"), &["pub const "]),
    (include_str!("../../common/protocol/src/request/sign.rs"), &["Self::"]),
    (include_str!("once.rs"), &["State::"]),
];

/// Returns the words in quotation marks of the lines that have one of the marks.
fn words<'a>(source: &'a str, marks: &[&str]) -> impl Iterator<Item = &'a str> {
    let is_marked = move |line: &&str| marks.iter().any(|mark| line.contains(mark));
    let is_word = |text: &&str| {
        text.len() > 2 && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
    };
    let quoted = |line: &'a str| line.split('"').skip(1).step_by(2);
    source.lines().filter(is_marked).flat_map(quoted).filter(is_word)
}

#[test]
fn every_code_is_in_the_reference() {
    let page = include_str!("../../docs/reference/codes.md");
    let codes: BTreeSet<_> =
        MAKERS.iter().flat_map(|(source, marks)| words(source, marks)).collect();
    for known in [
        "not_matched",
        "agent_died",
        "no_root",
        "bad_signature",
        "panic",
        "list_missing",
        "paused_too_long",
        "not_pausable",
    ] {
        assert!(codes.contains(known), "{known} is not found any more: {codes:?}");
    }
    for code in codes {
        assert!(page.contains(&format!("`{code}`")), "{code} is not in docs/reference/codes.md");
    }
}
