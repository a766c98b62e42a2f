//! Logs: to stderr, `MUSTER_LOG` filters, JSON on demand. The last lines are kept for an operator who asks for them.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tracing_subscriber::EnvFilter;

use crate::escape;
use muster_protocol::limits::{LOG_RING_BYTES_MAX, LOG_RING_LINE_BYTES_MAX};

/// The shape of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// Starts logging to stderr. `filter` is in `tracing`'s syntax (`info`, `agent=debug`); one that does not
/// parse counts as `info`. `silent` is a target that logs only where the filter names it: a library whose
/// errors we report ourselves, with what to do. A second call changes nothing.
pub fn start(filter: &str, format: Format, silent: &str) {
    let without = |filter: &str| format!("{filter},{silent}=off");
    let filter = if filter.contains(silent) { filter.to_owned() } else { without(filter) };
    let filter = EnvFilter::try_new(&filter).unwrap_or_else(|_| EnvFilter::new(without("info")));
    let builder =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(move || Tee(format));
    let started = match format {
        Format::Text => builder.with_ansi(false).try_init(),
        Format::Json => builder.json().try_init(),
    };
    drop(started);
}

/// What was logged last.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recent {
    /// Whole lines, the oldest first, each cut to its limit.
    pub lines: Vec<String>,
    /// How many lines of this process are gone.
    pub forgotten: u64,
}

/// Returns the lines that are kept.
pub fn recent() -> Recent {
    let ring = ring();
    Recent { lines: ring.lines.iter().cloned().collect(), forgotten: ring.forgotten }
}

static RING: Mutex<Ring> = Mutex::new(Ring { lines: VecDeque::new(), bytes: 0, forgotten: 0 });

#[derive(Debug)]
struct Ring {
    lines: VecDeque<String>,
    bytes: usize,
    forgotten: u64,
}

fn ring() -> MutexGuard<'static, Ring> {
    RING.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Ring {
    fn keep(&mut self, line: &[u8]) {
        let line = line.get(..LOG_RING_LINE_BYTES_MAX).unwrap_or(line);
        let line = String::from_utf8_lossy(line).trim_end().to_owned();
        self.bytes += line.len();
        self.lines.push_back(line);
        while self.bytes > LOG_RING_BYTES_MAX {
            let Some(oldest) = self.lines.pop_front() else { return };
            self.bytes -= oldest.len();
            self.forgotten += 1;
        }
    }
}

/// Writes to stderr and keeps what it wrote. Each call is one whole line. Fields may hold text from elsewhere: what a
/// terminal would obey, and what would begin another line, is escaped.
struct Tee(Format);

impl Write for Tee {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        ring().keep(line);
        io::stderr().write_all(shown(line, self.0).as_bytes())?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

fn shown(line: &[u8], format: Format) -> String {
    let text = String::from_utf8_lossy(line);
    let text = text.trim_end_matches('\n');
    match format {
        Format::Text => escape::laid_out(&text.replace('\n', "\\n")).into_owned() + "\n",
        Format::Json => escape::json(text).into_owned() + "\n",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_neither_paints_nor_begins_a_line() {
        let line = "2026 WARN path=/a\u{1b}[2J\u{202e}b\n2026 ERROR forged\n".as_bytes();
        let expected = "2026 WARN path=/a\\u{1b}[2J\\u{202e}b\\n2026 ERROR forged\n";
        assert_eq!(shown(line, Format::Text), expected);
        assert_eq!(shown("{\"a\":\"\u{9b}\"}\n".as_bytes(), Format::Json), "{\"a\":\"\\u009b\"}\n");
    }

    #[test]
    fn the_ring_keeps_the_last_lines_and_no_more_than_its_room() {
        let mut ring = Ring { lines: VecDeque::new(), bytes: 0, forgotten: 0 };
        ring.keep(b"first\n");
        assert_eq!(ring.lines, ["first"]);
        let long = vec![b'x'; LOG_RING_LINE_BYTES_MAX * 2];
        for _ in 0..=LOG_RING_BYTES_MAX / LOG_RING_LINE_BYTES_MAX {
            ring.keep(&long);
        }
        ring.keep("last \u{e4}\n".as_bytes());
        let bytes: usize = ring.lines.iter().map(String::len).sum();
        assert!(bytes == ring.bytes && bytes <= LOG_RING_BYTES_MAX, "{bytes}");
        assert!(ring.lines.iter().all(|line| line.len() <= LOG_RING_LINE_BYTES_MAX));
        assert_eq!(ring.lines.back().unwrap(), "last \u{e4}");
        assert!(ring.forgotten >= 1 && !ring.lines.contains(&"first".to_owned()));
    }
}
