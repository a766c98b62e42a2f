//! `muster agents enrol`: new agents, each with a bundle for its machine.

use std::collections::BTreeMap;
use std::path::PathBuf;

use muster_api::{AgentBrief, AgentState, BrokerAddress, Enrol, EnrolAgents, EnrolledAgents};
use muster_broker::BrokerConfig;
use muster_protocol::ids::AgentId;
use serde::Serialize;

use super::confirm;
use crate::args::Enrol as Flags;
use crate::bundle::{self, Enrolled};
use crate::client::{Client, Query};
use crate::failure::{Exit, Failure};
use crate::output::{Column, Document, Show};
use crate::{Context, parse, place, private};

/// Names of a second enrolment that are shown.
const AGAIN_SHOWN: usize = 10;

/// Agents of one request to the coordinator.
const ENROL_MAX: usize = 2_000;

const BUNDLES: &[Column<Written>] = &[
    Column::new("id", "id", Show::Text, |one| one.id.as_str().into()),
    Column::new("labels", "labels", Show::Pairs, |one| (&one.labels).into()),
    Column::new("bundle", "bundle", Show::Text, |one| {
        one.bundle.to_string_lossy().into_owned().into()
    }),
];

/// An agent, and the folder with its bundle.
#[derive(Debug, Serialize)]
struct Written {
    id: AgentId,
    labels: Labels,
    bundle: PathBuf,
}

pub(super) fn run(context: &Context, flags: &Flags) -> Result<Exit, Failure> {
    let common: BTreeMap<String, String> = flags.labels.iter().cloned().collect();
    let asked = match (&flags.name, &flags.from) {
        (Some(name), _) => vec![(name.clone(), common)],
        (None, Some(path)) => lines(&private::read_list(path)?, &common)?,
        (None, None) => Vec::new(),
    };
    if asked.is_empty() {
        return Err(Failure::usage(
            "no agent to enrol",
            "the file names none",
            "lines: NAME [k=v …]",
        ));
    }
    // Both are needed at the end; better to miss them before anything is made.
    let operator = context.settings.operator()?;
    place::folder(&flags.out)?;
    let client = context.client()?;
    let known = known_again(&client, &asked)?;
    if !known.is_empty() {
        context.out.note(&format!("enrolled already under the same name: {}", known.join(", ")));
        let question = "Enrol another agent under this name? The first one stays in the fleet.";
        confirm(context, question, flags.yes)?;
    }
    private::folder(&flags.out)?;
    let mut bundles = Vec::new();
    for part in asked.chunks(ENROL_MAX) {
        let agents =
            part.iter().map(|(name, labels)| Enrol { name: name.clone(), labels: labels.clone() });
        let asked = EnrolAgents { agents: agents.collect() };
        for enrolled in enrolled(client.post("/api/v1/agents", &asked)?)? {
            let folder = bundle::write(&flags.out, &operator, &enrolled)?;
            let Enrolled { id, labels, .. } = enrolled;
            bundles.push(Document::of(Written { id, labels, bundle: folder })?);
        }
    }
    context.out.list(BUNDLES, &bundles)?;
    context.out.note("copy each bundle to its machine, then: muster-agent run --config agent.toml");
    Ok(Exit::Done)
}

/// Returns the names that are asked for and that an agent of the fleet, or an earlier line, has already.
fn known_again(client: &Client, asked: &[(String, Labels)]) -> Result<Vec<String>, Failure> {
    let path = Query::of(super::AGENTS).with("state", Some(super::ENROLLED)).to_string();
    let agents: Vec<AgentBrief> = client.list(&path)?;
    let agents = agents.iter().filter(|agent| agent.state != AgentState::Revoked);
    let mut known: BTreeMap<&str, String> = agents
        .map(|agent| (agent.name.as_str(), format!("{} ({})", agent.name, agent.id)))
        .collect();
    let mut again = Vec::new();
    for (name, _) in asked {
        if let Some(shown) = known.get(name.as_str()) {
            again.push(shown.clone());
        }
        known.entry(name.as_str()).or_insert_with(|| format!("{name} (twice in this list)"));
    }
    if again.len() > AGAIN_SHOWN {
        let more = again.len() - AGAIN_SHOWN;
        again.truncate(AGAIN_SHOWN);
        again.push(format!("and {more} more"));
    }
    Ok(again)
}

type Labels = BTreeMap<String, String>;

/// Reads lines of `NAME [k=v …]`.
fn lines(text: &str, common: &Labels) -> Result<Vec<(String, Labels)>, Failure> {
    let mut asked = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let line = line.split('#').next().unwrap_or_default();
        let mut words = line.split_whitespace();
        let Some(name) = words.next() else { continue };
        let mut labels = common.clone();
        for word in words {
            let (key, value) = parse::label(word).map_err(|why| {
                Failure::usage(
                    format!("line {} cannot be read", at + 1),
                    why,
                    "lines: NAME [k=v …]",
                )
            })?;
            labels.insert(key, value);
        }
        asked.push((name.to_owned(), labels));
    }
    Ok(asked)
}

/// Checks what the coordinator answered: an id becomes the name of a folder.
fn enrolled(answer: EnrolledAgents) -> Result<Vec<Enrolled>, Failure> {
    let BrokerAddress { host, port, vhost, tls, ca } = answer.broker;
    let one = |agent: muster_api::Enrolled| {
        let id = AgentId::new(&agent.id)
            .map_err(|e| Failure::bug("the coordinator sent a broken enrolment", e))?;
        let broker = BrokerConfig {
            host: host.clone(),
            port,
            vhost: vhost.clone(),
            user: id.to_string(),
            password_file: PathBuf::from("broker.password"),
            tls,
            ca_file: None,
        };
        let ca = ca.as_ref().map(|pem| pem.as_bytes().to_vec());
        Ok(Enrolled { id, labels: agent.labels, broker, password: agent.password, ca })
    };
    answer.agents.into_iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_hosts_has_labels_and_comments() {
        let common = BTreeMap::from([("site".to_owned(), "fra".to_owned())]);
        let asked =
            lines("# all\nweb-1 role=web\n\ndb-1 role=db site=ams # old\n", &common).unwrap();
        assert_eq!(asked.len(), 2);
        assert_eq!(asked[0].1["site"], "fra");
        assert_eq!(asked[1].1["site"], "ams");
        let failure = lines("web-1\nweb-2 =x\n", &common).unwrap_err();
        assert!(failure.error.contains("line 2"), "{failure:?}");
    }

    #[test]
    fn an_enrolment_names_broker_user_and_password() {
        let answer = |id: &str, ca: Option<&str>| EnrolledAgents {
            broker: BrokerAddress {
                host: "mq".to_owned(),
                port: 5672,
                vhost: "/".to_owned(),
                tls: false,
                ca: ca.map(str::to_owned),
            },
            agents: vec![muster_api::Enrolled {
                id: id.to_owned(),
                name: "web-1".to_owned(),
                labels: BTreeMap::new(),
                password: "p".to_owned(),
            }],
        };
        let all = enrolled(answer("web-1-ab", None)).unwrap();
        assert_eq!((all[0].broker.user.as_str(), all[0].password.as_str()), ("web-1-ab", "p"));
        assert_eq!(all[0].ca, None);
        let private = enrolled(answer("web-1-ab", Some("-----BEGIN"))).unwrap();
        assert_eq!(private[0].ca.as_deref(), Some(&b"-----BEGIN"[..]));
        assert_eq!(enrolled(answer("../x", None)).unwrap_err().exit, Exit::Bug);
    }
}
