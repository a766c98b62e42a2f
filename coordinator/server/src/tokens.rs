//! The tokens of the API: whose each is, what it may do, and until when.

use muster_protocol::clock::Timestamp;
use muster_protocol::hex;
use muster_protocol::when::Moment;
use serde::{Deserialize, Serialize};

/// What a token may do. Each role may do what those before it may, but for the first, which is for one page alone.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// `GET /metrics`, and nothing else.
    Metrics,
    /// Read: every GET, and the preview of a target.
    #[serde(alias = "read")]
    Viewer,
    /// Submit signed requests, their lists, symbols, and notes.
    #[default]
    Operator,
    /// Change the fleet and what is kept: enrol, revoke, quarantine, release, rebuild.
    Admin,
}

impl Role {
    /// Returns the word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Metrics => "metrics",
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }
}

/// One `[[tokens]]` table of the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Token {
    /// Whose, for the audit log.
    pub name: String,
    /// SHA-256 of the token's text, in hexadecimal.
    pub sha256: String,
    /// What it may do. (`only` was the key before there were roles.)
    #[serde(default, alias = "only")]
    pub role: Role,
    /// Until when it counts: a time or a day, UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_after: Option<String>,
}

/// A token that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// Whose.
    pub name: String,
    /// SHA-256 of its text.
    pub print: [u8; 32],
    /// What it may do.
    pub role: Role,
    /// Until when it counts.
    pub not_after: Option<Timestamp>,
}

impl Known {
    /// Returns whether it counts no more.
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.not_after.is_some_and(|until| now > until)
    }
}

impl Token {
    /// Reads it; the error names what is wrong.
    pub fn read(&self) -> Result<Known, String> {
        let name = &self.name;
        let print = hex::decode(&self.sha256).and_then(|digest| digest.try_into().ok());
        let print = print.ok_or_else(|| format!("the sha256 of token {name:?} is not one"))?;
        let until = |text: &String| match text.parse() {
            Ok(Moment::At(at)) => Ok(Timestamp(at.as_millisecond())),
            Ok(Moment::Ago(_)) | Err(_) => Err(format!(
                "not_after of token {name:?}: {text:?} is not a time like 2027-01-31 or 2027-01-31T18:00:00Z"
            )),
        };
        let not_after = self.not_after.as_ref().map(until).transpose()?;
        Ok(Known { name: name.clone(), print, role: self.role, not_after })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(more: &str) -> Result<Known, String> {
        let text = format!("name = \"p\"\nsha256 = \"{}\"\n{more}", "02".repeat(32));
        toml::from_str::<Token>(&text).map_err(|error| error.to_string())?.read()
    }

    #[test]
    fn a_token_may_do_what_an_operator_does_unless_it_says_otherwise() {
        let role = |more: &str| token(more).unwrap().role;
        assert_eq!(role(""), Role::Operator);
        for role_of in [Role::Metrics, Role::Viewer, Role::Operator, Role::Admin] {
            assert_eq!(role(&format!("role = {:?}", role_of.as_str())), role_of);
        }
        assert_eq!(role("only = \"read\""), Role::Viewer);
        assert_eq!(role("only = \"metrics\""), Role::Metrics);
        for bad in ["role = \"all\"", "role = \"\"", "only = \"read\"\nrole = \"admin\""] {
            assert!(token(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_token_ends() {
        let known = token("not_after = \"2027-01-31T18:00:00Z\"").unwrap();
        let until = known.not_after.unwrap();
        assert!(!known.is_over(until) && known.is_over(until.plus_ms(1)));
        assert!(!token("").unwrap().is_over(Timestamp(i64::MAX)));
        for bad in ["7d", "tomorrow", ""] {
            let error = token(&format!("not_after = {bad:?}")).unwrap_err();
            assert!(error.contains("not_after of token \"p\""), "{error}");
        }
    }
}
