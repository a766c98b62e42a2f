//! `muster hunt results`: the rows that a filter leaves, as they stream in.

use std::os::unix::ffi::OsStrExt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use muster_api::RowView;

use super::{find, rows_format};
use crate::args::hunt::Results;
use crate::args::rows::RowFilter;
use crate::client::{Client, Query};
use crate::failure::{Exit, Failure};
use crate::output::rows::RowWriter;
use crate::place::Place;
use crate::{Context, private};

pub(super) fn run(context: &Context, flags: &Results) -> Result<Exit, Failure> {
    let client = context.client()?;
    let found = find(&client, &flags.hunt)?;
    let (id, artifact) = (found.id, found.hunt.view.artifact.as_str());
    let agents = flags.filter.agents.iter().map(|prefix| Ok(client.agent_id(prefix)?.to_string()));
    let agents: Vec<String> = agents.collect::<Result<_, Failure>>()?;
    let query = query(&format!("/api/v1/hunts/{id}/results"), &flags.filter, &agents, flags.limit);
    let place = flags.out.as_deref().map_or(Place::Stdout, Place::typed);
    let rows = match &place {
        Place::File(path) => {
            RowWriter::to_file(rows_format(context, true), artifact, private::create(path)?)
        }
        Place::Stdout => RowWriter::to_stdout(&context.out, artifact),
    };
    let count = stream(&client, &query.to_string(), rows)?;
    if let Place::File(path) = &place {
        context.out.note(&format!("{count} rows are in {}", path.display()));
    }
    Ok(Exit::Done)
}

/// Asks for the rows that a filter leaves of some agents.
fn query(path: &str, filter: &RowFilter, agents: &[String], limit: Option<u64>) -> Query {
    let number = |number: Option<u64>| number.map(|number| number.to_string());
    let moment = |at: Option<muster_protocol::when::Moment>| at.map(|at| at.to_string());
    let exact = filter.path_exact.as_ref().map(|path| STANDARD.encode(path.as_bytes()));
    let query =
        agents.iter().fold(Query::of(path), |query, agent| query.with("agent", Some(agent)));
    let query =
        filter.columns.iter().fold(query, |query, (name, value)| query.with(name, Some(value)));
    query
        .with("status", filter.status.as_deref())
        .with("errno", filter.errno.as_deref())
        .with("match", filter.matched.as_deref())
        .with("uploaded", filter.uploaded.as_deref())
        .with("path", filter.path.as_deref())
        .with("path_b64", exact.as_deref())
        .with("hash", filter.hash.as_deref())
        .with("kind", filter.kind.as_deref())
        .with("min_size", number(filter.min_size).as_deref())
        .with("max_size", number(filter.max_size).as_deref())
        .with("newer", moment(filter.newer).as_deref())
        .with("older", moment(filter.older).as_deref())
        .with("changed_newer", moment(filter.changed_newer).as_deref())
        .with("uid", filter.uid.as_deref())
        .with("gid", filter.gid.as_deref())
        .with("mode", filter.mode.as_deref())
        .with("limit", number(limit).as_deref())
}

fn stream(client: &Client, path: &str, mut rows: RowWriter) -> Result<u64, Failure> {
    let mut lines = client.lines::<RowView>(path)?;
    while let Some(line) = lines.next()? {
        rows.row(&line)?;
    }
    rows.finish()
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::args::{Typed, Verb};

    /// Returns what is asked for by a line of flags.
    fn asked(flags: &str) -> String {
        let words = "muster hunt results 0199".split(' ').chain(flags.split(' '));
        let typed = Typed::try_parse_from(words).unwrap();
        let Verb::Hunt(crate::args::hunt::Hunt::Results(flags)) = typed.verb else { panic!() };
        query("", &flags.filter, &flags.filter.agents, flags.limit).to_string()
    }

    #[test]
    fn each_flag_is_a_parameter_of_its_name() {
        for (flags, query) in [
            ("--agent a --agent b", "?agent=a&agent=b"),
            ("--status denied,io_error", "?status=denied%2Cio_error"),
            ("--errno EACCES", "?errno=EACCES"),
            ("--match", "?match=yes"),
            ("--match no --uploaded yes", "?match=no&uploaded=yes"),
            ("--path *.so", "?path=%2A.so"),
            ("--path-exact /a", "?path_b64=L2E%3D"),
            ("--hash 01020304", "?hash=01020304"),
            ("--kind file", "?kind=file"),
            ("--min-size 1k --max-size 10M", "?min_size=1000&max_size=10000000"),
            ("--newer 7d --older 1h", "?newer=604800000ms&older=3600000ms"),
            ("--changed-newer 2026-11-25", "?changed_newer=2026-11-25T00%3A00%3A00Z"),
            ("--uid 0,5 --gid 7", "?uid=0%2C5&gid=7"),
            ("--mode /6000", "?mode=%2F6000"),
            ("--mode -4000", "?mode=-4000"),
            ("--where exe_state=deleted --limit 3", "?exe_state=deleted&limit=3"),
        ] {
            assert_eq!(asked(flags), query, "{flags}");
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused_before_anything_is_asked() {
        for bad in [
            "--match maybe",
            "--min-size big",
            "--newer 2026",
            "--mode 888",
            "--where pid",
            "--path a --path-exact b",
        ] {
            let words = "muster hunt results 0199".split(' ').chain(bad.split(' '));
            Typed::try_parse_from(words).unwrap_err();
        }
    }
}
