//! A loop that throws damaged messages at a decoder: mutations of valid ones, kept when they lead to an answer that was not
//! heard before. On the stable toolchain, without a dependency.
//!
//! A finding is a panic. Its bytes are written to `tests/fuzz/regressions/TARGET-NNNN.bin`; every file there is run first,
//! each time. `MUSTER_FUZZ_SECONDS` is the time for each test, which its targets share; `MUSTER_SEED` repeats a run.

use std::collections::HashSet;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::seed::seed;

/// Time for one test where nothing else is asked for.
const TIME: Duration = Duration::from_millis(500);
/// Messages that are kept because their answer was new.
const CORPUS_MAX: usize = 4_096;
/// Bytes of a message that is still grown.
const BYTES_MAX: usize = 65_536;
/// Numbers at which decoders go wrong.
const NUMBERS: [u64; 12] = [
    0,
    1,
    0x7f,
    0x80,
    0xff,
    0x7fff,
    0xffff,
    0x7fff_ffff,
    0xffff_ffff,
    1 << 53,
    i64::MAX as u64,
    u64::MAX,
];

/// What a run did.
#[derive(Debug)]
pub struct Report {
    /// Messages that the target has answered.
    pub runs: u64,
    /// Of these: such that it took for good.
    pub taken: u64,
    /// Answers that differ.
    pub answers: usize,
}

/// What the target says of a message: its refusal in words, or that it took it.
pub type Answer = Result<(), String>;

/// Fuzzes one target from valid messages until its time is over: the test's, divided by the number of its targets.
///
/// # Panics
/// When the target does, and when it takes none of the valid messages.
pub fn fuzz(
    name: &str,
    targets: u32,
    valid: &[Vec<u8>],
    mut target: impl FnMut(&[u8]) -> Answer,
) -> Report {
    let seed = seed();
    let time = std::env::var("MUSTER_FUZZ_SECONDS").ok().and_then(|text| text.parse().ok());
    let time = time.map_or(TIME, Duration::from_secs) / targets;
    let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let mut corpus: Vec<Vec<u8>> = valid.to_vec();
    let mut heard = HashSet::new();
    let mut report = Report { runs: 0, taken: 0, answers: 0 };
    let mut run = |bytes: &[u8], report: &mut Report| {
        let answer = catch_unwind(AssertUnwindSafe(|| target(bytes)));
        let answer = answer.unwrap_or_else(|panic| {
            let kept = keep(name, bytes);
            eprintln!("{name}: a finding, MUSTER_SEED={seed}, kept as {}", kept.display());
            resume_unwind(panic)
        });
        report.runs += 1;
        report.taken += u64::from(answer.is_ok());
        answer.err().map(|text| words(&text)).unwrap_or_default()
    };
    for bytes in regressions(name) {
        run(&bytes, &mut report);
    }
    for bytes in valid {
        let answer = run(bytes, &mut report);
        assert_eq!(answer, "", "{name}: a valid message is refused");
    }
    let until = Instant::now() + time;
    while Instant::now() < until {
        for _ in 0..64 {
            let bytes = random.damaged(&corpus);
            let is_new = heard.insert(run(&bytes, &mut report));
            if (is_new || random.below(5_000) == 0) && corpus.len() < CORPUS_MAX {
                corpus.push(bytes);
            }
        }
    }
    report.answers = heard.len();
    eprintln!("{name}: {report:?}, MUSTER_SEED={seed}");
    report
}

/// The answer up to what it quotes, without numbers, so that these alone make nothing new.
fn words(text: &str) -> String {
    let said = text.split(['"', '`']).next().unwrap_or_default().split_whitespace();
    let is_word =
        |word: &&str| word.chars().all(|c| c.is_ascii_alphabetic() || ",:.-_".contains(c));
    said.filter(is_word).take(12).collect::<Vec<_>>().join(" ")
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/regressions")
}

fn regressions(name: &str) -> Vec<Vec<u8>> {
    let of_this = |path: &PathBuf| {
        let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        file.rsplit_once('-').is_some_and(|(target, _)| target == name)
    };
    let files = fs::read_dir(folder()).expect("the folder of regressions").flatten();
    let mut files: Vec<_> = files.map(|file| file.path()).filter(of_this).collect();
    files.sort();
    files.iter().map(|path| fs::read(path).expect("a regression")).collect()
}

fn keep(name: &str, bytes: &[u8]) -> PathBuf {
    let free = (0..).map(|n| folder().join(format!("{name}-{n:04}.bin")));
    let path = free.into_iter().find(|path| !path.try_exists().unwrap_or(true)).expect("a name");
    fs::write(&path, bytes).expect("a file for the finding");
    path
}

/// Xorshift: nobody needs more of it.
#[derive(Debug)]
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(end.max(1)).expect("a count")).expect("a place")
    }

    fn byte(&mut self) -> u8 {
        self.next().to_le_bytes()[7]
    }

    /// Makes a message out of those that are known.
    fn damaged(&mut self, corpus: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = corpus[self.below(corpus.len())].clone();
        for _ in 0..=self.below(4) {
            self.damage(&mut bytes, corpus);
        }
        bytes
    }

    fn damage(&mut self, bytes: &mut Vec<u8>, corpus: &[Vec<u8>]) {
        let (at, len) = (self.below(bytes.len() + 1), bytes.len());
        let end = (at + 1 + self.below(16)).min(len);
        match self.below(9) {
            0 if at < len => bytes[at] ^= 1 << self.below(8),
            1 if at < len => bytes[at] = self.byte(),
            2 if at < len => {
                bytes[at] = bytes[at].wrapping_add(if self.below(2) == 0 { 1 } else { 0xff });
            }
            3 => bytes.truncate(at),
            4 if at < end => drop(bytes.drain(at..end)),
            5 if at < end && len < BYTES_MAX => {
                let again: Vec<u8> = bytes[at..end].repeat(1 + self.below(64));
                bytes.splice(at..at, again);
            }
            6 if len < BYTES_MAX => {
                let other = &corpus[self.below(corpus.len())];
                let from = self.below(other.len() + 1);
                let to = (from + self.below(64)).min(other.len());
                bytes.splice(at..end.max(at), other[from..to].iter().copied());
            }
            // A number of a width, in either order of its bytes.
            7 => {
                let number = NUMBERS[self.below(NUMBERS.len())].to_be_bytes();
                let width = 1 << self.below(4);
                let mut number = number[8 - width..].to_vec();
                if self.below(2) == 0 {
                    number.reverse();
                }
                let end = (at + if self.below(2) == 0 { width } else { 0 }).min(len);
                bytes.splice(at..end, number);
            }
            _ if len < BYTES_MAX => bytes.insert(at, self.byte()),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decoder_that_trusts_a_length_is_found_out() {
        let careless = |bytes: &[u8]| match bytes {
            [] => Err("empty".to_owned()),
            [length, rest @ ..] => {
                assert!(usize::from(*length) <= rest.len(), "beyond the end");
                Ok(())
            }
        };
        let name = "careless";
        let found = catch_unwind(|| fuzz(name, 1, &[vec![2, 1, 1, 1]], careless));
        assert!(found.is_err());
        let kept = folder().join(format!("{name}-0000.bin"));
        let bytes = fs::read(&kept).unwrap();
        fs::remove_file(kept).unwrap();
        assert!(usize::from(bytes[0]) >= bytes.len());
    }

    #[test]
    fn numbers_and_names_make_no_new_answer() {
        assert_eq!(words("3 bytes of \"x\", not 4"), words("7 bytes of \"y\", not 9"));
        assert_ne!(words("bytes after the end"), words("not a valid message"));
    }
}
