//! Profiles of some agents while they hunt: `hunt run --profile cpu,wall:30s@99 --profile-agents 3`.
//!
//! The request for them goes out before the hunt does, so that it lies with the agents when the hunt begins there.

use muster_api::{AgentBrief, AgentState, ProfileView};
use muster_protocol::ids::{AgentId, RequestId};
use muster_protocol::limits::DIRECTED_AGENTS_MAX;
use muster_protocol::request::profile::ProfileStart;
use muster_protocol::request::{Args, Limits, Target, Verb};

use super::id_part;
use crate::args::hunt::Probed;
use crate::client::Client;
use crate::failure::{Exit, Failure};
use crate::sign::{self, Ask};
use crate::{Context, agents, control, watch};

/// How long the final statuses of the profiles are waited for once the hunt has ended.
const LAST_WORDS_S: u32 = 30;

/// Profiles that were asked for.
#[derive(Debug)]
pub(super) struct Probes {
    id: String,
}

/// Asks some of the agents that a hunt is for to be profiled while they hunt.
pub(super) fn ask(
    context: &Context,
    client: &Client,
    meant: (RequestId, &Target),
    flags: &Probed,
    valid_ms: i64,
) -> Result<Option<Probes>, Failure> {
    let Some((ask, chosen)) = plan(client, meant, flags, valid_ms)? else { return Ok(None) };
    let answer = client.submit(&sign::seal(&context.settings.operator()?, ask)?)?;
    let id = id_part(&answer.view.id)?;
    let names: Vec<_> = chosen.iter().map(ToString::to_string).collect();
    context.out.note(&format!("profile {id}: of {} while they hunt", names.join(", ")));
    Ok(Some(Probes { id }))
}

/// Makes the request for those profiles, where there are to be any, and chooses the agents.
pub(crate) fn plan(
    client: &Client,
    (hunt, meant): (RequestId, &Target),
    flags: &Probed,
    valid_ms: i64,
) -> Result<Option<(Ask, Vec<AgentId>)>, Failure> {
    let Some(probe) = &flags.profile else { return Ok(None) };
    let chosen = choose(&agents::matching(client, meant)?, flags.profile_agents);
    if chosen.is_empty() {
        let cause = "no agent that the hunt is for was heard of lately";
        let next = "muster agents list; or run the hunt without --profile";
        return Err(Failure::new(Exit::NothingMatched, "nobody can be profiled", cause, next));
    }
    let start = ProfileStart {
        revision: 0,
        kinds: probe.kinds.clone(),
        seconds: probe.seconds,
        during: Some(hunt),
        hertz: probe.hertz,
    };
    let ask = Ask {
        args: Args::ProfileStart(start),
        target: Target::agents(&chosen),
        limits: Limits::default(),
        valid_ms,
    };
    Ok(Some((ask, chosen)))
}

/// Chooses live agents, the first in the order of the list; as many as one directed request can name.
fn choose(matching: &[AgentBrief], count: usize) -> Vec<AgentId> {
    let live = matching.iter().filter(|agent| agent.state == AgentState::Live);
    let ids = live.filter_map(|agent| AgentId::new(&agent.id).ok());
    ids.take(count.min(DIRECTED_AGENTS_MAX)).collect()
}

impl Probes {
    /// Takes the request back: its hunt was not launched.
    pub(super) fn cancel(&self, context: &Context, client: &Client) {
        let view = client.get::<ProfileView>(&format!("/api/v1/profiles/{}", self.id));
        let sent = view.and_then(|view| control::send(context, client, &view, Verb::Cancel));
        if let Err(failure) = sent {
            context.out.failure(&failure);
        }
    }

    /// Notes what came of them, once the hunt has ended.
    pub(super) fn tell(&self, context: &Context) -> Result<(), Failure> {
        let id = &self.id;
        let next = match watch::watch_profile(context, id, Some(LAST_WORDS_S))? {
            watch::Watched::Ended(view) => {
                let agents = view.view.agents;
                let count = agents.iter().filter(|agent| agent.shown.bytes > 0).count();
                let of = agents.len();
                format!(
                    "{count} of {of} agents were profiled: muster profile merge {id} --format flame -o hunt.svg"
                )
            }
            _ => format!("the profiles are not in yet: muster profile show {id}"),
        };
        context.out.note(&next);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_agents_that_are_there_are_chosen_and_only_so_many() {
        let agent = |id: &str, state: &str| -> AgentBrief {
            let view = json!({
                "id": id, "name": id, "state": state, "host": "", "os": "", "arch": "", "version": "",
                "labels": {}, "outbox_bytes": 0, "journal_full": false, "collections": 0,
            });
            serde_json::from_value(view).unwrap()
        };
        let all = [
            agent("a-1", "silent"),
            agent("b-1", "live"),
            agent("c-1", "new"),
            agent("d-1", "live"),
        ];
        let names = |count| choose(&all, count).iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(names(3), ["b-1", "d-1"]);
        assert_eq!(names(1), ["b-1"]);
        let many: Vec<_> = (0..100).map(|n| agent(&format!("a-{n}"), "live")).collect();
        assert_eq!(choose(&many, 100).len(), DIRECTED_AGENTS_MAX);
    }
}
