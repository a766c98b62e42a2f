//! Drafts: made of a form, reviewed from the bytes, and signed only with the digest of what was reviewed.
//!
//! A request is launched in this one way only. The key is read for the signature and is gone afterwards.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{Path, Request, State};
use axum::response::Response;
use muster_api::{PreviewTarget, TargetPreview, Time};
use muster_protocol::clock::Clock;
use muster_protocol::limits::{CONSOLE_DRAFT_MS_MAX, CONSOLE_DRAFTS_BYTES_MAX};
use muster_protocol::request::{Sealed, Target};
use tokio::sync::Mutex;

use super::answer::{self, Refusal};
use super::terminal::Answered;
use super::views::{ConsoleError, DraftView, LaunchDraft, LaunchView};
use super::{Console, lock};
use crate::args::console::Confirm;
use crate::client::Client;
use crate::draft::{self, Form, Prepared, Review};
use crate::failure::{Exit, Failure};

/// A draft that was reviewed.
#[derive(Debug)]
pub(super) struct Kept {
    prepared: Prepared,
    digest: String,
    /// The codes of what must be confirmed.
    warnings: Vec<&'static str>,
    /// What was signed, once it was: two presses of the button launch one hunt.
    signed: Mutex<Option<Arc<Vec<Sealed>>>>,
}

impl Kept {
    fn bytes(&self) -> usize {
        let bytes = self.prepared.bytes().saturating_add(self.prepared.whole_bytes());
        usize::try_from(bytes).unwrap_or(usize::MAX)
    }
}

/// `POST /console/drafts`
pub(super) async fn make(
    State(console): State<Arc<Console>>,
    request: Request,
) -> Result<Response, Refusal> {
    let form: Form = answer::posted(request).await?;
    let view = console.blocking(move |console| review(console, &form)).await?;
    Ok(answer::ok(&view))
}

fn review(console: &Console, form: &Form) -> Result<DraftView, Refusal> {
    let signer = console.signer()?;
    let client = console.client()?;
    let mut lists = Vec::new();
    for id in &form.lists {
        let list = lock(&console.lists).get(id, Instant::now()).cloned();
        lists.push(list.ok_or_else(|| Refusal::missing("list", "send the list again"))?);
    }
    // The lists themselves are held until here, so that their files stay.
    let files: Vec<_> = lists.iter().map(|list| list.file()).collect();
    let prepared = draft::prepare(form, &files, signer, &client)?;
    let review = Review::of(&prepared)?;
    let (coordinator, problem) = match preview(&client, &prepared.target) {
        Ok(preview) => (Some(preview), None),
        Err(failure) => (None, Some(ConsoleError::from(failure))),
    };
    let warnings = draft::warnings(prepared.kind, &review, coordinator.as_ref());
    let (kind, digest, command) = (prepared.kind, prepared.digest(), prepared.command.clone());
    let kept = Kept {
        prepared,
        digest: digest.clone(),
        warnings: warnings.iter().map(|warning| warning.code).collect(),
        signed: Mutex::default(),
    };
    let id = {
        let mut drafts = lock(&console.drafts);
        let id = drafts.put(Arc::new(kept), Instant::now())?;
        drafts
            .shrink(|all| all.map(|kept| kept.bytes()).sum::<usize>() <= CONSOLE_DRAFTS_BYTES_MAX);
        id
    };
    Ok(DraftView {
        draft: id,
        kind,
        digest,
        review,
        command,
        warnings,
        coordinator,
        coordinator_problem: problem,
        expires: Time(super::later(Clock::system().now(), CONSOLE_DRAFT_MS_MAX)),
    })
}

fn preview(client: &Client, target: &Target) -> Result<TargetPreview, Failure> {
    let Target { expr, sample_ppm } = target.clone();
    client.post("/api/v1/targets/preview", &PreviewTarget { expr, sample_ppm })
}

/// `POST /console/drafts/{draft}/launch`
pub(super) async fn launch(
    State(console): State<Arc<Console>>,
    Path(draft): Path<String>,
    request: Request,
) -> Result<Response, Refusal> {
    let LaunchDraft { digest, confirmed } = answer::posted(request).await?;
    let kept = lock(&console.drafts).get(&draft, Instant::now()).cloned();
    let kept = kept.ok_or_else(|| Refusal::missing("draft", "review it again"))?;
    agreed(&kept, &digest, &confirmed)?;
    // While one launch asks, signs and submits, another one of the same draft waits, and then submits the same bytes.
    let mut signed = kept.signed.lock().await;
    let sealed = if let Some(sealed) = &*signed {
        Arc::clone(sealed)
    } else {
        confirm(&console, &kept).await?;
        let sealed = Arc::new(sign(&console, &kept).await?);
        Arc::clone(signed.insert(sealed))
    };
    let shared = Arc::clone(&kept);
    let launched = console
        .blocking(move |console| Ok(shared.prepared.submit(&console.client()?, &sealed)?))
        .await?;
    drop(signed);
    let asked = kept.prepared.requests.last();
    Ok(answer::ok(&LaunchView {
        id: asked.map(|request| request.id().to_string()).unwrap_or_default(),
        kind: asked.map(|request| request.kind().as_str().to_owned()).unwrap_or_default(),
        about: kept.prepared.about.clone(),
        launched,
    }))
}

/// Holds what the page agreed to against what would be signed.
fn agreed(kept: &Kept, digest: &str, confirmed: &[String]) -> Result<(), Failure> {
    if kept.digest != digest {
        let cause = "the digest is not the one of the draft";
        let what = "this is not what was reviewed";
        return Err(Failure::new(Exit::TryAgain, what, cause, "review it again"));
    }
    let is_open = |code: &&&str| !confirmed.iter().any(|known| known == **code);
    match kept.warnings.iter().find(is_open) {
        None => Ok(()),
        Some(code) => {
            let what = format!("{code} is not confirmed");
            let cause = "a warning of the review stands";
            Err(Failure::new(Exit::TryAgain, what, cause, "confirm it below the review"))
        }
    }
}

/// Asks on the terminal, where that was wanted.
async fn confirm(console: &Console, kept: &Kept) -> Result<(), Refusal> {
    if console.confirm == Confirm::Page {
        return Ok(());
    }
    let review = draft::text_of(&Review::of(&kept.prepared)?);
    let text =
        format!("\nA page wants to launch this:\n\n{review}\n\nsha256 of all: {}", kept.digest);
    let failure = match console.terminal.confirm(console.out, &text).await {
        Answered::Yes => return Ok(()),
        Answered::No => {
            let refusal = "the terminal of `muster console` said no";
            Failure::new(Exit::Refused, "nothing was launched", refusal, "review it again")
        }
        Answered::TooLate => {
            let cause = "nobody pressed Enter on the terminal of `muster console`";
            Failure::new(Exit::TimedOut, "nothing was launched", cause, "launch it again")
        }
    };
    Err(failure.into())
}

/// Reads the key, signs exactly the bytes of the review, and lets the key go.
async fn sign(console: &Arc<Console>, kept: &Arc<Kept>) -> Result<Vec<Sealed>, Refusal> {
    let kept = Arc::clone(kept);
    console
        .blocking(move |console| {
            console.signer()?;
            Ok(kept.prepared.sign(&console.settings.operator()?)?)
        })
        .await
}
