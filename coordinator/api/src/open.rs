//! Words of which later versions may have more.

use serde::{Deserialize, Serialize};

/// A word of a closed set, as every output writes it.
pub trait Word: Copy {
    /// Returns it.
    fn word(self) -> &'static str;
}

/// A word that this version knows, or one of a later version: that is shown and counted as it is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Open<W> {
    /// One that is known.
    Known(W),
    /// One that is not.
    Later(String),
}

impl<W: Word> Open<W> {
    /// Returns the word.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Known(word) => word.word(),
            Self::Later(word) => word,
        }
    }
}

impl<W> From<W> for Open<W> {
    fn from(word: W) -> Self {
        Self::Known(word)
    }
}

impl<W: PartialEq> PartialEq<W> for Open<W> {
    fn eq(&self, word: &W) -> bool {
        matches!(self, Self::Known(known) if known == word)
    }
}

#[cfg(test)]
mod tests {
    use crate::{AgentState, Launched, Route, TargetPreview};

    #[test]
    fn a_state_of_a_later_version_is_shown_and_counted_as_it_is() {
        let json = serde_json::json!({
            "error": null, "matched": 2, "left_out": 0, "revoked": 0, "route": "relayed",
            "facets": {
                "state": [{"value": "live", "count": 1}, {"value": "resting", "count": 1}],
                "os": [], "version": [], "labels": [],
            },
            "first": [{
                "id": "a-1", "name": "a", "state": "resting", "cause": "", "host": "", "os": "", "arch": "", "version": "",
                "labels": {}, "clone": false, "last_seen": null, "cpu_percent": null, "rss_bytes": null, "collections": 0,
                "outbox_bytes": 0, "journal_full": false, "clock_offset_ms": null,
            }],
        });
        let preview: TargetPreview = serde_json::from_value(json.clone()).unwrap();
        assert_eq!(preview.first[0].state.as_str(), "resting");
        assert_ne!(preview.first[0].state, AgentState::Live);
        assert_eq!(preview.route.as_ref().unwrap().as_str(), "relayed");
        assert_eq!(serde_json::to_value(&preview).unwrap(), json);
    }

    #[test]
    fn a_known_word_is_what_it_always_was() {
        let json = serde_json::json!({"id": "1", "kind": "k", "targeted": 1, "route": "directed", "published": true, "note": ""});
        let launched: Launched = serde_json::from_value(json.clone()).unwrap();
        assert_eq!(launched.route, Route::Directed);
        assert_ne!(launched.route, Route::Broadcast);
        assert_eq!(launched.route.as_str(), "directed");
        assert_eq!(serde_json::to_value(&launched).unwrap(), json);
        assert!(serde_json::from_value::<Launched>(serde_json::json!({"route": 7})).is_err());
    }
}
