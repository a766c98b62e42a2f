//! `muster profile top`: what cost most.

use clap::ValueEnum;
use muster_api::By;
use muster_api::views::{Key, Nameless, Row, Share, Top};

use super::views::Of;
use crate::Context;
use crate::args::profile::Top as Flags;
use crate::client::Client;
use crate::failure::{Exit, Failure};
use crate::output::{Cell, Column, Document, Format, Show, escape, json_of, units};

/// What a file without names must cost to be spoken of.
const NAMELESS_PERCENT: f64 = 1.0;
/// Parts that the summary names, and the smallest of them.
const SUMMARY_PARTS: usize = 6;
const SUMMARY_PERCENT: f64 = 1.0;

const FLAT: Column<Shown> =
    Column::new("flat", "flat", Show::Text, |one| Cell::Amount(one.row.flat, &one.unit));
const FLAT_PERCENT: Column<Shown> =
    Column::new("flat %", "flat_percent", Show::Percent, |one| one.row.flat_percent.into());
const CUM: Column<Shown> =
    Column::new("cum", "cum", Show::Text, |one| Cell::Amount(one.row.cum, &one.unit));
const CUM_PERCENT: Column<Shown> =
    Column::new("cum %", "cum_percent", Show::Percent, |one| one.row.cum_percent.into());
const LINE: Column<Shown> = Column::new("line", "line", Show::Text, |one| one.row.line.into());
const FUNCTION: Column<Shown> =
    Column::new("function", "function", Show::Text, |one| one.name("function"));
const FILE: Column<Shown> = Column::new("file", "file", Show::Text, |one| one.name("file"));
const MODULE: Column<Shown> = Column::new("module", "module", Show::Text, |one| one.name("module"));
const THREAD: Column<Shown> = Column::new("thread", "thread", Show::Text, |one| one.name("thread"));
const HUNT: Column<Shown> = Column::new("hunt", "hunt", Show::Text, |one| one.name("hunt"));
const AGENT: Column<Shown> = Column::new("agent", "agent", Show::Text, |one| one.name("agent"));

pub(super) fn run(context: &Context, flags: &Flags) -> Result<Exit, Failure> {
    let client = context.client()?;
    let of = Of::find(&client, &flags.blob)?.with_all_frames(flags.all_frames);
    print(context, &client, &of, flags.by, flags.limit)?;
    Ok(Exit::Done)
}

/// Prints the list of a profile, or of many.
pub(super) fn print(
    context: &Context,
    client: &Client,
    of: &Of,
    by: By,
    limit: usize,
) -> Result<(), Failure> {
    let word = by.to_possible_value().map(|word| word.get_name().to_owned()).unwrap_or_default();
    let of = of.clone().with("by", Some(&word));
    let Document { view: top, json } = client.get::<Document<Top>>(&of.view("top"))?;
    if context.out.format == Format::Json {
        return context.out.json(&json);
    }
    if context.out.format == Format::Table {
        let total = units::amount(top.total, &top.unit);
        let samples = top.total_samples.and_then(|count| u64::try_from(count).ok());
        let samples = samples.map_or(String::new(), |n| format!(" in {} samples", units::count(n)));
        context.out.note(&format!("{}: {total}{samples}", top.kind));
        top.nameless.iter().for_each(|file| note_nameless(context, file));
        if let Some(summary) = summary(&top.summary) {
            context.out.line(&escape::text(&summary))?;
        }
    }
    let shown = top.rows.all().iter().take(limit).map(|row| {
        let json = json_of(row)?;
        Ok(Document { view: Shown { row: row.clone(), unit: top.unit.clone() }, json })
    });
    context.out.list(columns(by), &shown.collect::<Result<Vec<_>, Failure>>()?)
}

/// A row, with the unit of its costs.
#[derive(Debug)]
struct Shown {
    row: Row,
    unit: String,
}

impl Shown {
    /// Returns a part of what the row adds up; nothing where rows of this kind have no such part.
    fn name(&self, part: &str) -> Cell<'_> {
        match (&self.row.key, part) {
            (Key::Function { function, .. }, "function") => function.into(),
            (Key::Function { file, .. } | Key::File { file }, "file") => file.into(),
            (Key::Module { module }, "module") => module.into(),
            (Key::Thread { thread }, "thread") => thread.into(),
            (Key::Hunt { hunt }, "hunt") => hunt.into(),
            (Key::Agent { agent }, "agent") => agent.into(),
            _ => Cell::Nothing,
        }
    }
}

/// Notes that a file's code has no names, where that matters.
fn note_nameless(context: &Context, file: &Nameless) {
    let Nameless { module, build_id, percent } = file;
    if *percent >= NAMELESS_PERCENT {
        context.out.note(&format!(
            "{percent:.1} % is in {module}, whose code has no names here: muster symbols add FILE (build id {build_id})"
        ));
    }
}

/// Writes what a profile is of in one sentence: `65 % hashing, 20 % openat(), 15 % other`.
fn summary(shares: &[Share]) -> Option<String> {
    let is_named = |(at, share): &(usize, &Share)| {
        *at < SUMMARY_PARTS && (share.percent >= SUMMARY_PERCENT || *at == 0)
    };
    let named = shares.iter().enumerate().take_while(is_named).map(|(_, share)| share);
    let named: Vec<&Share> = named.collect();
    let rest: f64 = shares.iter().skip(named.len()).map(|share| share.percent).sum();
    let mut parts: Vec<String> =
        named.iter().map(|share| format!("{} {}", percent(share.percent), share.part)).collect();
    if rest > 0.0 {
        parts.push(format!("{} other", percent(rest)));
    }
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// Writes a share without decimals.
fn percent(percent: f64) -> String {
    if percent > 0.0 && percent <= 0.5 { "under 1 %".to_owned() } else { format!("{percent:.0} %") }
}

/// Returns the columns of a list by what it adds up.
const fn columns(by: By) -> &'static [Column<Shown>] {
    match by {
        By::Function | By::Frame | By::Line => {
            &[FLAT, FLAT_PERCENT, CUM, CUM_PERCENT, FUNCTION, FILE, LINE]
        }
        By::File => &[FLAT, FLAT_PERCENT, CUM, CUM_PERCENT, FILE],
        By::Module => &[FLAT, FLAT_PERCENT, CUM, CUM_PERCENT, MODULE],
        By::Thread => &[CUM, CUM_PERCENT, THREAD],
        By::Hunt => &[CUM, CUM_PERCENT, HUNT],
        By::Agent => &[CUM, CUM_PERCENT, AGENT],
    }
}

#[cfg(test)]
mod tests {
    use muster_api::views::Part;

    use super::*;

    #[test]
    fn the_summary_names_the_largest_parts_and_adds_up_the_rest() {
        let share = |part: Part, percent: f64| Share { part, value: 1, percent };
        let crates = |percent| share(Part::Crate("regex".to_owned()), percent);
        let mut shares = vec![
            share(Part::Work("hashing".to_owned()), 64.6),
            share(Part::Syscall("openat".to_owned()), 20.0),
            share(Part::Module("agent::journal".to_owned()), 14.2),
        ];
        shares.extend([crates(0.8), crates(0.4)]);
        let expected = "65 % hashing, 20 % openat(), 14 % agent::journal, 1 % other";
        assert_eq!(summary(&shares).as_deref(), Some(expected));
        let tail = [share(Part::Work("hashing".to_owned()), 99.8), crates(0.2)];
        assert_eq!(summary(&tail).as_deref(), Some("100 % hashing, under 1 % other"));
        let many: Vec<_> = (0..200).map(|_| crates(0.5)).collect();
        assert_eq!(summary(&many).as_deref(), Some("under 1 % regex, 100 % other"));
        assert_eq!(summary(&[]), None);
    }
}
