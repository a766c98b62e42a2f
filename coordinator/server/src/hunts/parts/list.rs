//! Parts in a list: which, in which order.

use std::collections::BTreeSet;

use muster_protocol::limits::SEARCH_TEXT_BYTES_MAX;

use super::Moment;
use crate::roster::order::{Cut, Direction, Key, Value, cut};
use crate::store::StoredCollection;
use muster_api::CollectionBrief;

/// Which parts; everything holds that is there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// In one of these states.
    pub states: Option<Vec<&'static str>>,
    /// With one of these codes.
    pub codes: Option<BTreeSet<String>>,
    /// Whose agent or host contains this, in lower case.
    pub text: Option<String>,
    /// Whose agent has applied the newest control, or has not.
    pub applied: Option<bool>,
}

impl Filter {
    /// Returns whether it leaves everything.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    fn leaves(&self, moment: &Moment<'_>, part: &StoredCollection) -> bool {
        let phase = moment.phase(part);
        let is_in = self.states.as_ref().is_none_or(|states| states.contains(&phase.as_str()));
        let holds = |text: &String| {
            part.agent.as_str().contains(text.as_str())
                || moment.host(part).to_lowercase().contains(text.as_str())
        };
        is_in
            && self.applied.is_none_or(|is| part.has_applied(moment.revision, phase) == is)
            && self.text.as_ref().is_none_or(holds)
            && self.codes.as_ref().is_none_or(|codes| codes.contains(&moment.why(part, phase).0))
    }
}

/// What a list of parts is sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// The agent's id.
    Agent,
    /// Name of its machine.
    Host,
    /// The state, in the order of every output.
    State,
    /// Rows stored.
    Rows,
    /// Files that matched.
    Matched,
    /// Entries that could not be read.
    Errors,
    /// Entries met.
    Seen,
    /// CPU time.
    Cpu,
    /// File bytes read.
    Bytes,
    /// Time it waited for limits.
    Throttled,
    /// When it began.
    Started,
    /// When it ended.
    Ended,
    /// How long it took.
    Age,
    /// For how long the agent was not heard of.
    Silent,
    /// How many attempts are known.
    Attempts,
}

impl Field {
    /// Every field, with its name.
    pub const ALL: [(&'static str, Self); 15] = [
        ("agent", Self::Agent),
        ("host", Self::Host),
        ("state", Self::State),
        ("rows", Self::Rows),
        ("matched", Self::Matched),
        ("errors", Self::Errors),
        ("seen", Self::Seen),
        ("cpu_ms", Self::Cpu),
        ("bytes_read", Self::Bytes),
        ("throttled_ms", Self::Throttled),
        ("started", Self::Started),
        ("ended", Self::Ended),
        ("age_ms", Self::Age),
        ("silent_s", Self::Silent),
        ("attempts", Self::Attempts),
    ];

    fn value(self, moment: &Moment<'_>, part: &StoredCollection) -> Value {
        let time = |at: i64| if at == 0 { Value::Unknown } else { Value::Number(at) };
        let done = || part.done(moment.sample(part));
        match self {
            Self::Agent => Value::Unknown,
            Self::Host => Value::Text(moment.host(part).to_lowercase()),
            Self::State => Value::Number(moment.phase(part) as i64),
            Self::Rows => Value::count(part.rows),
            Self::Matched => Value::count(done().matched),
            Self::Errors => Value::count(done().errors),
            Self::Seen => Value::count(done().seen),
            Self::Cpu => Value::count(done().cpu_ms),
            Self::Bytes => Value::count(done().bytes),
            Self::Throttled => Value::count(done().throttled_ms),
            Self::Started => time(part.started.0),
            Self::Ended => time(part.ended.0),
            Self::Age => Value::count(moment.brief(part).age_ms),
            Self::Silent => moment.brief(part).silent_s.map_or(Value::Unknown, Value::count),
            Self::Attempts => Value::count(part.attempts),
        }
    }

    fn key(self, moment: &Moment<'_>, part: &StoredCollection) -> Key {
        Key { behind: None, value: self.value(moment, part), id: part.agent.to_string() }
    }
}

/// Returns a page of the parts that a filter leaves, and how many it leaves.
pub fn page<'p>(
    moment: &Moment<'_>,
    parts: &'p [StoredCollection],
    filter: &Filter,
    (field, direction): (Field, Direction),
    (after, limit): (Option<&Key>, usize),
) -> (Cut<&'p StoredCollection>, u64) {
    let counted = parts.iter().filter(|part| part.is_counted());
    let left: Vec<_> = counted.filter(|part| filter.leaves(moment, part)).collect();
    let total = left.len() as u64;
    let keyed = left.into_iter().map(|part| (field.key(moment, part), part));
    // By the id alone the value is the same everywhere, and the id breaks ties one way only.
    let keyed = keyed.map(|(key, part)| match (field, direction) {
        (Field::Agent, Direction::Descending) => {
            (Key { value: Value::Text(key.id.clone()), ..key }, part)
        }
        _ => (key, part),
    });
    (cut(keyed, direction, after, limit), total)
}

/// Shows the parts of a page.
pub fn briefs(moment: &Moment<'_>, parts: &[&StoredCollection]) -> Vec<CollectionBrief> {
    parts.iter().map(|part| moment.brief(part)).collect()
}

/// Reads codes, joined by commas.
pub fn codes(text: Option<&str>) -> Option<BTreeSet<String>> {
    let text = text.filter(|text| !text.is_empty() && text.len() <= SEARCH_TEXT_BYTES_MAX)?;
    Some(text.split(',').map(str::to_owned).collect())
}
