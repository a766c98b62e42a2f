//! Downloads that were prepared: a navigation cannot carry the second secret, so it carries one of its own.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{Path, Request, State};
use axum::response::Response;
use muster_api::Time;
use muster_protocol::clock::Clock;
use muster_protocol::limits::CONSOLE_DOWNLOAD_MS_MAX;

use super::answer::{self, Refusal};
use super::guard::DOWNLOADS;
use super::views::{DownloadView, PrepareDownload};
use super::{Console, proxy};
use crate::failure::Failure;

/// Characters of the longest name of a file.
const NAME_CHARS_MAX: usize = 100;

/// What is fetched when a download begins.
#[derive(Debug)]
pub(super) struct Download {
    path: String,
    name: String,
}

/// `POST /console/downloads`
pub(super) async fn prepare(
    State(console): State<Arc<Console>>,
    request: Request,
) -> Result<Response, Refusal> {
    let PrepareDownload { path, name } = answer::posted(request).await?;
    let uri = path.parse().map_err(|error| {
        Failure::usage("this cannot be downloaded", error, "docs/reference/console.md")
    })?;
    let path = proxy::api_path(&uri)?;
    let name = named(if name.is_empty() { last(uri.path()) } else { &name });
    let secret = super::lock(&console.downloads).put(Download { path, name }, Instant::now())?;
    let expires = super::later(Clock::system().now(), CONSOLE_DOWNLOAD_MS_MAX);
    Ok(answer::ok(&DownloadView { path: format!("{DOWNLOADS}{secret}"), expires: Time(expires) }))
}

/// `GET /console/downloads/{secret}`, once.
pub(super) async fn fetch(
    State(console): State<Arc<Console>>,
    Path(secret): Path<String>,
) -> Result<Response, Refusal> {
    let download = super::lock(&console.downloads).take(&secret, Instant::now());
    let Download { path, name } =
        download.ok_or_else(|| Refusal::missing("download", "ask for it again"))?;
    proxy::download(&console, path, &name).await
}

fn last(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or_default()
}

/// Makes a name that is one on every system, and no hidden file.
fn named(text: &str) -> String {
    let is_kept = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let name: String =
        text.chars().take(NAME_CHARS_MAX).map(|c| if is_kept(c) { c } else { '_' }).collect();
    let name = name.trim_start_matches('.');
    if name.is_empty() { "download".to_owned() } else { name.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_only_a_name() {
        assert_eq!(named("rows.csv"), "rows.csv");
        assert_eq!(named("../../.bashrc"), "_.._.bashrc");
        assert_eq!(named("a\"; b\r\nX: y"), "a___b__X__y");
        assert_eq!((named(""), named("...")), ("download".to_owned(), "download".to_owned()));
    }
}
