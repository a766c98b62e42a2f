//! The programs as a person runs them, and what they say when something is wrong.

use std::process::{Command, Output, Stdio};

use crate::fleet::binary;

/// A program that hears nothing of the environment of whoever runs the tests.
pub fn program(name: &str) -> Command {
    let mut command = Command::new(binary(name));
    for (variable, _) in std::env::vars_os() {
        if variable.to_string_lossy().starts_with("MUSTER_") {
            command.env_remove(variable);
        }
    }
    command.stdin(Stdio::null());
    command
}

/// Runs a program to its end; returns its code, stdout and stderr.
///
/// # Panics
/// When it does not run, or a signal ends it.
pub fn ran(command: &mut Command) -> (i32, String, String) {
    let Output { status, stdout, stderr } = command.output().expect("it runs");
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    (status.code().expect("a code"), text(&stdout), text(&stderr))
}

/// The last three lines: what, why, what to do next. Log lines may stand before them.
///
/// # Panics
/// When they are not there, or a word is missing.
#[track_caller]
pub fn assert_three_lines(stderr: &str, said: &[&str]) {
    let lines: Vec<_> = stderr.lines().collect();
    let Some([.., what, why, next]) = lines.get(..) else { panic!("not three lines: {stderr}") };
    assert!(what.starts_with("error: ") && what.len() > 12, "{stderr}");
    assert!(why.starts_with("  cause: ") && why.len() > 14, "{stderr}");
    assert!(next.starts_with("  try:   ") && next.len() > 14, "{stderr}");
    for word in said {
        assert!(stderr.contains(word), "{word:?} is not said:\n{stderr}");
    }
}
