//! What the endpoints of the console take and give: `docs/reference/console.md`.

use muster_api::{ErrorBody, Launched, TargetPreview, Time};
use serde::{Deserialize, Serialize};

use crate::draft::{FormKind, RequestReview, Review, Warning};

/// Every error of the console.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ConsoleError {
    /// What failed.
    pub(super) error: String,
    /// Why.
    pub(super) cause: String,
    /// What to do next.
    #[serde(rename = "try")]
    pub(super) next: String,
    /// The exit code that the CLI ends with.
    pub(super) code: u8,
    /// The field of the form that is wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) field: Option<String>,
    /// Position within its text, in bytes from 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) at: Option<usize>,
    /// Of a list: the line, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) line: Option<u64>,
    /// Of a list: the column, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) column: Option<usize>,
}

impl From<ErrorBody> for ConsoleError {
    fn from(body: ErrorBody) -> Self {
        let ErrorBody { error, cause, next, code } = body;
        Self { error, cause, next, code, ..Self::default() }
    }
}

/// `POST /console/session`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Exchange {
    /// What stands behind `#` in the address.
    pub(super) code: String,
}

/// `POST /console/downloads`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PrepareDownload {
    /// A path of the API, with its query.
    pub(super) path: String,
    /// What the file is to be called.
    #[serde(default)]
    pub(super) name: String,
}

/// A download that is prepared.
#[derive(Debug, Serialize)]
pub(super) struct DownloadView {
    /// Where it is, once.
    pub(super) path: String,
    /// Until when.
    pub(super) expires: Time,
}

/// A list of hashes that is kept.
#[derive(Debug, Serialize)]
pub(super) struct HashListView {
    /// Its id.
    pub(super) list: String,
    /// What it is called.
    pub(super) name: String,
    /// Different hashes.
    pub(super) hashes: u64,
    /// The same by kind.
    pub(super) kinds: Vec<KindCount>,
    /// Hashes that came again.
    pub(super) duplicates: u64,
    /// Lines without a hash that were left out.
    pub(super) skipped: u64,
    /// The first of them.
    pub(super) skipped_first: Vec<String>,
    /// What the command line would note.
    pub(super) notes: Vec<String>,
    /// What it weighs in the requests to each agent.
    pub(super) bytes: u64,
    /// Until when it is kept.
    pub(super) expires: Time,
}

/// Hashes of one kind.
#[derive(Debug, Serialize)]
pub(super) struct KindCount {
    /// The kind.
    pub(super) kind: String,
    /// How many.
    pub(super) count: u64,
}

/// A draft that can be launched.
#[derive(Debug, Serialize)]
pub(super) struct DraftView {
    /// Its id.
    pub(super) draft: String,
    /// What it is of.
    pub(super) kind: FormKind,
    /// SHA-256 over all bodies in order.
    pub(super) digest: String,
    /// The bodies, decoded again.
    pub(super) review: Review,
    /// The command line that makes the same.
    pub(super) command: String,
    /// What must be confirmed.
    pub(super) warnings: Vec<Warning>,
    /// What the coordinator says of the target; no part of what is signed.
    pub(super) coordinator: Option<TargetPreview>,
    /// Why it says nothing.
    pub(super) coordinator_problem: Option<ConsoleError>,
    /// Until when it can be launched.
    pub(super) expires: Time,
}

/// `POST /console/drafts/{draft}/launch`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LaunchDraft {
    /// The digest of the draft that was reviewed.
    pub(super) digest: String,
    /// The warnings that were confirmed, by their codes.
    #[serde(default)]
    pub(super) confirmed: Vec<String>,
}

/// What was launched.
#[derive(Debug, Serialize)]
pub(super) struct LaunchView {
    /// The hunt, the profile or the control.
    pub(super) id: String,
    /// What it is.
    pub(super) kind: String,
    /// The hunt or profile that a page goes to.
    pub(super) about: String,
    /// The coordinator's answer to each request.
    pub(super) launched: Vec<Launched>,
}

/// `GET /console/verify/{request}`.
#[derive(Debug, Serialize)]
pub(super) struct VerifiedView {
    /// The request.
    pub(super) request: String,
    /// Whether every check held.
    pub(super) valid: bool,
    /// The word of the check that did not hold.
    pub(super) failed: String,
    /// The same for people.
    pub(super) why: String,
    /// Who signed, by the certificate.
    pub(super) operator: String,
    /// The key.
    pub(super) key: String,
    /// What was signed.
    pub(super) review: Option<RequestReview>,
}

/// `GET /console/source`.
#[derive(Debug, Serialize)]
pub(super) struct SourceView {
    /// The path as it was asked for.
    pub(super) file: String,
    /// The number of the first line.
    pub(super) first: usize,
    /// The lines.
    pub(super) lines: Vec<String>,
    /// How many lines the file has.
    pub(super) total: usize,
}
