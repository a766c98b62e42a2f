//! A second opinion on a hunt: `tests/oracle/oracle.py`, which shares no code with the product, says what every row and
//! every figure must be.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use base64::Engine;
use muster_protocol::artifact::HashKind;
use muster_protocol::artifact::file_hash;
use muster_protocol::artifact::file_hash::select::Window;
use serde_json::{Map, Value, json};

use crate::once::{Ended, Once, Reader, exact};

/// Returns the path of a program of the oracle.
pub fn program(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("oracle").join(name)
}

/// Puts the oracle where another user may reach it.
fn reachable(once: &Once) -> PathBuf {
    let folder = once.path("oracle");
    if fs::create_dir(&folder).is_ok() {
        for name in ["oracle.py", "kernel.py", "pattern.py"] {
            fs::copy(program(name), folder.join(name)).expect("a copy");
        }
    }
    folder.join("oracle.py")
}

/// What must come back.
#[derive(Debug, PartialEq, Eq)]
pub struct Answer {
    /// The rows, in walk order, as `muster-agent once --output jsonl` prints them.
    pub rows: Vec<Value>,
    /// The figures.
    pub figures: Figures,
}

/// The figures of the files that do not depend on time.
#[derive(Debug, PartialEq, Eq)]
pub struct Figures {
    /// Those that are one number, by name.
    pub files: Map<String, Value>,
    /// File bytes that must be read at least (each file once) and at most (once for each of its names).
    pub bytes_read: (u64, u64),
}

impl Figures {
    /// Reads the oracle's last line.
    ///
    /// # Panics
    /// When it is another one.
    pub fn of(mut last: Value) -> Self {
        let files = last["figures"].take().as_object().cloned().expect("figures");
        let bytes = |name: &str| last[name].as_u64().expect("a count");
        Self { files, bytes_read: (bytes("bytes_read_least"), bytes("bytes_read_most")) }
    }
}

/// Returns the system's Python: the first of the path may be one that only its owner can start.
fn python() -> &'static str {
    const SYSTEM: &str = "/usr/bin/python3";
    if Path::new(SYSTEM).try_exists().is_ok_and(|is_there| is_there) { SYSTEM } else { "python3" }
}

/// Starts the oracle, as the same user and in the same place as the agent.
///
/// # Panics
/// When it cannot be started.
pub fn start(once: &Once, spec: &file_hash::Args, reader: Reader) -> Child {
    let mut child = reader
        .command(once.place(), python())
        .arg(reachable(once))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3");
    let asked = question(spec).to_string();
    child.stdin.take().expect("a pipe").write_all(asked.as_bytes()).expect("the question");
    child
}

/// Asks the oracle.
///
/// # Panics
/// When it fails.
pub fn ask(once: &Once, spec: &file_hash::Args, reader: Reader) -> Answer {
    let output = start(once, spec, reader).wait_with_output().expect("its end");
    assert!(output.status.success(), "the oracle failed on {}", question(spec));
    let lines = output.stdout.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let mut rows: Vec<Value> =
        lines.map(|line| serde_json::from_slice(line).expect("a JSON object")).collect();
    let figures = rows.pop().map(Figures::of).expect("figures");
    Answer { rows, figures }
}

/// Puts the arguments of a hunt as the oracle takes them.
fn question(spec: &file_hash::Args) -> Value {
    let base64 = |bytes: &[u8]| base64::engine::general_purpose::STANDARD.encode(bytes);
    let select = &spec.select;
    let window = |window: Window| json!([window.from_ns, window.until_ns]);
    let word = |hash: &HashKind| hash.as_str();
    let mut ioc = Map::new();
    for list in &spec.ioc {
        let width = usize::try_from(list.width).expect("a width");
        let hashes: Vec<_> = list.digests.chunks(width).map(muster_protocol::hex::encode).collect();
        ioc.insert(list.kind.as_str().to_owned(), hashes.into());
    }
    json!({
        "roots_b64": spec.roots.iter().map(|root| base64(root)).collect::<Vec<_>>(),
        "include": spec.include, "exclude": spec.exclude, "max_depth": spec.max_depth,
        "min_size": spec.min_size, "max_size": spec.max_size,
        "hashes": spec.hashes.iter().map(word).collect::<Vec<_>>(),
        "one_file_system": spec.one_file_system, "all_file_systems": spec.all_file_systems,
        "follow": spec.follow, "ioc": ioc,
        "kinds": select.kinds.iter().map(|kind| kind.as_str()).collect::<Vec<_>>(),
        "mtime": window(select.mtime), "ctime": window(select.ctime), "btime": window(select.btime),
        "owners": select.owners, "groups": select.groups,
        "mode": [json!(select.mode.any), json!(select.mode.all), json!(select.mode.exactly)],
    })
}

/// Holds what the agent said against what must have come back: every row in its place, every figure.
///
/// # Panics
/// At the first difference.
pub fn agree(ended: &Ended, answer: &Answer, about: &str) {
    for (place, (said, wanted)) in ended.in_order.iter().zip(&answer.rows).enumerate() {
        assert_eq!(said, wanted, "{about}: row {place} (left: the agent, right: the oracle)");
    }
    let (said, wanted) = (ended.in_order.len(), answer.rows.len());
    let first = ended.in_order.get(wanted).or_else(|| answer.rows.get(said));
    assert_eq!(said, wanted, "{about}: rows; the first that only one has: {first:?}");

    figures_agree(&ended.footer, &answer.figures, wanted as u64, about);
    let files = ended.figures();
    let slowest = exact(files, "slowest_path").expect("a path, though an empty one");
    let is_named = slowest.is_empty() || ended.rows.contains_key(&slowest);
    assert!(is_named || files["unmatched"] != 0, "{about}: the slowest is no row: {files}");
    assert_eq!(slowest.is_empty(), files["slowest_ms"] == 0, "{about}: {files}");
}

/// Holds the agent's footer against the oracle's figures and the count of rows, and the figures that a second run cannot
/// repeat against each other.
///
/// # Panics
/// At the first difference.
pub fn figures_agree(footer: &Value, wanted: &Figures, rows: u64, about: &str) {
    let artifact = &footer["artifact"];
    let files = artifact["footer"].as_object().expect("figures of the files");
    let timed = ["bytes_read", "slowest_path", "slowest_path_b64", "slowest_ms"];
    let untimed = files.iter().filter(|(name, _)| !timed.contains(&name.as_str()));
    let untimed: Map<String, Value> =
        untimed.map(|(name, value)| (name.clone(), value.clone())).collect();
    assert_eq!(untimed, wanted.files, "{about}: figures (left: the agent, right: the oracle)");
    let number = |value: &Value| value.as_u64().unwrap_or_else(|| panic!("{about}: {footer}"));
    let (least, most) = wanted.bytes_read;
    let read = number(&files["bytes_read"]);
    assert!((least..=most).contains(&read), "{about}: {read} bytes read, not {least} to {most}");
    assert_eq!(number(&footer["rows"]), rows, "{about}: rows in the footer");
    assert_eq!(
        (number(&footer["resumed"]), &footer["profiles"]),
        (0, &Value::Array(Vec::new())),
        "{about}"
    );
    let (started, ended_at) = (number(&footer["started"]), number(&footer["ended"]));
    let wall_ms = ended_at.checked_sub(started).unwrap_or_else(|| panic!("{about}: {footer}"));
    let cpu_ms = number(&footer["cpu_user_ms"]) + number(&footer["cpu_system_ms"]);
    let cores = std::thread::available_parallelism().map_or(1, usize::from) as u64;
    // Two clocks that tick differently.
    assert!(cpu_ms <= (wall_ms + 50) * cores, "{about}: {cpu_ms} ms of CPU: {footer}");
    assert!(number(&footer["throttled_ms"]) <= wall_ms + 50, "{about}: {footer}");
    let known = [
        "artifact",
        "profiles",
        "spent",
        "started",
        "ended",
        "cpu_user_ms",
        "cpu_system_ms",
        "throttled_ms",
        "rows",
        "resumed",
    ];
    let new = footer.as_object().and_then(|all| all.keys().find(|k| !known.contains(&k.as_str())));
    assert_eq!(new, None, "{about}: a figure that nothing here is held against");
}
