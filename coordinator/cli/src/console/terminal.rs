//! The terminal that the console was started on: Enter prints a new address there, or confirms a launch.

use std::io::{BufRead, Read};
use std::sync::Mutex;
use std::time::Duration;

use muster_protocol::limits::CONSOLE_CONFIRM_MS_MAX;
use tokio::sync::{mpsc, oneshot};

use super::lock;
use crate::output::Out;

/// Lines that were typed and are not looked at yet.
const LINES_WAITING: usize = 1;
/// Longest line that is looked at.
const LINE_BYTES_MAX: u64 = 4_096;

/// How a launch was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answered {
    Yes,
    No,
    /// Nobody answered in time.
    TooLate,
}

/// The terminal. One question is open at a time.
#[derive(Debug, Default)]
pub(super) struct Terminal {
    turn: tokio::sync::Mutex<()>,
    question: Mutex<Option<oneshot::Sender<bool>>>,
}

impl Terminal {
    /// Shows a text and waits for Enter; any other line is a no.
    pub(super) async fn confirm(&self, out: Out, text: &str) -> Answered {
        let _turn = self.turn.lock().await;
        let (answer, answered) = oneshot::channel();
        *lock(&self.question) = Some(answer);
        out.prompt(&format!("{text}\nEnter signs and launches this; `n` and Enter does not."));
        let limit = Duration::from_millis(CONSOLE_CONFIRM_MS_MAX);
        let answered = tokio::time::timeout(limit, answered).await;
        *lock(&self.question) = None;
        match answered {
            Ok(Ok(true)) => Answered::Yes,
            Ok(_) => Answered::No,
            Err(_) => Answered::TooLate,
        }
    }

    /// Takes a line that was typed; returns whether it was the answer to a question.
    pub(super) fn take(&self, line: &str) -> bool {
        match lock(&self.question).take() {
            // Who asked may have gone.
            Some(question) => question.send(line.trim().is_empty()).is_ok(),
            None => false,
        }
    }
}

/// Reads lines until the terminal is closed.
pub(super) fn lines() -> mpsc::Receiver<String> {
    let (lines, typed) = mpsc::channel(LINES_WAITING);
    // It blocks in the kernel until a line is there, also when the console ends: nothing waits for it then.
    tokio::task::spawn_blocking(move || {
        let mut stdin = std::io::stdin().lock();
        loop {
            let mut line = Vec::new();
            let read = stdin.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut line);
            let line = String::from_utf8_lossy(&line).into_owned();
            if !matches!(read, Ok(1..)) || lines.blocking_send(line).is_err() {
                return;
            }
        }
    });
    typed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::Format;

    fn asked(line: &str) -> Answered {
        let terminal = Terminal::default();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let out = Out::new(Format::Table, true, false);
            let answer = async {
                tokio::task::yield_now().await;
                terminal.take(line)
            };
            let (answered, was_taken) = tokio::join!(terminal.confirm(out, "this"), answer);
            assert!(was_taken);
            assert!(!terminal.take(""), "nobody asks any more");
            answered
        })
    }

    #[test]
    fn enter_is_a_yes_and_everything_else_is_not() {
        assert_eq!(asked("\n"), Answered::Yes);
        assert_eq!(asked("n\n"), Answered::No);
        assert_eq!(asked("what?\n"), Answered::No);
        assert!(!Terminal::default().take("\n"), "nobody asked");
    }
}
