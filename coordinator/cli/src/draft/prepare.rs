//! From a form to the exact bytes that will be signed, by the planning of the verb that it stands for.

use muster_api::Launched;
use muster_protocol::hex;
use muster_protocol::request::sign::Unsigned;
use muster_protocol::request::{Kind, Sealed, Target};
use serde_bytes::ByteBuf;
use sha2::{Digest, Sha256};

use super::form::{Form, FormKind, Word, flag_in};
use super::{Problem, command};
use crate::client::Client;
use crate::failure::{Exit, Failure};
use crate::hunt::{self, Hashes, ListFile, Unsealed};
use crate::keys::{Operator, Signer};
use crate::sign;
use crate::{control, profile};

/// Requests that are encoded and not signed.
#[derive(Debug)]
pub(crate) struct Prepared {
    /// What they are of.
    pub(crate) kind: FormKind,
    /// In the order in which the command line submits them; what was asked for is the last.
    pub(crate) requests: Vec<Unsigned>,
    /// The whole digests of a long list, which the coordinator keeps and the hunt names.
    pub(crate) whole: Vec<ByteBuf>,
    /// Who will sign.
    pub(crate) signer: Signer,
    /// The command line that makes the same.
    pub(crate) command: String,
    /// The hunt or profile that is made or ended.
    pub(crate) about: String,
    /// Whom the last request is for.
    pub(crate) target: Target,
}

/// Prepares what a form asks for. Of the machine's files none is opened but the lists.
pub(crate) fn prepare(
    form: &Form,
    lists: &[ListFile],
    signer: Signer,
    client: &Client,
) -> Result<Prepared, Problem> {
    let words = form.words()?;
    if !lists.is_empty() && form.kind != FormKind::Hunt {
        let failure =
            Failure::usage("a list is for a hunt", "nothing else has one", "leave it out");
        return Err(Problem::of("list", failure));
    }
    check_target(form)?;
    let (requests, whole, about) = match form.kind {
        FormKind::Hunt => hunt(&words, lists, &signer, client),
        FormKind::Profile => take(&words, &signer, client),
        FormKind::ProfileCancel
        | FormKind::HuntCancel
        | FormKind::HuntPause
        | FormKind::HuntResume
        | FormKind::HuntDrain => steer(form, &signer, client),
    }
    .map_err(placed)?;
    let mut target = Target::all();
    for request in &requests {
        check_granted(&signer, request.kind())?;
        let (body, _) = request.decoded().map_err(sign::refused)?;
        target = body.target;
    }
    let command = command::command(form, &words, lists);
    Ok(Prepared { kind: form.kind, requests, whole, signer, command, about, target })
}

/// Requests, the whole digests of a list, and what they are about.
type Made = (Vec<Unsigned>, Vec<ByteBuf>, String);

fn hunt(
    words: &[Word],
    lists: &[ListFile],
    signer: &Signer,
    client: &Client,
) -> Result<Made, Problem> {
    let run = Form::hunt(words, lists)?;
    let plan = hunt::listing(&run.draft, &Hashes::of(lists)?, client, true)?;
    let (meant, valid_ms) = (plan.ask.target.clone(), plan.ask.valid_ms);
    let Unsealed { start, parts, whole } = hunt::prepare(signer.fleet, signer.key, plan)?;
    let id = start.id();
    let mut requests = Vec::new();
    // It must lie with the agents when the hunt begins there.
    if let Some((ask, _)) = hunt::plan_probes(client, (id, &meant), &run.probed, valid_ms)? {
        requests.push(sign::prepare(signer.fleet, signer.key, ask)?);
    }
    requests.extend(parts);
    requests.push(start);
    Ok((requests, whole, id.to_string()))
}

fn take(words: &[Word], signer: &Signer, client: &Client) -> Result<Made, Problem> {
    let take = Form::profile(words)?;
    let request = sign::prepare(signer.fleet, signer.key, profile::ask(&take, client)?)?;
    let id = request.id().to_string();
    Ok((vec![request], Vec::new(), id))
}

/// Prepares a control of a hunt or a profile.
fn steer(form: &Form, signer: &Signer, client: &Client) -> Result<Made, Problem> {
    let Some((noun, verb)) = form.kind.control() else {
        return Err(Failure::bug("the form is of no control", "it has another kind").into());
    };
    let (ask, about) = if noun == "profile" {
        let found = profile::find(client, form.text(noun));
        let (id, profile) = found.map_err(|e| Problem::of(noun, e))?;
        (control::ask(&profile.view, verb)?, id)
    } else {
        let found = hunt::find(client, form.text(noun)).map_err(|e| Problem::of(noun, e))?;
        (control::ask(&found.hunt.view, verb)?, found.id)
    };
    Ok((vec![sign::prepare(signer.fleet, signer.key, ask)?], Vec::new(), about))
}

/// Reports where an expression does not parse, before anything else is looked at.
fn check_target(form: &Form) -> Result<(), Problem> {
    let expr = form.text("target").to_owned();
    if expr.is_empty() {
        return Ok(());
    }
    let target = Target { expr, sample_ppm: None };
    let Err(error) = target.check() else { return Ok(()) };
    let next = "words: all, id:X, host:GLOB, os:X, arch:X, version:GLOB, label:K, label:K=GLOB; and, or, not, ( )";
    let failure = Failure::usage("the target does not parse", error.why, next);
    Err(Problem { at: Some(error.at), ..Problem::of("target", failure) })
}

/// Finds the field of a failure of the planning, which names its flag.
fn placed(problem: Problem) -> Problem {
    let Failure { error, cause, .. } = &*problem.failure;
    let is_usage = problem.failure.exit == Exit::Usage && problem.field.is_none();
    let field = is_usage.then(|| flag_in(error).or_else(|| flag_in(cause))).flatten();
    Problem { field: problem.field.or(field), ..problem }
}

fn check_granted(signer: &Signer, kind: Kind) -> Result<(), Failure> {
    if kind.needs().is_in(&signer.grant.capabilities) {
        return Ok(());
    }
    let cause = format!("its certificate does not grant `{}`", kind.needs());
    let what = format!("key {} may not ask for {kind}", signer.key);
    Err(Failure::new(Exit::Refused, what, cause, "use a key that may: --operator-key FILE"))
}

impl Prepared {
    /// Returns SHA-256 over all bodies, in order.
    pub(crate) fn digest(&self) -> String {
        let mut digest = Sha256::new();
        for request in &self.requests {
            digest.update(request.bytes());
        }
        hex::encode(&digest.finalize())
    }

    /// Returns what every agent that is meant receives.
    pub(crate) fn bytes(&self) -> u64 {
        self.requests.iter().map(|request| request.bytes().len() as u64).sum()
    }

    /// Returns what the coordinator keeps beside that.
    pub(crate) fn whole_bytes(&self) -> u64 {
        self.whole.iter().map(|piece| piece.len() as u64).sum()
    }

    /// Signs exactly these bytes.
    pub(crate) fn sign(&self, operator: &Operator) -> Result<Vec<Sealed>, Failure> {
        if operator.key.id() != self.signer.key {
            let cause = format!("it was reviewed for key {}", self.signer.key);
            let next = "review it again";
            return Err(Failure::new(Exit::TryAgain, "the key has changed", cause, next));
        }
        self.requests.iter().map(|request| sign::sign(operator, request)).collect()
    }

    /// Submits what was signed, in order. Repeating it is harmless: the coordinator knows the ids.
    pub(crate) fn submit(&self, client: &Client, all: &[Sealed]) -> Result<Vec<Launched>, Failure> {
        for piece in &self.whole {
            client.keep_list(piece)?;
        }
        all.iter().map(|sealed| client.submit(sealed).map(|launched| launched.view)).collect()
    }
}
