//! Seals requests with the operator's key, checked as an agent will check them before they leave.

use std::collections::BTreeSet;

use muster_protocol::clock::{Clock, Timestamp};
use muster_protocol::ids::{FleetId, KeyId};
use muster_protocol::request::sign::{Draft, Refusal, Trust, Unsigned};
use muster_protocol::request::{Args, Limits, Sealed, Target};

use super::failure::{Exit, Failure};
use super::keys::Operator;
use crate::output::escape;

/// How long a control may still reach its agents: as long as any request can live.
pub(super) const CONTROL_VALID_MS: i64 = muster_protocol::limits::VALIDITY_MS_MAX;

/// What is asked of whom.
#[derive(Debug, Clone)]
pub(super) struct Ask {
    pub(super) args: Args,
    pub(super) target: Target,
    pub(super) limits: Limits,
    pub(super) valid_ms: i64,
}

/// Signs.
pub(super) fn seal(operator: &Operator, ask: Ask) -> Result<Sealed, Failure> {
    sign(operator, &prepare(operator.fleet, operator.key.id(), ask)?)
}

/// Makes the exact bytes that will be signed, with the key of that id.
pub(super) fn prepare(fleet: FleetId, key: KeyId, ask: Ask) -> Result<Unsigned, Failure> {
    check_target(&ask.target)?;
    let draft = Draft {
        fleet,
        target: ask.target,
        limits: ask.limits,
        issued: Clock::system().now(),
        valid_ms: ask.valid_ms,
    };
    let body = draft.body(key, &ask.args).and_then(|body| Unsigned::new(&body));
    body.map_err(|error| Failure::bug("cannot encode the request", error))
}

/// Signs exactly these bytes.
pub(super) fn sign(operator: &Operator, unsigned: &Unsigned) -> Result<Sealed, Failure> {
    let sealed = operator.key.sign(unsigned, Some(&operator.certificate));
    let sealed = sealed.map_err(|error| Failure::bug("cannot encode the request", error))?;
    check(operator, &sealed, Clock::system().now())?;
    Ok(sealed)
}

/// Reports where an expression does not parse.
pub(super) fn check_target(target: &Target) -> Result<(), Failure> {
    let Err(error) = target.check() else { return Ok(()) };
    let before = target.expr.get(..error.at).unwrap_or(&target.expr);
    let column = escape::text(before).chars().count();
    let cause = format!("{}\n{:column$}^ {}", target.expr, "", error.why);
    let what = format!("the target does not parse at position {}", error.at);
    let next = "words: all, id:X, host:GLOB, os:X, arch:X, version:GLOB, label:K, label:K=GLOB; and, or, not, ( )";
    Err(Failure::usage(what, cause, next))
}

fn check(operator: &Operator, sealed: &Sealed, now: Timestamp) -> Result<(), Failure> {
    let trust = Trust { fleet: operator.fleet, root: operator.root, revoked: BTreeSet::new() };
    trust.open(sealed, now).map(drop).map_err(refused)
}

/// Reports why no agent would carry a request out.
pub(super) fn refused(refusal: Refusal) -> Failure {
    let (exit, next) = match refusal {
        Refusal::OutOfBounds(_) | Refusal::TooBig(_) => (Exit::Usage, "muster doctor --limits"),
        Refusal::CertificateExpired(_) => (Exit::Refused, "have the root sign the key again"),
        _ => (Exit::Refused, "check the operator's key: --operator-key FILE"),
    };
    Failure::new(exit, "no agent would accept this request", refusal, next)
}
