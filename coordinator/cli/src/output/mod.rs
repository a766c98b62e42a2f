//! The one module that prints: data to stdout in the format that was asked for, all else to stderr.
//!
//! Text from an endpoint never reaches a terminal raw ([`escape`]) and never a spreadsheet as a formula
//! ([`csv`]). A reader that closes the pipe ends the program with success.

pub mod cell;
pub mod curve;
pub mod document;
pub mod listing;
pub mod progress;
pub mod rows;

use std::borrow::Cow;
use std::io::{self, IsTerminal, Write};

use muster_runtime::stdout::Stdout;
use serde::Serialize;

use crate::failure::{Exit, Failure};

pub use cell::{Cell, Show};
pub use document::{Document, json_of};
pub use listing::Column;
pub use muster_api::{csv, units};
pub use muster_runtime::escape;

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

impl Format {
    /// Escapes what a terminal would obey, the way that the format has for it.
    fn on_screen(self, text: &str) -> Cow<'_, str> {
        match self {
            Self::Json | Self::Jsonl => escape::json(text),
            Self::Table | Self::Csv => escape::laid_out(text),
        }
    }
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

    /// Writes text to stdout; to a terminal nothing that it would obey.
    pub fn text(&self, text: &str) -> Result<(), Failure> {
        let text = if self.to_terminal { self.format.on_screen(text) } else { Cow::Borrowed(text) };
        Self::raw(text.as_bytes())
    }

    /// Writes a line of text to stdout.
    pub fn line(&self, text: &str) -> Result<(), Failure> {
        self.text(&format!("{text}\n"))
    }

    /// Writes the bytes of a file to stdout: as they are, but to a terminal only what is text.
    pub fn bytes(&self, bytes: &[u8]) -> Result<(), Failure> {
        if !self.to_terminal {
            return Self::raw(bytes);
        }
        match std::str::from_utf8(bytes) {
            Ok(text) => Self::raw(escape::laid_out(text).as_bytes()),
            Err(_) => Err(Failure::usage(
                "this is not for a terminal",
                "it is binary",
                "-o FILE, or a pipe",
            )),
        }
    }

    /// Draws on a terminal: text with cursor movements of our own, in which all other text is escaped already.
    pub fn draw(&self, frame: &str) -> Result<(), Failure> {
        Self::raw(frame.as_bytes())
    }

    fn raw(bytes: &[u8]) -> Result<(), Failure> {
        Stdout.write_all(bytes).map_err(|e| Failure::stdout(&e))
    }

    /// Prints one thing: a document, a line, a header and a row, or its fields one below the other.
    pub fn record<T>(&self, columns: &[Column<T>], one: &Document<T>) -> Result<(), Failure> {
        match self.format {
            Format::Json => self.json(&one.json),
            Format::Table => self.text(&listing::fields(columns, &one.view)),
            Format::Jsonl | Format::Csv => self.list(columns, std::slice::from_ref(one)),
        }
    }

    /// Prints many things.
    pub fn list<T>(&self, columns: &[Column<T>], all: &[Document<T>]) -> Result<(), Failure> {
        let views = all.iter().map(|one| &one.view);
        match self.format {
            Format::Json => self.json(&all.iter().map(|one| &one.json).collect::<Vec<_>>()),
            Format::Jsonl => {
                let lines: Vec<_> = all.iter().map(|one| one.json.to_string() + "\n").collect();
                self.text(&lines.concat())
            }
            Format::Csv => self.text(&listing::csv(columns, views)),
            Format::Table => self.text(&listing::table(columns, views)),
        }
    }

    /// Prints one JSON document, laid out.
    pub fn json(&self, document: &impl Serialize) -> Result<(), Failure> {
        let text = serde_json::to_string_pretty(document);
        self.line(&text.map_err(|error| Failure::bug("cannot write a document", error))?)
    }

    /// Prints a note on stderr, unless the person asked for quiet.
    pub fn note(&self, text: &str) {
        if !self.is_quiet {
            to_stderr(&escape::laid_out(text));
        }
    }

    /// Prints on stderr what must be seen to be answered, also where the person asked for quiet.
    pub fn prompt(&self, text: &str) {
        to_stderr(&escape::laid_out(text));
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
        write!(stderr, "{} [y/N] ", escape::laid_out(question))
            .and_then(|()| stderr.flush())
            .ok()?;
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

/// Prints what the argument parser says: help and version to stdout, an error to stderr.
pub fn usage(told: &clap::Error, may_colour: bool) -> Exit {
    if told.use_stderr() {
        to_stderr(escape::laid_out(told.render().to_string().trim_end()).as_ref());
        return Exit::Usage;
    }
    let text = told.render();
    let is_styled = io::stdout().is_terminal() && may_colour;
    let text = if is_styled { text.ansi().to_string() } else { text.to_string() };
    match Stdout.write_all(text.as_bytes()).map_err(|error| Failure::stdout(&error)) {
        Err(failure) if failure.exit != Exit::Done => {
            to_stderr(&format!("error: {}: {}", failure.error, failure.cause));
            failure.exit
        }
        _ => Exit::Done,
    }
}
