//! `GET /metrics`: a few gauges for Prometheus. Each is derived from what is stored, at each scrape.

use common::clock::Timestamp;

use crate::api::types::AgentState;
use crate::roster;
use crate::store::{Reader, StoreError};

/// Writes the text format, version 0.0.4.
pub fn metrics(
    reader: &Reader,
    is_connected: bool,
    is_writable: bool,
    now: Timestamp,
) -> Result<String, StoreError> {
    let agents = reader.agents()?;
    let totals = reader.totals()?;
    let dead = reader.dead()?;
    let mut text = Text(Vec::new());
    text.gauge("muster_up", "The coordinator answers.", 1);
    text.gauge("muster_broker_connected", "The link to the broker is up.", is_connected.into());
    text.gauge("muster_store_writable", "The store can be written.", is_writable.into());

    text.head("muster_agents", "Agents by state.");
    let states = [AgentState::New, AgentState::Live, AgentState::Silent, AgentState::Revoked];
    for state in states {
        let count = agents.iter().filter(|agent| roster::state(agent, now) == state).count();
        text.labelled("muster_agents", &[("state", state.as_str())], count as u64);
    }
    let outbox = agents.iter().filter(|agent| agent.revoked.is_none());
    let outbox = outbox.filter_map(|agent| Some(agent.heard.as_ref()?.1.outbox_bytes)).sum();
    text.gauge("muster_outbox_bytes", "What waits in the outboxes of all agents.", outbox);

    text.gauge("muster_hunts", "Hunts on record.", reader.count("hunt.start")?);
    text.gauge(
        "muster_profiles",
        "Requests for profiles on record.",
        reader.count("profile.start")?,
    );
    let unpublished = reader.unpublished(now)?.len() as u64;
    text.gauge("muster_unpublished", "Requests that the broker has not confirmed.", unpublished);
    text.gauge("muster_chunks", "Chunks that are stored.", totals.chunks);
    text.gauge("muster_rows", "Rows that are stored.", totals.rows);
    text.gauge("muster_conflicts", "Chunks that contradict a stored one.", totals.conflicts);
    text.gauge("muster_blobs", "Blobs that are stored.", totals.blobs);

    text.head("muster_dead_letters", "Results that were refused.");
    for (class, reason, count, _) in &dead {
        text.labelled("muster_dead_letters", &[("class", class), ("reason", reason)], *count);
    }
    text.0.push(String::new());
    Ok(text.0.join("\n"))
}

/// The lines.
struct Text(Vec<String>);

impl Text {
    fn head(&mut self, name: &str, help: &str) {
        self.0.push(format!("# HELP {name} {help}"));
        self.0.push(format!("# TYPE {name} gauge"));
    }

    fn gauge(&mut self, name: &str, help: &str, value: u64) {
        self.head(name, help);
        self.0.push(format!("{name} {value}"));
    }

    /// The values of labels here are words of ours; quotes are taken out all the same.
    fn labelled(&mut self, name: &str, labels: &[(&str, &str)], value: u64) {
        let plain = |text: &str| text.replace(['"', '\\', '\n'], "_");
        let labels: Vec<_> =
            labels.iter().map(|(name, value)| format!("{name}=\"{}\"", plain(value))).collect();
        self.0.push(format!("{name}{{{}}} {value}", labels.join(",")));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Place, Write, Writer};

    #[test]
    fn every_line_is_a_comment_or_a_number_under_a_declared_name() {
        let folder = tempfile::tempdir().unwrap();
        let place = Place::prepare(folder.path()).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let writer = Writer::start(&place).unwrap();
            writer.write(Write::Dead("rows", "wrong\"agent")).await.unwrap();
        });
        let text = metrics(&place.reader().unwrap(), true, false, Timestamp(0)).unwrap();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let (series, value) = line.rsplit_once(' ').unwrap();
            value.parse::<u64>().unwrap();
            let name = series.split('{').next().unwrap();
            assert!(text.contains(&format!("# TYPE {name} gauge\n")), "{line}");
        }
        assert!(text.contains("\nmuster_broker_connected 1\n"));
        assert!(text.contains("\nmuster_store_writable 0\n"));
        assert!(text.contains("\nmuster_dead_letters{class=\"rows\",reason=\"wrong_agent\"} 1\n"));
    }
}
