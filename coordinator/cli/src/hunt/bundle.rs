//! A hunt and the parts of its list: sealed together, launched in their order.

use std::path::Path;

use muster_api::Launched;
use muster_protocol::artifact::ioc::{IocPartRef, SplitIocList};
use muster_protocol::ids::{FleetId, KeyId};
use muster_protocol::request::sign::Unsigned;
use muster_protocol::request::{Args, Bundle, Limits, Target};
use muster_protocol::result::rows::sha256;
use muster_protocol::wire;
use serde_bytes::ByteBuf;

use super::ioc::LongList;
use super::plan::Plan;
use crate::client::Client;
use crate::failure::Failure;
use crate::keys::Operator;
use crate::output::Document;
use crate::sign::{self, Ask};

/// A hunt and the parts of its list before they are signed.
#[derive(Debug)]
pub(crate) struct Unsealed {
    /// The hunt.
    pub(crate) start: Unsigned,
    /// The parts of its list, which travel before it.
    pub(crate) parts: Vec<Unsigned>,
    /// The whole digests of the list, which nobody signs: the hunt names them by their SHA-256.
    pub(crate) whole: Vec<ByteBuf>,
}

/// Signs a hunt, after the parts of its list.
pub(super) fn seal(operator: &Operator, plan: Plan) -> Result<Bundle, Failure> {
    let Unsealed { start, parts, whole } = prepare(operator.fleet, operator.key.id(), plan)?;
    let parts = parts.iter().map(|part| sign::sign(operator, part));
    let parts = parts.collect::<Result<_, _>>()?;
    Ok(Bundle { start: sign::sign(operator, &start)?, parts, whole })
}

/// Makes the exact bytes of a hunt and of the parts of its list.
pub(crate) fn prepare(fleet: FleetId, key: KeyId, plan: Plan) -> Result<Unsealed, Failure> {
    let Plan { mut ask, list, .. } = plan;
    let (mut parts, mut whole) = (Vec::new(), Vec::new());
    if let Some(list) = list {
        let mut named = SplitIocList { count: list.count, ..SplitIocList::default() };
        let LongList { parts: pieces, whole: digests, .. } = list;
        for piece in pieces {
            let part = Ask {
                args: Args::ListPart(piece),
                // A sample is another one for each request: who is not in the hunt's merely has no use for it.
                target: Target { sample_ppm: None, ..ask.target.clone() },
                limits: Limits::default(),
                valid_ms: ask.valid_ms,
            };
            let part = sign::prepare(fleet, key, part)?;
            let (body, _) = part.decoded().map_err(sign::refused)?;
            named.parts.push(IocPartRef { id: body.id, sha256: sha256(&body.args) });
            parts.push(part);
        }
        for piece in digests {
            let bytes = wire::encode(&piece)
                .map_err(|error| Failure::bug("cannot encode the list", error))?;
            named.whole.push(sha256(&bytes));
            whole.push(ByteBuf::from(bytes));
        }
        if let Args::HuntStart(start) = &mut ask.args {
            let artifact = start.known().map_err(|e| Failure::bug("cannot name the list", e))?;
            let args = artifact.with_list(&start.args, named);
            let args = args.map_err(|error| Failure::bug("cannot name the list", error))?;
            start.args = ByteBuf::from(args);
        }
    }
    Ok(Unsealed { start: sign::prepare(fleet, key, ask)?, parts, whole })
}

/// Submits everything to the coordinator: the whole digests, the parts, and last the hunt.
pub(super) fn launch(client: &Client, bundle: &Bundle) -> Result<Document<Launched>, Failure> {
    for piece in &bundle.whole {
        client.keep_list(piece)?;
    }
    for part in &bundle.parts {
        client.submit(part)?;
    }
    client.submit(&bundle.start)
}

/// Reads what `hunt seal` wrote.
pub(super) fn read(path: &Path) -> Result<Bundle, Failure> {
    let bytes = std::fs::read(path).map_err(|e| Failure::file("read", path, &e))?;
    Bundle::read(&bytes).map_err(|error| {
        let what = format!("{} is not a sealed request", path.display());
        Failure::usage(what, error, "write one with `muster hunt seal … --out FILE`")
    })
}
