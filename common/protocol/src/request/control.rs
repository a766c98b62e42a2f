//! Controls: records about an earlier request. One form for every verb, so that verbs can be added.

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use crate::ids::RequestId;
use crate::limits::{CONTROL_ARGS_BYTES_MAX, RESULT_NAME_BYTES_MAX};

/// Something about an earlier request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Carried")]
pub struct Control {
    /// The request that it is about.
    pub about: RequestId,
    /// What is to become of it: a word. An agent that does not know it declines it, and never takes it for another one.
    pub verb: String,
    /// Grows with each control of one request; agents apply only a higher one than they have seen.
    pub revision: u64,
    /// The verb's own arguments, named MessagePack, where it has any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub args: Option<ByteBuf>,
}

/// The verbs of this version.
///
/// Their order is that of strictness: of two with one revision the later one here counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verb {
    /// Let it go on after a pause or a drain.
    Resume,
    /// Let what runs go on, and hold what has not begun.
    Drain,
    /// Stand still where it is; it goes on from there when it is resumed.
    Pause,
    /// End it before its time; what was found or sampled is delivered.
    Cancel,
}

impl Verb {
    /// Every verb.
    pub const ALL: [Self; 4] = [Self::Resume, Self::Drain, Self::Pause, Self::Cancel];

    /// Returns the word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Resume => "resume",
            Self::Drain => "drain",
            Self::Pause => "pause",
            Self::Cancel => "cancel",
        }
    }

    /// Returns whether it only takes away: such a control holds although it has expired on its way.
    pub const fn only_stops(self) -> bool {
        matches!(self, Self::Drain | Self::Pause | Self::Cancel)
    }

    /// Reads the word; `None` for a verb that this version does not know.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|verb| verb.as_str() == word)
    }
}

impl Control {
    /// Makes a control without arguments.
    pub fn new(about: RequestId, verb: Verb, revision: u64) -> Self {
        Self { about, verb: verb.as_str().to_owned(), revision, args: None }
    }

    /// Returns the verb, where this version knows it.
    pub fn known(&self) -> Option<Verb> {
        Verb::parse(&self.verb)
    }

    /// Checks the bounds; the error names what is out of them.
    pub(super) fn check(&self) -> Result<(), String> {
        let is_word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        let length = self.verb.len();
        if length == 0 || length > RESULT_NAME_BYTES_MAX || !self.verb.bytes().all(is_word) {
            return Err(format!("{:?} is no verb", self.verb.chars().take(40).collect::<String>()));
        }
        let bytes = self.args.as_ref().map_or(0, |args| args.len());
        if bytes > CONTROL_ARGS_BYTES_MAX {
            return Err(format!(
                "{bytes} bytes of arguments, {CONTROL_ARGS_BYTES_MAX} are allowed"
            ));
        }
        Ok(())
    }
}

/// A control on the wire. Before there were verbs a cancel was a kind of its own, which named its `request`: such records
/// are stored.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Carried {
    about: Option<RequestId>,
    verb: Option<String>,
    request: Option<RequestId>,
    revision: u64,
    args: Option<ByteBuf>,
}

impl TryFrom<Carried> for Control {
    type Error = &'static str;

    fn try_from(control: Carried) -> Result<Self, Self::Error> {
        let Carried { revision, args, .. } = control;
        match (control.about, control.verb, control.request, &args) {
            (Some(about), Some(verb), None, _) => Ok(Self { about, verb, revision, args }),
            (None, None, Some(about), None) => Ok(Self::new(about, Verb::Cancel, revision)),
            _ => Err("a control has `about` and `verb`"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire;

    #[derive(Serialize)]
    struct Before {
        request: RequestId,
        revision: u64,
    }

    fn read<T: Serialize>(control: &T) -> Result<Control, wire::WireError> {
        wire::decode(&wire::encode(control)?, 10_000)
    }

    #[test]
    fn a_cancel_from_before_there_were_verbs_is_a_cancel() {
        let about = RequestId::from_bytes([9; 16]);
        let before = read(&Before { request: about, revision: 3 }).unwrap();
        assert_eq!(before, Control::new(about, Verb::Cancel, 3));
        assert_eq!(read(&before).unwrap(), before);
    }

    #[test]
    fn what_names_no_verb_or_two_requests_is_refused() {
        #[derive(Serialize)]
        struct Nothing {
            about: RequestId,
            revision: u64,
        }
        #[derive(Serialize)]
        struct Both {
            #[serde(flatten)]
            control: Control,
            request: RequestId,
        }
        let about = RequestId::from_bytes([9; 16]);
        read(&Nothing { about, revision: 1 }).unwrap_err();
        let control = Control::new(about, Verb::Cancel, 1);
        read(&Both { control, request: about }).unwrap_err();
    }

    #[test]
    fn a_verb_that_is_not_known_is_never_a_cancel() {
        let about = RequestId::from_bytes([9; 16]);
        let control = Control { verb: "explode".into(), ..Control::new(about, Verb::Cancel, 1) };
        assert_eq!(read(&control).unwrap().known(), None);
        control.check().unwrap();
        for verb in ["", "Cancel", "can cel", "cancel\0", &"x".repeat(RESULT_NAME_BYTES_MAX + 1)] {
            Control { verb: verb.to_owned(), ..control.clone() }.check().unwrap_err();
        }
        let args = Some(ByteBuf::from(vec![0; CONTROL_ARGS_BYTES_MAX + 1]));
        Control { args, ..control }.check().unwrap_err();
    }
}
