//! Lists of hashes that a page sends: kept in private files, read by the code that reads `--ioc`.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use axum::extract::{Query, Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use muster_api::Time;
use muster_protocol::clock::Clock;
use muster_protocol::limits::{CONSOLE_LIST_BYTES_MAX, CONSOLE_LIST_MS_MAX};
use serde::Deserialize;

use super::answer::{self, Refusal};
use super::views::{HashListView, KindCount};
use super::{Console, lock, proxy};
use crate::draft::Problem;
use crate::failure::Failure;
use crate::hunt::{Hashes, ListFile};

/// Characters of the longest name.
const NAME_CHARS_MAX: usize = 100;

/// A list that is kept; its file goes with it.
#[derive(Debug)]
pub(super) struct HashList {
    /// Where its text is.
    pub(super) path: PathBuf,
    /// What it is called.
    pub(super) name: String,
    /// Whether lines without a hash are left out.
    pub(super) skips_bad: bool,
}

impl HashList {
    /// Returns what the code of the command line reads.
    pub(super) fn file(&self) -> ListFile {
        let Self { path, name, skips_bad } = self;
        ListFile { path: path.clone(), name: name.clone(), skips_bad: *skips_bad }
    }
}

impl Drop for HashList {
    fn drop(&mut self) {
        // At the end the whole folder goes.
        drop(std::fs::remove_file(&self.path));
    }
}

/// The folder of the files, made when it is first needed and deleted with the console.
#[derive(Debug, Default)]
pub(super) struct Folder(OnceLock<PathBuf>);

impl Folder {
    fn new_file(&self) -> Result<(PathBuf, File), Failure> {
        let folder = if let Some(folder) = self.0.get() {
            folder.clone()
        } else {
            let folder =
                std::env::temp_dir().join(format!("muster-console-{}", super::new_secret()?));
            let made = DirBuilder::new().mode(0o700).create(&folder);
            made.map_err(|error| Failure::file("make the folder", &folder, &error))?;
            self.0.get_or_init(|| folder).clone()
        };
        let path = folder.join(super::new_secret()?);
        let open = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
        let file = open.map_err(|error| Failure::file("write", &path, &error))?;
        Ok((path, file))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Some(folder) = self.0.get() {
            drop(std::fs::remove_dir_all(folder));
        }
    }
}

/// What a list is called, and how its bad lines are taken.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    #[serde(default)]
    name: String,
    #[serde(default)]
    skip_bad: u8,
}

/// `POST /console/lists`
pub(super) async fn add(
    State(console): State<Arc<Console>>,
    asked: Result<Query<Asked>, axum::extract::rejection::QueryRejection>,
    request: Request,
) -> Result<Response, Refusal> {
    let Query(Asked { name, skip_bad }) = asked.map_err(|error| {
        Failure::usage("this is not asked for so", error.body_text(), "?name=…&skip_bad=1")
    })?;
    let text = proxy::pulled(&console, request.into_body());
    let view = console.blocking(move |console| take(console, &name, skip_bad == 1, text)).await?;
    Ok(answer::ok(&view))
}

fn take(
    console: &Console,
    name: &str,
    skips_bad: bool,
    text: impl Read,
) -> Result<HashListView, Refusal> {
    let name: String = name.chars().filter(|c| !c.is_control()).take(NAME_CHARS_MAX).collect();
    let name = if name.is_empty() { "list".to_owned() } else { name };
    let (path, file) = console.folder.new_file()?;
    // From here on the file goes whatever fails.
    let list = HashList { path, name, skips_bad };
    write(text, file, &list.path)?;
    let hashes = Hashes::of(&[list.file()]).map_err(Problem::from)?;
    let counts = hashes.counts();
    let kinds = counts.kinds.iter();
    let kinds =
        kinds.map(|(kind, count)| KindCount { kind: kind.as_str().to_owned(), count: *count });
    let expires = Time(super::later(Clock::system().now(), CONSOLE_LIST_MS_MAX));
    let mut view = HashListView {
        list: String::new(),
        name: list.name.clone(),
        hashes: counts.hashes,
        kinds: kinds.collect(),
        duplicates: counts.duplicates,
        skipped: counts.skipped,
        skipped_first: hashes.skipped_first().to_vec(),
        notes: hashes.notes(),
        bytes: hashes.weight(),
        expires,
    };
    view.list = lock(&console.lists).put(Arc::new(list), Instant::now())?;
    Ok(view)
}

fn write(text: impl Read, mut file: File, path: &Path) -> Result<(), Refusal> {
    let mut text = text.take(CONSOLE_LIST_BYTES_MAX + 1);
    let bytes = io::copy(&mut text, &mut file).and_then(|bytes| file.flush().map(|()| bytes));
    let bytes = bytes.map_err(|error| Failure::file("write", path, &error))?;
    if bytes > CONSOLE_LIST_BYTES_MAX {
        let cause = format!("{CONSOLE_LIST_BYTES_MAX} bytes are taken at most");
        let failure = Failure::usage("the list is too big", cause, "muster doctor --limits");
        return Err(Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, failure));
    }
    Ok(())
}
