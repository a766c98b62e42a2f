//! `muster profile lines`: source lines with what they cost, as an editor would show them.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use muster_api::views;
use muster_protocol::limits::SOURCE_BYTES_MAX;
use serde::Serialize;

use super::source::Sources;
use super::views::Of;
use crate::Context;
use crate::args::profile::Lines;
use crate::failure::{Exit, Failure};
use crate::output::{Column, Document, Format, Show, escape, units};

const LINES: &[Column<SourceLine>] = &[
    Column::new("flat", "flat", Show::Text, |one| one.flat.into()),
    Column::new("cum", "cum", Show::Text, |one| one.cum.into()),
    Column::new("file", "file", Show::Text, |one| (&one.file).into()),
    Column::new("line", "line", Show::Count, |one| one.line.into()),
    Column::new("source", "source", Show::Text, |one| (&one.source).into()),
];

/// A line of a source file, with what it cost.
#[derive(Debug, Serialize)]
struct SourceLine {
    file: String,
    line: u32,
    flat: i64,
    cum: i64,
    source: String,
}

/// What a line cost: in itself, and with what it calls.
type Costs = BTreeMap<u32, (i64, i64)>;

pub(super) fn run(context: &Context, flags: &Lines) -> Result<Exit, Failure> {
    let client = context.client()?;
    let view: views::Lines = client.get(&Of::find(&client, &flags.blob)?.view("lines"))?;
    let files = files(&view);
    let paths: Vec<&str> = files.keys().copied().collect();
    let found = Sources::of(&flags.source)?.find(&paths);
    let mut known: Vec<(&str, &Path, &Costs)> = Vec::new();
    for (path, file) in &found {
        let is_wanted = flags.file.as_ref().is_none_or(|end| path.ends_with(end.as_str()));
        if let (true, Some(costs)) = (is_wanted, files.get(path)) {
            known.push((path, file, costs));
        }
    }
    if known.is_empty() {
        let cause = format!("none of the profile's {} source files is in it", files.len());
        let next = "name the folder that the program was built from: --source DIR";
        let what = format!("no sources in {}", flags.source.display());
        return Err(Failure::new(Exit::NothingMatched, what, cause, next));
    }
    let own = |costs: &Costs| -> i64 { costs.values().map(|(flat, _)| flat).sum() };
    known.sort_by_key(|(path, _, costs)| (std::cmp::Reverse(own(costs)), *path));
    let mut rows = Vec::new();
    for (path, file, costs) in known {
        let text = read(file)?;
        if context.out.format == Format::Table {
            let head = format!("{path}   own {}", share(own(costs), view.total));
            let lines = annotated(&text, costs, &view.unit, flags.context);
            context.out.line(&format!("{}\n{lines}", escape::text(&head)))?;
        } else {
            rows.extend(cells(path, &text, costs));
        }
    }
    if context.out.format != Format::Table {
        context.out.list(LINES, &Document::of_all(rows)?)?;
    }
    let others = files.len() - found.len();
    if others > 0 {
        context.out.note(&format!("{others} source files of the profile are not in that folder"));
    }
    Ok(Exit::Done)
}

/// Sorts the lines of the view by file.
fn files(view: &views::Lines) -> BTreeMap<&str, Costs> {
    let mut files: BTreeMap<&str, Costs> = BTreeMap::new();
    for line in view.lines.iter().filter(|line| !line.file.is_empty()) {
        files.entry(&line.file).or_default().insert(line.line, (line.flat, line.cum));
    }
    files
}

/// Reads the beginning of a file, as much as is shown of one.
pub(crate) fn read(path: &Path) -> Result<String, Failure> {
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(|error| Failure::file("read", path, &error))?;
    let read = file.take(SOURCE_BYTES_MAX).read_to_end(&mut bytes);
    read.map_err(|error| Failure::file("read", path, &error))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Writes the lines that cost something, with those around them; `⋮` where lines are left out.
fn annotated(text: &str, costs: &Costs, unit: &str, around: u32) -> String {
    let mut out = format!("{:>12} {:>12}\n", "own", "total");
    let mut last = 0;
    for (number, source) in (1_u32..).zip(text.lines()) {
        let near = number.saturating_sub(around)..=number.saturating_add(around);
        if costs.range(near).next().is_none() {
            continue;
        }
        if number != last + 1 {
            out.push_str("           ⋮\n");
        }
        last = number;
        let (flat, cum) = costs.get(&number).copied().unwrap_or_default();
        let cell = |cost: i64| match cost {
            0 => ".".to_owned(),
            cost => units::amount(cost, unit),
        };
        let source = escape::text(&source.replace('\t', "    ")).into_owned();
        let line = format!("{:>12} {:>12} {number:>6}  {source}", cell(flat), cell(cum));
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

fn cells(path: &str, text: &str, costs: &Costs) -> Vec<SourceLine> {
    let row = |(number, source): (u32, &str)| {
        let (flat, cum) = costs.get(&number)?;
        let (file, source) = (path.to_owned(), source.to_owned());
        Some(SourceLine { file, line: number, flat: *flat, cum: *cum, source })
    };
    (1_u32..).zip(text.lines()).filter_map(row).collect()
}

#[expect(clippy::cast_precision_loss, reason = "a percentage to read")]
fn share(part: i64, whole: i64) -> String {
    let percent = if whole == 0 { 0.0 } else { part as f64 * 100.0 / whole as f64 };
    format!("{percent:.1} %")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_cost_are_shown_with_those_around_them() {
        let text = "line 1\nline 2\nline 3\nline 4\nline 5\nline 6\nline 7\nline 8\nline 9\n";
        let costs = Costs::from([(2, (5_000_000, 7_000_000)), (7, (0, 2_000_000))]);
        let shown = annotated(text, &costs, "nanoseconds", 1);
        let expected = "         own        total\n           .            .      1  line 1\n      \
            5.0 ms       7.0 ms      2  line 2\n           .            .      3  line 3\n           \
            ⋮\n           .            .      6  line 6\n           .       2.0 ms      7  line 7\n           \
            .            .      8  line 8\n";
        assert_eq!(shown, expected);
    }
}
