//! `muster hunt why`: why a hunt is where it is.

use muster_api::{Finding, HuntWhy, units};

use crate::Context;
use crate::failure::{Exit, Failure};
use crate::output::{Column, Document, Format, Show, escape};

const FINDINGS: &[Column<Finding>] = &[
    Column::new("kind", "kind", Show::Text, |one| (&one.kind).into()),
    Column::new("code", "code", Show::Text, |one| (&one.code).into()),
    Column::new("agents", "agents", Show::Count, |one| one.agents.into()),
    Column::new("says", "says", Show::Text, |one| (&one.says).into()),
    Column::new("try", "try", Show::Text, |one| (&one.next).into()),
];

pub(super) fn run(context: &Context, hunt: &str) -> Result<Exit, Failure> {
    let client = context.client()?;
    let id = super::find(&client, hunt)?.id;
    let why: Document<HuntWhy> = client.get(&format!("/api/v1/hunts/{id}/why"))?;
    match context.out.format {
        Format::Table => context.out.text(&text(&why.view))?,
        Format::Csv => context.out.list(FINDINGS, &Document::of_all(why.view.findings)?)?,
        Format::Json | Format::Jsonl => context.out.json(&why.json)?,
    }
    Ok(Exit::Done)
}

/// Writes the sentences. They quote endpoints, and are escaped.
fn text(why: &HuntWhy) -> String {
    let mut text = format!("{}\n", escape::text(&why.summary));
    for finding in &why.findings {
        text.extend(["* ", &escape::text(&finding.says), "\n"]);
        if !finding.named.is_empty() {
            let named: Vec<_> = finding.named.iter().map(|agent| escape::text(agent)).collect();
            let more = finding.agents.saturating_sub(named.len() as u64);
            let more =
                if more > 0 { format!(" and {} more", units::count(more)) } else { String::new() };
            text.extend(["  agents: ", &named.join(", "), &more, "\n"]);
        }
        if !finding.next.is_empty() {
            text.extend(["  try:    ", &escape::text(&finding.next), "\n"]);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_finding_is_a_sentence_with_agents_and_advice() {
        let json = serde_json::json!({
            "hunt": "0199", "summary": "1 of 3 agents are done; 2 running.",
            "findings": [
                {"kind": "limit", "code": "", "agents": 12, "named": ["a\u{1b}", "b"], "says": "12 agents run\n.", "try": "wait"},
                {"kind": "seen", "code": "", "agents": 0, "named": [], "says": "x", "try": ""},
            ],
            "as_of": "2026-01-02T03:04:05.000Z",
        });
        let why: HuntWhy = serde_json::from_value(json).unwrap();
        let expected = "1 of 3 agents are done; 2 running.\n* 12 agents run\\n.\n  agents: a\\u{1b}, b and 10 more\n  \
                        try:    wait\n* x\n";
        assert_eq!(text(&why), expected);
    }
}
