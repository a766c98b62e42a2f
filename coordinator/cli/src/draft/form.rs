//! A form: fields that are named like flags and hold what would be typed behind them. It becomes arguments, and these are
//! read by the parser of the command line: same meaning, same errors.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clap::Parser;
use clap::error::{ContextKind, ContextValue};
use muster_protocol::request::Verb as Control;
use serde::{Deserialize, Serialize};

use super::Problem;
use crate::args::hunt::{Hunt, Run};
use crate::args::profile::{Profile, Take};
use crate::args::{Typed, Verb};
use crate::failure::Failure;
use crate::hunt::ListFile;

/// What a form is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum FormKind {
    /// A hunt, perhaps with profiles while it runs.
    Hunt,
    /// A profile.
    Profile,
    /// The end of a hunt.
    HuntCancel,
    /// A hunt that stands still.
    HuntPause,
    /// A hunt that goes on.
    HuntResume,
    /// A hunt that begins nowhere else.
    HuntDrain,
    /// The end of a profile.
    ProfileCancel,
}

/// What was filled in.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Form {
    /// What it is of.
    pub(crate) kind: FormKind,
    /// The flags by their names, with `_` for `-`.
    #[serde(default)]
    pub(crate) fields: BTreeMap<String, Field>,
    /// Lists of hashes, by the ids under which the console keeps them.
    #[serde(default)]
    pub(crate) lists: Vec<String>,
}

/// What a field holds.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged, expecting = "a field is true, false, a text, or a list of texts")]
pub(crate) enum Field {
    /// Whether the flag is there.
    Switch(bool),
    /// What stands behind it.
    Text(String),
    /// What stands behind it each time.
    Many(Vec<Piece>),
}

/// One of many values.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged, expecting = "a value is a text, or {\"base64\": \"…\"}")]
pub(crate) enum Piece {
    /// A text.
    Text(String),
    /// Bytes that are none.
    Bytes(Encoded),
}

/// Bytes.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Encoded {
    base64: String,
}

/// How a field may be filled in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    Switch,
    Text,
    /// Text, or nothing but the flag.
    Maybe,
    Many,
    Paths,
}

/// The flags of `hunt run` that a form can hold. Not those that name a file of this machine or say what becomes of the
/// rows: a test holds the list against the parser.
const HUNT: &[(&str, Shape)] = &[
    ("target", Shape::Text),
    ("agents", Shape::Many),
    ("sample", Shape::Text),
    ("expires", Shape::Text),
    ("artifact", Shape::Text),
    ("root", Shape::Paths),
    ("include", Shape::Many),
    ("exclude", Shape::Many),
    ("ignore_case", Shape::Switch),
    ("max_depth", Shape::Text),
    ("min_size", Shape::Text),
    ("max_size", Shape::Text),
    ("hash", Shape::Many),
    ("upload_matches", Shape::Switch),
    ("upload_max_file", Shape::Text),
    ("upload_max", Shape::Text),
    ("one_file_system", Shape::Switch),
    ("follow", Shape::Switch),
    ("fresh", Shape::Switch),
    ("fs", Shape::Text),
    ("newer", Shape::Text),
    ("older", Shape::Text),
    ("changed_newer", Shape::Text),
    ("changed_older", Shape::Text),
    ("born_newer", Shape::Text),
    ("born_older", Shape::Text),
    ("kind", Shape::Many),
    ("owner", Shape::Many),
    ("group", Shape::Many),
    ("setuid", Shape::Switch),
    ("setgid", Shape::Switch),
    ("world_writable", Shape::Switch),
    ("mode", Shape::Text),
    ("max_cpu", Shape::Text),
    ("max_mbps", Shape::Text),
    ("max_files_per_s", Shape::Text),
    ("timeout", Shape::Text),
    ("max_rows", Shape::Text),
    ("max_bytes", Shape::Text),
    ("max_memory", Shape::Text),
    ("spread", Shape::Text),
    ("on_stall", Shape::Maybe),
    ("profile", Shape::Text),
    ("profile_agents", Shape::Text),
];

/// The same of `profile take`.
const PROFILE: &[(&str, Shape)] = &[
    ("agents", Shape::Many),
    ("target", Shape::Text),
    ("coordinator", Shape::Switch),
    ("sample", Shape::Text),
    ("kind", Shape::Many),
    ("seconds", Shape::Text),
    ("while", Shape::Text),
    ("hertz", Shape::Text),
    ("expires", Shape::Text),
];

const OF_HUNT: &[(&str, Shape)] = &[("hunt", Shape::Text)];
const OF_PROFILE: &[(&str, Shape)] = &[("profile", Shape::Text)];

impl FormKind {
    const fn fields(self) -> &'static [(&'static str, Shape)] {
        match self {
            Self::Hunt => HUNT,
            Self::Profile => PROFILE,
            Self::HuntCancel | Self::HuntPause | Self::HuntResume | Self::HuntDrain => OF_HUNT,
            Self::ProfileCancel => OF_PROFILE,
        }
    }

    /// Returns what a control is about, which is also the name of its field, and what it says.
    pub(super) const fn control(self) -> Option<(&'static str, Control)> {
        match self {
            Self::Hunt | Self::Profile => None,
            Self::HuntCancel => Some(("hunt", Control::Cancel)),
            Self::HuntPause => Some(("hunt", Control::Pause)),
            Self::HuntResume => Some(("hunt", Control::Resume)),
            Self::HuntDrain => Some(("hunt", Control::Drain)),
            Self::ProfileCancel => Some(("profile", Control::Cancel)),
        }
    }
}

/// A flag, and what stands behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Word {
    pub(crate) flag: String,
    pub(crate) value: Option<OsString>,
}

impl Word {
    fn new(name: &str, value: Option<OsString>) -> Self {
        Self { flag: format!("--{}", name.replace('_', "-")), value }
    }

    /// Names a list of hashes.
    pub(super) fn list(name: &str) -> Self {
        Self::new("ioc", Some(name.into()))
    }

    /// Returns it as one argument: nothing that stands behind a flag can be taken for another one.
    fn argument(&self) -> OsString {
        let mut argument = OsString::from(&self.flag);
        if let Some(value) = &self.value {
            argument.push("=");
            argument.push(value);
        }
        argument
    }
}

impl Form {
    /// Returns the flags in the order of the command's help, and nothing that is not one of the form's.
    pub(super) fn words(&self) -> Result<Vec<Word>, Problem> {
        let known = self.kind.fields();
        let is_unknown = |name: &&String| known.iter().all(|(field, _)| field != name);
        if let Some(name) = self.fields.keys().find(is_unknown) {
            let shown: String = name.chars().take(60).collect();
            let fields: Vec<_> = known.iter().map(|(field, _)| *field).collect();
            let cause = format!("{shown:?} is none of {}", fields.join(", "));
            let failure = Failure::usage("the form has no such field", cause, "reload the page");
            return Err(Problem::of(&shown, failure));
        }
        let mut words = Vec::new();
        for (name, shape) in known {
            if let Some(field) = self.fields.get(*name) {
                words.extend(filled(name, *shape, field)?);
            }
        }
        Ok(words)
    }

    /// Returns a field that is one text.
    pub(super) fn text(&self, name: &str) -> &str {
        match self.fields.get(name) {
            Some(Field::Text(text)) => text,
            _ => "",
        }
    }

    /// Reads it as `hunt run`, with lists that were read already: of them the parser is told only that they are there.
    pub(super) fn hunt(words: &[Word], lists: &[ListFile]) -> Result<Run, Problem> {
        let listed = lists.iter().map(|list| Word::list(&list.name));
        let words: Vec<_> = words.iter().cloned().chain(listed).collect();
        match parsed(&["muster", "hunt", "run"], &words)? {
            Verb::Hunt(Hunt::Run(run)) => Ok(run),
            _ => Err(Failure::bug("the form became another command", "not hunt run").into()),
        }
    }

    /// Reads it as `profile take`.
    pub(super) fn profile(words: &[Word]) -> Result<Take, Problem> {
        match parsed(&["muster", "profile", "take", "--detach"], words)? {
            Verb::Profile(Profile::Take(take)) => Ok(take),
            _ => Err(Failure::bug("the form became another command", "not profile take").into()),
        }
    }
}

fn filled(name: &str, shape: Shape, field: &Field) -> Result<Vec<Word>, Problem> {
    let wrong = |what: &str| {
        let cause = format!("{name} is {what}");
        Problem::of(
            name,
            Failure::usage("the field is filled in wrongly", cause, "reload the page"),
        )
    };
    let word = |value: OsString| Word::new(name, Some(value));
    Ok(match (shape, field) {
        (_, Field::Switch(false)) => Vec::new(),
        (Shape::Switch | Shape::Maybe, Field::Switch(true)) => vec![Word::new(name, None)],
        (Shape::Switch, _) => return Err(wrong("true or false")),
        (_, Field::Switch(true)) => return Err(wrong("a text")),
        (_, Field::Text(text)) if text.is_empty() => Vec::new(),
        (_, Field::Text(text)) => vec![word(text.into())],
        (Shape::Text | Shape::Maybe, Field::Many(_)) => return Err(wrong("one text")),
        (Shape::Many | Shape::Paths, Field::Many(pieces)) => {
            let mut words = Vec::new();
            for piece in pieces {
                words.push(word(match piece {
                    Piece::Text(text) => text.into(),
                    Piece::Bytes(_) if shape != Shape::Paths => {
                        return Err(wrong("a list of texts"));
                    }
                    Piece::Bytes(Encoded { base64 }) => {
                        let bytes = STANDARD.decode(base64);
                        OsString::from_vec(bytes.map_err(|_| wrong("no base64"))?)
                    }
                }));
            }
            words
        }
    })
}

fn parsed(verb: &[&str], words: &[Word]) -> Result<Verb, Problem> {
    let verb = verb.iter().map(OsString::from);
    let arguments = verb.chain(words.iter().map(Word::argument));
    match Typed::try_parse_from(arguments) {
        Ok(typed) => Ok(typed.verb),
        Err(error) => Err(refused(&error)),
    }
}

/// Takes the parser's error apart: the field that it is about, and its own message.
fn refused(error: &clap::Error) -> Problem {
    let about = match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(text)) => Some(text.as_str()),
        Some(ContextValue::Strings(texts)) => texts.first().map(String::as_str),
        _ => None,
    };
    let rendered = error.render().to_string();
    let message = rendered.split("\n\nUsage:").next().unwrap_or(&rendered);
    let message = message.split("\n\nFor more").next().unwrap_or(message);
    let message = message.trim().trim_start_matches("error: ");
    let failure = Failure::usage("this cannot be asked for so", message, "correct the field");
    Problem { field: about.and_then(flag_in), ..Problem::from(failure) }
}

/// Finds the first flag in a text; returns the field that it is.
pub(super) fn flag_in(text: &str) -> Option<String> {
    let (_, rest) = text.split_once("--")?;
    let name: String =
        rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
    match name.as_str() {
        "" => flag_in(rest),
        "ioc" => Some("list".to_owned()),
        name => Some(name.replace('-', "_")),
    }
}
