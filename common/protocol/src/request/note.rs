//! Notes: what operators call a hunt, and why it was made. A signed record of its own that only the coordinator keeps: it is no
//! request that an agent knows, and is never published.

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use super::sign::{Refusal, SigningKey, Trust, signed_bytes, strict};
use super::trust::Certificate;
use super::{Kind, Sealed};
use crate::clock::Timestamp;
use crate::ids::{FleetId, KeyId, RequestId};
use crate::limits::{
    CLOCK_SKEW_MS_MAX, NOTE_CASE_BYTES_MAX, NOTE_NAME_BYTES_MAX, NOTE_TEXT_BYTES_MAX,
    REQUEST_BYTES_MAX, VALIDITY_MS_MAX,
};
use crate::wire;

/// The kind of the record. No agent knows it.
pub const NOTE: &str = "note";

/// The signed part of a note.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Note {
    /// Its own id.
    pub id: RequestId,
    /// The key that signed.
    pub key: KeyId,
    /// The fleet that it is for.
    pub fleet: FleetId,
    /// When it was signed.
    pub issued: Timestamp,
    /// The hunt or profile that it is about.
    pub about: RequestId,
    /// What it is called; empty for no name any more, absent where that stays as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Why it was made, or what came of it; the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// The case that it belongs to; the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub case: Option<String>,
}

impl Note {
    /// Checks the bounds; the error names what is out of them.
    pub fn check(&self) -> Result<(), String> {
        let texts = [
            ("name", &self.name, NOTE_NAME_BYTES_MAX),
            ("note", &self.note, NOTE_TEXT_BYTES_MAX),
            ("case", &self.case, NOTE_CASE_BYTES_MAX),
        ];
        if texts.iter().all(|(_, text, _)| text.is_none()) {
            return Err("it says nothing: no name, no note, no case".to_owned());
        }
        for (what, text, most) in texts {
            let text = text.as_deref().unwrap_or_default();
            if text.len() > most {
                return Err(format!("the {what} has {} bytes, {most} are allowed", text.len()));
            }
            if let Some(odd) = text.chars().find(|c| !is_printable(*c)) {
                return Err(format!("the {what} holds {odd:?}, which is not printable"));
            }
        }
        Ok(())
    }
}

/// Returns whether a character shows as itself: no control, no mark that turns or hides what follows.
fn is_printable(c: char) -> bool {
    let is_mark = matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
    !c.is_control() && !is_mark
}

impl SigningKey {
    /// Seals a note.
    pub fn seal_note(
        &self,
        note: &Note,
        certificate: &Certificate,
    ) -> Result<Sealed, wire::WireError> {
        let body = wire::encode(note)?;
        let sig = self.sign_bytes(&signed_bytes(NOTE, &body));
        Ok(Sealed {
            kind: NOTE.to_owned(),
            id: note.id.to_string(),
            body: ByteBuf::from(body),
            sig: ByteBuf::from(sig),
            cert: ByteBuf::from(wire::encode(certificate)?),
        })
    }
}

impl Trust {
    /// Opens a note that arrived at `now`; returns it and the operator's name. Whoever may begin a hunt may note something of one.
    pub fn open_note(&self, sealed: &Sealed, now: Timestamp) -> Result<(Note, String), Refusal> {
        if sealed.kind != NOTE {
            return Err(Refusal::UnknownKind(sealed.kind.chars().take(40).collect()));
        }
        let kind = Kind::HuntStart;
        let (key, operator, allowed) = self.verified(sealed, kind, now)?;
        let note: Note = strict(&sealed.body, REQUEST_BYTES_MAX)?;
        if note.id.to_string() != sealed.id {
            return Err(Refusal::Altered("id"));
        }
        if note.key != key {
            return Err(Refusal::Altered("key"));
        }
        if note.fleet != self.fleet {
            return Err(Refusal::WrongFleet(note.fleet));
        }
        if !allowed {
            return Err(Refusal::KindNotAllowed { key, kind });
        }
        let last = note.issued.plus_ms(VALIDITY_MS_MAX);
        if now > last {
            return Err(Refusal::Expired(last));
        }
        if now < note.issued.plus_ms(-CLOCK_SKEW_MS_MAX) {
            return Err(Refusal::NotYetValid(note.issued));
        }
        note.check().map_err(Refusal::OutOfBounds)?;
        Ok((note, operator))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::trust::Grant;
    use super::*;

    const NOW: Timestamp = Timestamp(1_800_000_000_000);

    fn keys(capability: &str) -> (SigningKey, Trust, Certificate) {
        let (root, key) = (SigningKey::from_seed(&[1; 32]), SigningKey::from_seed(&[2; 32]));
        let fleet = FleetId::from_bytes([7; 16]);
        let grant = Grant {
            fleet,
            key: ByteBuf::from(key.public()),
            name: "ada".into(),
            capabilities: vec![capability.to_owned()],
            issued: NOW,
            not_after: NOW.plus_ms(1_000_000),
        };
        let certificate = root.certify(&grant).unwrap();
        (key, Trust { fleet, root: root.public(), revoked: BTreeSet::new() }, certificate)
    }

    fn note(key: &SigningKey) -> Note {
        Note {
            id: RequestId::from_bytes([1; 16]),
            key: key.id(),
            fleet: FleetId::from_bytes([7; 16]),
            issued: NOW,
            about: RequestId::from_bytes([2; 16]),
            name: Some("web shells".into()),
            note: None,
            case: Some("IR-2026-14".into()),
        }
    }

    #[test]
    fn a_note_opens_with_the_trust_of_its_fleet_and_for_whoever_may_hunt() {
        let (key, trust, certificate) = keys("hunt");
        let sealed = key.seal_note(&note(&key), &certificate).unwrap();
        assert_eq!(trust.open_note(&sealed, NOW).unwrap(), (note(&key), "ada".to_owned()));
        // No agent takes it for a request.
        assert!(matches!(trust.open(&sealed, NOW), Err(Refusal::UnknownKind(_))));
        let mut altered = sealed.clone();
        *altered.body.last_mut().unwrap() ^= 1;
        assert!(matches!(trust.open_note(&altered, NOW), Err(Refusal::BadSignature)));
        let other = Sealed { id: RequestId::from_bytes([9; 16]).to_string(), ..sealed };
        assert!(matches!(trust.open_note(&other, NOW), Err(Refusal::Altered("id"))));
        let (key, trust, certificate) = keys("stop");
        let sealed = key.seal_note(&note(&key), &certificate).unwrap();
        let refused = trust.open_note(&sealed, NOW);
        assert!(matches!(refused, Err(Refusal::KindNotAllowed { .. })), "{refused:?}");
    }

    #[test]
    fn a_text_is_bounded_and_printable() {
        let (key, ..) = keys("hunt");
        let with = |name: &str| Note { name: Some(name.to_owned()), ..note(&key) }.check();
        for good in ["", "Überprüfung № 7 · 日本語", &"x".repeat(NOTE_NAME_BYTES_MAX)] {
            with(good).unwrap();
        }
        for bad in
            ["a\nb", "\u{1b}[2J", "\u{202e}x", "\u{200b}", &"x".repeat(NOTE_NAME_BYTES_MAX + 1)]
        {
            with(bad).unwrap_err();
        }
        let silent = Note { name: None, case: None, ..note(&key) };
        assert!(silent.check().unwrap_err().contains("says nothing"));
    }
}
