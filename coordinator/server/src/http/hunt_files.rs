//! `/hunts/{id}/files`: what matched and was sent, listed, and given as it is or as an archive with a password. What an
//! endpoint sent may be malware: it is always an attachment, called by its digest.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::HeaderValue;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use muster_api::{HuntFile, Page, archive};
use muster_protocol::hex;
use muster_protocol::request::Kind;
use muster_protocol::result::FILE_BLOB;
use serde::{Deserialize, Serialize};

use super::error::ApiError;
use super::extract::{Asked, Segments};
use super::hunts::find;
use super::page::length;
use super::page::question::Question;
use super::pieces::{self, Piece, Sender};
use super::query::no_format;
use crate::core::Core;
use crate::hunts::files::{self, Files};
use crate::store::{BlobKey, Reader, StoreError};

/// Bytes of one piece of a file.
const PIECE_BYTES: usize = 65_536;

/// Which page of a list that has one order.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct PageOnly {
    cursor: Option<String>,
    limit: Option<usize>,
}

/// How a file is given.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileQuery {
    format: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    /// Its own bytes.
    Raw,
    /// An archive with the usual password.
    Zip,
}

impl Format {
    fn read(asked: Option<&str>) -> Result<Self, ApiError> {
        match asked {
            None | Some("raw") => Ok(Self::Raw),
            Some("zip") => Ok(Self::Zip),
            Some(other) => Err(no_format("files are not given so", other, "raw or zip")),
        }
    }
}

/// `GET /hunts/{id}/files`: what matched and was sent.
pub async fn list(
    State(core): State<Arc<Core>>,
    Segments(id): Segments<String>,
    Asked(asked): Asked<PageOnly>,
) -> Result<Json<Page<HuntFile>>, ApiError> {
    let (roster, now) = (Arc::clone(&core.roster), core.clock.now());
    let question = Question::new("files", &id);
    let (limit, after) = (length(asked.limit)?, question.key::<BlobKey>(asked.cursor.as_deref())?);
    let read = move |reader: &Reader| {
        reader.at_once(|reader| {
            let hunt = find(reader, Kind::HuntStart, &id)?.id;
            Ok::<_, ApiError>(files::files(reader, &roster, &hunt, (after.as_ref(), limit))?)
        })
    };
    let Files { items, next, total } = core.read(read).await?;
    let next = next.map(|last| question.cursor(&last));
    Ok(Json(Page { items, next, total, as_of: now.into() }))
}

/// `GET /hunts/{id}/files/{sha256}`: the content of one of them, as it is read from the disk.
pub async fn file(
    State(core): State<Arc<Core>>,
    Segments((id, sha256)): Segments<(String, String)>,
    Asked(asked): Asked<FileQuery>,
) -> Result<Response, ApiError> {
    let format = Format::read(asked.format.as_deref())?;
    let missing = || ApiError::missing("file", &sha256, "muster hunt files ID");
    let digest = hex::decode(&sha256).ok_or_else(missing)?;
    let wanted = digest.clone();
    let look = move |reader: &Reader| {
        let hunt = find(reader, Kind::HuntStart, &id)?.id;
        Ok::<_, ApiError>(reader.has_counted_blob(&hunt, FILE_BLOB, &wanted)?)
    };
    if !core.read(look).await? {
        return Err(missing());
    }
    let path = core.place.blob(&digest);
    let open = move || with_size(&path).map_err(|source| StoreError::File { path, source });
    let opened = tokio::task::spawn_blocking(open).await;
    let (file, bytes) =
        opened.map_err(|problem| StoreError::Broken(format!("a reader died: {problem}")))??;
    let (pieces, body) = pieces::body();
    let (name, media) = match format {
        Format::Raw => (hex::encode(&digest), "application/octet-stream"),
        Format::Zip => (format!("{}.zip", hex::encode(&digest)), "application/zip"),
    };
    let stop = core.tasks.stop_signal();
    core.tasks.spawn("file", async move {
        let sender = Sender(pieces.clone());
        let sending = tokio::task::spawn_blocking(move || send(file, &digest, format, sender));
        let sent = tokio::select! {
            () = stop.cancelled() => return,
            sent = sending => sent.map_err(io::Error::other).flatten(),
        };
        // The client may have gone.
        drop(pieces.send(sent.map(|()| Piece::End)).await);
    });
    let mut response = ([(CONTENT_TYPE, media)], body).into_response();
    let attachment = format!("attachment; filename=\"{name}\"");
    let headers = response.headers_mut();
    if let Ok(attachment) = HeaderValue::from_str(&attachment) {
        headers.insert(CONTENT_DISPOSITION, attachment);
    }
    if format == Format::Raw {
        headers.insert(CONTENT_LENGTH, bytes.into());
    }
    Ok(response)
}

/// Opens a file; returns how many bytes it has, too.
fn with_size(path: &std::path::Path) -> io::Result<(File, u64)> {
    let file = File::open(path)?;
    let bytes = file.metadata()?.len();
    Ok((file, bytes))
}

/// Sends a file to its end.
fn send(mut file: File, sha256: &[u8], format: Format, sender: Sender) -> io::Result<()> {
    match format {
        Format::Raw => {
            let mut out = BufWriter::with_capacity(PIECE_BYTES, sender);
            io::copy(&mut file, &mut out)?;
            out.flush()
        }
        Format::Zip => {
            let out = BufWriter::with_capacity(PIECE_BYTES, sender);
            archive::write(out, sha256, file, archive::PASSWORD)
        }
    }
}
