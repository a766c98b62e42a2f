//! Callgrind's format, read by its own tool.

use std::process::Command;

use super::made;
use crate::profiles::profile::Profile;

/// Runs the tool over a profile, functions by their inclusive cost when asked.
fn annotate(profile: &Profile, flags: &[&str]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("callgrind.out");
    std::fs::write(&file, profile.callgrind("web-1")).unwrap();
    let mut tool = Command::new("callgrind_annotate");
    let said = tool.args(flags).args(["--threshold=100", "--show-percs=no"]).arg(&file).output();
    let said = said.expect("callgrind_annotate: install valgrind");
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    String::from_utf8(said.stdout).unwrap()
}

/// Returns the first number of the line of a function.
fn cost(listing: &str, function: &str) -> u64 {
    let line = listing.lines().find(|line| line.contains(function));
    let line = line.unwrap_or_else(|| panic!("{function}: {listing}"));
    let first = line.split_whitespace().next().unwrap().replace(',', "");
    first.parse().unwrap_or_else(|_| panic!("{line}"))
}

#[test]
fn the_tool_adds_up_what_we_do() {
    let profile = made::agent();
    let own = annotate(&profile, &["--auto=no"]);
    assert_eq!(cost(&own, "PROGRAM TOTALS"), 1_000_000_000);
    assert_eq!(cost(&own, "/b/hash.rs:hash [muster-agent]"), 100_000_000);
    assert_eq!(cost(&own, "/r/sha2.rs:hash"), 600_000_000, "inlined into hash");
    assert_eq!(cost(&own, "/b/walk.rs:walk"), 30_000_000);
    let inclusive = annotate(&profile, &["--auto=no", "--inclusive=yes"]);
    assert_eq!(cost(&inclusive, "main.rs:main"), 1_000_000_000);
    assert_eq!(cost(&inclusive, "tick.rs:tick"), 70_000_000);
    assert_eq!(cost(&inclusive, "/b/libc.c:read"), 200_000_000);
}

#[test]
fn lines_calls_and_inlined_code_are_written_as_the_format_says() {
    let text = made::agent().callgrind("web\n-1");
    assert!(text.starts_with("# callgrind format\n") && text.contains("\ncmd: web?-1\n"), "{text}");
    assert!(text.contains("\nevents: cpu samples\nsummary: 1000000000 100\n"), "{text}");
    // Every name is written once.
    let names: Vec<_> = text.lines().filter(|line| line.ends_with(" walk")).collect();
    assert_eq!(names.len(), 1, "{text}");
    let hash = text.split("\n\n").find(|part| part.contains(" hash\n")).unwrap();
    assert!(hash.contains("8 100000000 10\n"), "{hash}");
    let inlined = hash.split("fi=").nth(1).unwrap();
    assert!(inlined.starts_with('(') && inlined.contains(" /r/sha2.rs\n90 600000000 60"), "{hash}");
    let main = text.split("\n\n").find(|part| part.contains(" main\n")).unwrap();
    assert!(
        main.contains("calls=90 ") && main.contains("calls=3 "),
        "samples that saw the call: {main}"
    );
    assert!(main.contains("\n5 900000000 90\n") && main.contains("\n9 70000000 7"), "{main}");
}

#[test]
fn the_lines_of_this_process_are_annotated() {
    let folder = tempfile::tempdir().unwrap();
    let profile = super::resolve(&super::raw(), folder.path());
    let listing = annotate(&profile, &["--auto=yes"]);
    let line = listing.lines().find(|line| line.contains("state = state ^ (state << 7)"));
    let line = line.unwrap_or_else(|| panic!("{listing}"));
    assert!(line.trim_start().starts_with(|char: char| char.is_ascii_digit()), "{line}");
    assert_eq!(cost(&listing, "PROGRAM TOTALS"), profile.total().unsigned_abs());
}
