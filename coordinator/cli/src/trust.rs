//! `muster trust`: takes keys back, signed by the fleet root itself.

use muster_protocol::clock::Clock;
use muster_protocol::ids::KeyId;
use muster_protocol::limits;
use muster_protocol::request::sign::Draft;
use muster_protocol::request::trust::Revoke;
use muster_protocol::request::{Args, Limits, Target};

use super::Context;
use super::args::Trust;
use super::failure::{Exit, Failure};
use super::keys::Root;
use super::{agents, hunt};

pub(super) fn run(context: &Context, verb: &Trust) -> Result<Exit, Failure> {
    let Trust::Revoke { keys, root_key, yes } = verb;
    let keys: Vec<KeyId> =
        keys.iter().map(|key| key.parse()).collect::<Result<_, _>>().map_err(|e| {
            Failure::usage(
                "this is not a key",
                e,
                "key ids stand in the audit log and in `hunt show`",
            )
        })?;
    let path = root_key.clone().unwrap_or_else(|| context.settings.dir.join("root.key"));
    let root = Root::read(&path)?;
    let question = format!("Revoke {} key(s) on every agent, permanently?", keys.len());
    agents::confirm(context, &question, *yes)?;
    let draft = Draft {
        fleet: root.fleet,
        target: Target::all(),
        limits: Limits::default(),
        issued: Clock::system().now(),
        valid_ms: limits::VALIDITY_MS_MAX,
    };
    let bug = |error| Failure::bug("cannot encode the request", error);
    let body = draft.body(root.key.id(), &Args::TrustRevoke(Revoke { keys })).map_err(bug)?;
    let sealed = root.key.seal(&body, None).map_err(bug)?;
    hunt::submit(context, &sealed)?;
    Ok(Exit::Done)
}
