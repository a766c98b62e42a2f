//! `muster agents`: enrol, list, show, revoke.

use std::collections::BTreeMap;
use std::path::PathBuf;

use muster_broker::BrokerConfig;
use muster_protocol::ids::{AgentId, RequestId};
use muster_protocol::request::Target;
use muster_protocol::request::target::Facts;
use serde_json::{Value, json};

use super::args::{Agents, Enrol};
use super::bundle::{self, Enrolled};
use super::client::Client;
use super::failure::{Exit, Failure};
use super::{Context, parse, place, private, sign};
use crate::output::listing::field;
use crate::output::{Column, Show, units};

/// Names of a second enrolment that are shown.
const AGAIN_SHOWN: usize = 10;

/// Agents of one request to the coordinator.
const ENROL_MAX: usize = 2_000;

const LIST: &[Column] = &[
    Column::new("id", "id", Show::Text),
    Column::new("host", "host", Show::Text),
    Column::new("state", "state", Show::Text),
    Column::new("version", "version", Show::Text),
    Column::new("last seen", "last_seen", Show::Text),
    Column::new("cpu", "cpu_percent", Show::Percent),
    Column::new("rss", "rss_bytes", Show::Bytes),
    Column::new("running", "collections", Show::Count),
    Column::new("clone", "clone", Show::Text),
    Column::new("labels", "labels", Show::Pairs),
];

const SHOW: &[Column] = &[
    Column::new("id", "id", Show::Text),
    Column::new("name", "name", Show::Text),
    Column::new("state", "state", Show::Text),
    Column::new("why", "cause", Show::Text),
    Column::new("host", "host", Show::Text),
    Column::new("os", "os", Show::Text),
    Column::new("arch", "arch", Show::Text),
    Column::new("version", "version", Show::Text),
    Column::new("labels", "labels", Show::Pairs),
    Column::new("can do", "capabilities", Show::Pairs),
    Column::new("enrolled", "enrolled", Show::Text),
    Column::new("revoked", "revoked", Show::Text),
    Column::new("quarantined", "quarantined", Show::Text),
    Column::new("cause", "quarantine", Show::Text),
    Column::new("last seen", "last_seen", Show::Text),
    Column::new("clock offset, ms", "clock_offset_ms", Show::Text),
    Column::new("outbox", "outbox_bytes", Show::Bytes),
    Column::new("journal full", "journal_full", Show::Text),
    Column::new("running", "collections", Show::Count),
    Column::new("cpu", "cpu_percent", Show::Percent),
    Column::new("rss", "rss_bytes", Show::Bytes),
    Column::new("machine", "machine", Show::Text),
    Column::new("clone", "clone", Show::Text),
    Column::new("notes", "notes", Show::Pairs),
];

pub(super) fn run(context: &Context, verb: &Agents) -> Result<Exit, Failure> {
    match verb {
        Agents::Enrol(flags) => enrol(context, flags),
        Agents::List { target, all, revoked } => {
            let which = match (all, revoked) {
                (true, _) => Which::All,
                (_, true) => Which::Revoked,
                _ => Which::Enrolled,
            };
            list(context, target.as_deref(), which)
        }
        Agents::Show { agent } => show(context, agent),
        Agents::Quarantine { agent, reason, yes } => quarantine(context, agent, reason, *yes),
        Agents::Release { agent } => release(context, agent),
        Agents::Revoke { agent, yes } => revoke(context, agent, *yes),
    }
}

/// Which agents are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Which {
    Enrolled,
    Revoked,
    All,
}

fn is_revoked(agent: &Value) -> bool {
    field(agent, "state") == "revoked"
}

fn list(context: &Context, target: Option<&str>, which: Which) -> Result<Exit, Failure> {
    let expr = target.unwrap_or("all").to_owned();
    let target = Target { expr, sample_ppm: None };
    sign::check_target(&target)?;
    let mut agents = matching(&context.client()?, &target)?;
    let all = agents.len();
    agents.retain(|agent| which == Which::All || is_revoked(agent) == (which == Which::Revoked));
    context.out.list(LIST, &agents)?;
    // One broker, one cause: it is the same for all that have one.
    let causes = agents.iter().filter_map(|agent| field(agent, "cause").as_str());
    let causes: Vec<_> = causes.filter(|cause| !cause.is_empty()).collect();
    if let Some(cause) = causes.first() {
        context.out.note(&format!("{} silent: {cause}", causes.len()));
    }
    if which == Which::Enrolled && agents.len() < all {
        let hidden = units::count((all - agents.len()) as u64);
        context.out.note(&format!("revoked and not shown: {hidden}; add --all or --revoked"));
    }
    Ok(if agents.is_empty() { Exit::NothingMatched } else { Exit::Done })
}

/// Fetches the agents that an expression means, each with its latest cost.
pub(super) fn matching(client: &Client, target: &Target) -> Result<Vec<Value>, Failure> {
    let Value::Array(mut agents) = client.get("/api/v1/agents")? else {
        return Err(Failure::bug("the coordinator sent no list of agents", ""));
    };
    // The id of a request decides a sample only, and a list has none.
    let request = RequestId::new();
    agents.retain(|agent| target.matches(&facts(agent), &request).unwrap_or(false));
    let costs = client.get("/api/v1/telemetry")?;
    let costs: BTreeMap<&str, &Value> = costs
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|sample| Some((sample.get("agent")?.as_str()?, sample)))
        .collect();
    for agent in &mut agents {
        let id = field(agent, "id").as_str().unwrap_or_default().to_owned();
        if let Some(sample) = costs.get(id.as_str()) {
            add_cost(agent, sample);
        }
    }
    Ok(agents)
}

fn add_cost(agent: &mut Value, sample: &Value) {
    if let Some(agent) = agent.as_object_mut() {
        for name in ["cpu_percent", "rss_bytes"] {
            agent.insert(name.to_owned(), field(sample, name).clone());
        }
    }
}

fn facts(agent: &Value) -> Facts {
    let text = |name| field(agent, name).as_str().unwrap_or_default().to_owned();
    let labels = field(agent, "labels").as_object().into_iter().flatten();
    Facts {
        id: text("id"),
        host: text("host"),
        os: text("os"),
        arch: text("arch"),
        version: text("version"),
        labels: labels
            .map(|(k, v)| (k.clone(), v.as_str().unwrap_or_default().to_owned()))
            .collect(),
    }
}

fn show(context: &Context, agent: &str) -> Result<Exit, Failure> {
    let client = context.client()?;
    let id = client.agent_id(agent)?;
    let mut agent = client.get(&format!("/api/v1/agents/{id}"))?;
    let samples = client.get("/api/v1/telemetry")?;
    let is_its = |sample: &&Value| field(sample, "agent") == id.as_str();
    if let Some(sample) = samples.as_array().and_then(|samples| samples.iter().find(is_its)) {
        add_cost(&mut agent, sample);
    }
    context.out.record(SHOW, &agent)?;
    Ok(Exit::Done)
}

fn revoke(context: &Context, agent: &str, is_sure: bool) -> Result<Exit, Failure> {
    let client = context.client()?;
    let id = client.agent_id(agent)?;
    let question =
        format!("Revoke {id}? Its broker user is deleted; it must be enrolled anew to come back.");
    confirm(context, &question, is_sure)?;
    let answer = client.post(&format!("/api/v1/agents/{id}/revoke"), &json!({}))?;
    shown(context, &answer, &format!("{id} is revoked"))
}

fn quarantine(
    context: &Context,
    agent: &str,
    reason: &str,
    is_sure: bool,
) -> Result<Exit, Failure> {
    let client = context.client()?;
    let id = client.agent_id(agent)?;
    let question = format!("Quarantine {id}? The broker shuts it out until it is released.");
    confirm(context, &question, is_sure)?;
    let asked = json!({ "reason": reason });
    let answer = client.post(&format!("/api/v1/agents/{id}/quarantine"), &asked)?;
    shown(context, &answer, &format!("{id} is in quarantine; muster agents release {id} lifts it"))
}

fn release(context: &Context, agent: &str) -> Result<Exit, Failure> {
    let client = context.client()?;
    let id = client.agent_id(agent)?;
    let answer = client.post(&format!("/api/v1/agents/{id}/release"), &json!({}))?;
    shown(context, &answer, &format!("{id} may connect again; what was set aside is taken back"))
}

/// Notes what was done; the agent itself is shown where the output is for programs.
fn shown(context: &Context, agent: &Value, note: &str) -> Result<Exit, Failure> {
    context.out.note(note);
    if agent.is_object() && context.out.format != crate::output::Format::Table {
        context.out.record(SHOW, agent)?;
    }
    Ok(Exit::Done)
}

/// Asks before something that cannot be taken back.
pub(super) fn confirm(context: &Context, question: &str, is_sure: bool) -> Result<(), Failure> {
    if is_sure {
        return Ok(());
    }
    match context.out.ask(question) {
        Some(true) => Ok(()),
        Some(false) => {
            Err(Failure::new(Exit::Refused, "nothing was done", "the answer was no", ""))
        }
        None => {
            let cause = format!("{question} There is no terminal to ask on");
            Err(Failure::usage("not without a yes", cause, "add --yes"))
        }
    }
}

fn enrol(context: &Context, flags: &Enrol) -> Result<Exit, Failure> {
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
        let agents: Vec<Value> =
            part.iter().map(|(name, labels)| json!({"name": name, "labels": labels})).collect();
        let answer = client.post("/api/v1/agents", &json!({ "agents": agents }))?;
        for enrolled in enrolled(&answer)? {
            let folder = bundle::write(&flags.out, &operator, &enrolled)?;
            bundles.push(json!({"id": enrolled.id, "labels": enrolled.labels, "bundle": folder}));
        }
    }
    let columns = [
        Column::new("id", "id", Show::Text),
        Column::new("labels", "labels", Show::Pairs),
        Column::new("bundle", "bundle", Show::Text),
    ];
    context.out.list(&columns, &bundles)?;
    context.out.note("copy each bundle to its machine, then: muster-agent run --config agent.toml");
    Ok(Exit::Done)
}

/// Returns the names that are asked for and that an agent of the fleet, or an earlier line, has already.
fn known_again(client: &Client, asked: &[(String, Labels)]) -> Result<Vec<String>, Failure> {
    let agents = client.get("/api/v1/agents")?;
    let agents = agents.as_array().map_or(&[][..], Vec::as_slice);
    let agents = agents.iter().filter(|agent| !is_revoked(agent));
    let mut known: BTreeMap<&str, String> = agents
        .filter_map(|agent| {
            let (name, id) = (field(agent, "name").as_str()?, field(agent, "id").as_str()?);
            Some((name, format!("{name} ({id})")))
        })
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

fn enrolled(answer: &Value) -> Result<Vec<Enrolled>, Failure> {
    let bad = |why: &str| Failure::bug("the coordinator sent a broken enrolment", why);
    let text = |value: &Value, name: &str| {
        field(value, name).as_str().map(str::to_owned).ok_or_else(|| bad(name))
    };
    let port = field(answer, "broker.port").as_u64().and_then(|port| u16::try_from(port).ok());
    let broker = |user: String| -> Result<BrokerConfig, Failure> {
        Ok(BrokerConfig {
            host: text(answer, "broker.host")?,
            port: port.ok_or_else(|| bad("broker.port"))?,
            vhost: text(answer, "broker.vhost")?,
            user,
            password_file: PathBuf::from("broker.password"),
            tls: field(answer, "broker.tls").as_bool().unwrap_or(true),
            ca_file: None,
        })
    };
    let ca = field(answer, "broker.ca").as_str().map(|pem| pem.as_bytes().to_vec());
    let agents = field(answer, "agents").as_array().ok_or_else(|| bad("agents"))?;
    let one = |agent: &Value| {
        let id = AgentId::new(&text(agent, "id")?).map_err(|e| bad(&e.to_string()))?;
        let broker = broker(id.to_string())?;
        let password = text(agent, "password")?;
        Ok(Enrolled { id, labels: facts(agent).labels, broker, password, ca: ca.clone() })
    };
    agents.iter().map(one).collect()
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
        let answer = json!({
            "broker": {"host": "mq", "port": 5672, "vhost": "/", "tls": false},
            "agents": [{"id": "web-1-ab", "name": "web-1", "labels": {"r": "w"}, "password": "p"}],
        });
        let all = enrolled(&answer).unwrap();
        assert_eq!((all[0].broker.user.as_str(), all[0].password.as_str()), ("web-1-ab", "p"));
        assert_eq!(all[0].ca, None);
        let mut private = answer.clone();
        private["broker"]["ca"] = json!("-----BEGIN");
        assert_eq!(enrolled(&private).unwrap()[0].ca.as_deref(), Some(&b"-----BEGIN"[..]));
        let hostile =
            json!({"broker": answer["broker"], "agents": [{"id": "../x", "password": "p"}]});
        assert_eq!(enrolled(&hostile).unwrap_err().exit, Exit::Bug);
    }
}
