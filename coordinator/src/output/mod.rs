//! The one module that prints: data to stdout in the format that was asked for, all else to stderr.
//!
//! Text from an endpoint never reaches a terminal raw ([`escape`]) and never a spreadsheet as a formula
//! ([`csv`]). A reader that closes the pipe ends the program with success.

pub mod csv;
pub mod curve;
pub mod escape;
pub mod files;
pub mod listing;
pub mod progress;
pub mod units;

use std::io::{self, IsTerminal, Write};

use serde_json::Value;

use crate::cli::failure::{Exit, Failure};

pub use listing::{Column, Show};

/// The shape of what goes to stdout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Table,
    /// One document.
    Json,
    /// One object a line.
    Jsonl,
    /// Comma-separated, with a header; cells that a spreadsheet would execute are neutralised.
    Csv,
}

/// Where and how to print.
#[expect(clippy::struct_excessive_bools, reason = "four independent facts about the streams")]
#[derive(Debug, Clone, Copy)]
pub struct Out {
    /// The shape of data.
    pub format: Format,
    /// No notes and no progress on stderr; errors stay.
    pub is_quiet: bool,
    /// Colour on stderr.
    pub is_coloured: bool,
    /// Whether stdout is a terminal.
    pub to_terminal: bool,
    /// Whether stderr is a terminal.
    pub notes_to_terminal: bool,
}

impl Out {
    /// Looks at the process's own stdout and stderr.
    pub fn new(format: Format, is_quiet: bool, may_colour: bool) -> Self {
        let notes_to_terminal = io::stderr().is_terminal();
        Self {
            format,
            is_quiet,
            is_coloured: may_colour && notes_to_terminal,
            to_terminal: io::stdout().is_terminal(),
            notes_to_terminal,
        }
    }

    /// Writes bytes to stdout as they are.
    pub fn bytes(&self, bytes: &[u8]) -> Result<(), Failure> {
        let mut stdout = io::stdout().lock();
        stdout.write_all(bytes).and_then(|()| stdout.flush()).map_err(|e| Failure::stdout(&e))
    }

    /// Writes a line of text to stdout.
    pub fn line(&self, text: &str) -> Result<(), Failure> {
        self.bytes(format!("{text}\n").as_bytes())
    }

    /// Prints one thing: a document, a line, a header and a row, or its fields one below the other.
    pub fn record(&self, columns: &[Column], value: &Value) -> Result<(), Failure> {
        match self.format {
            Format::Json => self.line(&pretty(value)),
            Format::Table => self.bytes(listing::fields(columns, value).as_bytes()),
            Format::Jsonl | Format::Csv => self.list(columns, std::slice::from_ref(value)),
        }
    }

    /// Prints many things.
    pub fn list(&self, columns: &[Column], values: &[Value]) -> Result<(), Failure> {
        match self.format {
            Format::Json => self.line(&pretty(&Value::Array(values.to_vec()))),
            Format::Jsonl => {
                let mut lines = Vec::new();
                for value in values {
                    lines.extend(value.to_string().into_bytes());
                    lines.push(b'\n');
                }
                self.bytes(&lines)
            }
            Format::Csv => self.bytes(listing::csv(columns, values).as_bytes()),
            Format::Table => self.bytes(listing::table(columns, values).as_bytes()),
        }
    }

    /// Says something to the person on stderr, unless they asked for quiet.
    pub fn note(&self, text: &str) {
        if !self.is_quiet {
            to_stderr(text);
        }
    }

    /// Prints a failure: what, why, what to do next.
    pub fn failure(&self, failure: &Failure) {
        let (red, plain) = if self.is_coloured { ("\x1b[1;31m", "\x1b[0m") } else { ("", "") };
        let clean =
            |text: &str| text.lines().map(escape::text).collect::<Vec<_>>().join("\n         ");
        to_stderr(&format!("{red}error:{plain} {}", clean(&failure.error)));
        if !failure.cause.is_empty() {
            to_stderr(&format!("  cause: {}", clean(&failure.cause)));
        }
        if !failure.next.is_empty() {
            to_stderr(&format!("  try:   {}", clean(&failure.next)));
        }
    }

    /// Asks a question that defaults to no; `None` where nobody can answer.
    pub fn ask(&self, question: &str) -> Option<bool> {
        if !self.notes_to_terminal || !io::stdin().is_terminal() {
            return None;
        }
        let mut stderr = io::stderr().lock();
        write!(stderr, "{question} [y/N] ").and_then(|()| stderr.flush()).ok()?;
        let mut answer = String::new();
        io::stdin().read_line(&mut answer).ok()?;
        Some(matches!(answer.trim(), "y" | "Y" | "yes"))
    }
}

/// Returns how many columns and lines the terminal on stdout has; `None` where there is none.
pub fn screen() -> Option<(usize, usize)> {
    let size = rustix::termios::tcgetwinsize(io::stdout()).ok()?;
    (size.ws_col > 0).then(|| (usize::from(size.ws_col), usize::from(size.ws_row)))
}

/// Writes to stderr; there is nowhere left to report that stderr is gone.
fn to_stderr(text: &str) {
    drop(writeln!(io::stderr().lock(), "{text}"));
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_else(|_| value.to_string())
}

/// Prints what the argument parser says: help and version to stdout, an error to stderr.
pub fn usage(told: &clap::Error) -> Exit {
    // Neither a closed pipe nor a closed stderr changes what the command line was.
    drop(told.print());
    if told.use_stderr() { Exit::Usage } else { Exit::Done }
}
