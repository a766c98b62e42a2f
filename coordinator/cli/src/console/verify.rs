//! `GET /console/verify/{request}`: checks on this machine who signed a request, and what. The coordinator is asked for
//! nothing but the bytes.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use muster_protocol::ids::RequestId;
use muster_protocol::limits::SEALED_BYTES_MAX;
use muster_protocol::request::Sealed;
use muster_protocol::request::sign::{Refusal as Refused, Trust, body_of};
use muster_protocol::wire;

use super::Console;
use super::answer::{self, Refusal};
use super::views::VerifiedView;
use crate::client::Client;
use crate::draft::RequestReview;
use crate::failure::{Exit, Failure};

/// `GET /console/verify/{request}`
pub(super) async fn verify(
    State(console): State<Arc<Console>>,
    Path(request): Path<String>,
) -> Result<Response, Refusal> {
    let id: RequestId = request
        .parse()
        .map_err(|error| Failure::usage("no such request", error, "give the whole id"))?;
    let view = console
        .blocking(move |console| {
            // Whose fleet it must be is written in the key file, not told by the coordinator.
            let operator = console.settings.operator()?;
            let trust =
                Trust { fleet: operator.fleet, root: operator.root, revoked: BTreeSet::new() };
            drop(operator);
            let sealed = sealed(&console.client()?, id)?;
            Ok(verified(&trust, &sealed, id))
        })
        .await?;
    Ok(answer::ok(&view))
}

fn sealed(client: &Client, id: RequestId) -> Result<Sealed, Failure> {
    let bytes = client.bytes(&format!("/api/v1/requests/{id}/sealed"))?;
    wire::decode(&bytes, SEALED_BYTES_MAX).map_err(|error| {
        let what = "the coordinator sent no sealed request";
        Failure::new(Exit::Unavailable, what, error, "look into the coordinator's log")
    })
}

/// Checks the chain of trust as it was when the request was signed.
fn verified(trust: &Trust, sealed: &Sealed, id: RequestId) -> VerifiedView {
    let mut view = VerifiedView {
        request: id.to_string(),
        valid: false,
        failed: String::new(),
        why: String::new(),
        operator: String::new(),
        key: String::new(),
        review: None,
    };
    // Only the check that follows says whether this moment can be believed: it is among what was signed.
    let opened = body_of(sealed).and_then(|body| trust.open(sealed, body.issued));
    let opened = opened.and_then(|opened| {
        if opened.body.id == id { Ok(opened) } else { Err(Refused::Altered("id")) }
    });
    match opened {
        Ok(opened) => {
            view.valid = true;
            view.operator = opened.operator;
            view.key = opened.body.key.to_string();
            view.review = RequestReview::of(&sealed.body, &opened.body, &opened.args).ok();
        }
        Err(refused) => {
            refused.code().clone_into(&mut view.failed);
            view.why = refused.to_string();
        }
    }
    view
}

#[cfg(test)]
mod tests {
    use muster_protocol::clock::Clock;
    use muster_protocol::request::{Args, Control, Limits, Target, Verb};
    use serde_bytes::ByteBuf;

    use super::*;
    use crate::keys::Root;
    use crate::sign::{self, Ask};

    #[test]
    fn what_was_altered_is_not_valid() {
        let root = Root::generate().unwrap();
        let operator = root.operator("ada", Clock::system().now()).unwrap();
        let trust = Trust { fleet: operator.fleet, root: operator.root, revoked: BTreeSet::new() };
        let ask = Ask {
            args: Args::Control(Control::new(RequestId::new(), Verb::Cancel, 1)),
            target: Target::all(),
            limits: Limits::default(),
            valid_ms: 60_000,
        };
        let sealed = sign::seal(&operator, ask).unwrap();
        let id: RequestId = sealed.id.parse().unwrap();
        let good = verified(&trust, &sealed, id);
        assert!(good.valid && good.failed.is_empty(), "{good:?}");
        assert_eq!((good.operator.as_str(), good.key), ("ada", operator.key.id().to_string()));
        assert_eq!(good.review.unwrap().control.unwrap().verb, "cancel");

        let mut body = sealed.body.to_vec();
        let last = body.len() - 1;
        body[last] ^= 1;
        let altered = Sealed { body: ByteBuf::from(body), ..sealed.clone() };
        assert!(!verified(&trust, &altered, id).valid);
        let other = verified(&trust, &sealed, RequestId::new());
        assert_eq!((other.valid, other.failed.as_str()), (false, "altered"));
        let foreign = Trust { root: Root::generate().unwrap().key.public(), ..trust };
        assert_eq!(verified(&foreign, &sealed, id).failed, "bad_certificate");
    }
}
