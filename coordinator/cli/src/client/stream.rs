//! Answers that come piece by piece: JSON lines and server-sent events.

use std::io::{BufRead, BufReader, Read};
use std::marker::PhantomData;

use muster_api::{EVENT_DONE, EVENT_PROGRESS};

use super::answer::{Answer, broken};
use super::refusal::cut;
use crate::failure::Failure;
use crate::output::document::Line;

/// Longest line of a stream.
const LINE_BYTES_MAX: u64 = 4_194_304;

/// A body with a JSON document of type `T` in each line.
pub(crate) struct Lines<T> {
    reader: BufReader<ureq::BodyReader<'static>>,
    url: String,
    of: PhantomData<fn() -> T>,
}

impl<T> std::fmt::Debug for Lines<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lines").field("url", &self.url).finish_non_exhaustive()
    }
}

impl<T> Lines<T> {
    pub(super) fn new(body: ureq::Body, url: String) -> Self {
        Self { reader: BufReader::new(body.into_reader()), url, of: PhantomData }
    }

    /// Reads the next line that is not empty, undecoded; `None` at the end of the stream.
    pub(crate) fn next(&mut self) -> Result<Option<Line<T>>, Failure> {
        while let Some(line) = self.text()? {
            if !line.is_empty() {
                return Ok(Some(Line::new(line)));
            }
        }
        Ok(None)
    }

    /// Reads the next line, without its end.
    fn text(&mut self) -> Result<Option<Vec<u8>>, Failure> {
        let mut line = Vec::new();
        let mut limited = (&mut self.reader).take(LINE_BYTES_MAX);
        let read = limited.read_until(b'\n', &mut line);
        let bytes = read.map_err(|error| cut(&self.url, &error))?;
        if bytes == 0 {
            return Ok(None);
        }
        while matches!(line.last(), Some(b'\n' | b'\r')) {
            line.pop();
        }
        Ok(Some(line))
    }
}

/// One server-sent event.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Event<T> {
    /// How it stands.
    Progress(T),
    /// How it ended; nothing follows.
    Done(T),
}

/// A body of server-sent events.
#[derive(Debug)]
pub(crate) struct Events<T> {
    lines: Lines<T>,
}

impl<T: Answer> Events<T> {
    pub(super) fn of(lines: Lines<T>) -> Self {
        Self { lines }
    }

    /// Reads the next event of a known name; `None` at the end of the stream.
    pub(crate) fn next(&mut self) -> Result<Option<Event<T>>, Failure> {
        let (mut name, mut body) = (String::new(), String::new());
        while let Some(line) = self.lines.text()? {
            let line = String::from_utf8_lossy(&line).into_owned();
            match line.split_once(':') {
                _ if line.is_empty() => {
                    if let Some(event) = event(&name, &body)? {
                        return Ok(Some(event));
                    }
                    (name, body) = Default::default();
                }
                Some(("event", value)) => value.trim_start().clone_into(&mut name),
                Some(("data", value)) => {
                    body.push_str(value.strip_prefix(' ').unwrap_or(value));
                    body.push('\n');
                }
                // Comments keep the line alive; ids and retry times are not used.
                _ => {}
            }
        }
        Ok(None)
    }
}

fn event<T: Answer>(name: &str, body: &str) -> Result<Option<Event<T>>, Failure> {
    let make = match name {
        EVENT_PROGRESS => Event::Progress,
        EVENT_DONE => Event::Done,
        _ => return Ok(None),
    };
    serde_json::from_str(body).map(|view| Some(make(view))).map_err(broken::<T>)
}
