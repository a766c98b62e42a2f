//! Which agents a request is for: an expression and, optionally, a sample of them.
//!
//! `not` binds tighter than `and`, `and` tighter than `or`; parentheses group. The words are `all`, `id:X`,
//! `host:GLOB`, `os:X`, `arch:X`, `version:GLOB`, `label:K` and `label:K=GLOB`. The agent evaluates the expression
//! from the signed request; the coordinator does the same on its roster to know which agents to expect.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::ids::{AgentId, RequestId};
use crate::limits;

mod parse;

/// Which agents: the text of an expression (`label:db and not os:windows or host:web-*`, `id:a or id:b`,
/// `all`) and the part of them to take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// The expression.
    pub expr: String,
    /// How many of a million, chosen by a hash of request and agent; `None` for all.
    pub sample_ppm: Option<u32>,
}

/// What an expression can ask of an agent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// The agent's id.
    pub id: String,
    /// Name of the machine.
    pub host: String,
    /// `linux`.
    pub os: String,
    /// `x86_64`, …
    pub arch: String,
    /// Version of the agent.
    pub version: String,
    /// Labels.
    pub labels: BTreeMap<String, String>,
}

/// An expression that does not parse; `at` is the byte position.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("target does not parse at position {at}: {why}")]
pub struct TargetError {
    /// Byte position in the expression, from 0.
    pub at: usize,
    /// What is wrong there.
    pub why: String,
}

/// A target whose expression is parsed once, to be held against many agents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Matcher {
    expr: Expr,
    sample_ppm: Option<u32>,
}

/// A parsed expression.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Expr {
    All,
    Term(Term),
    Not(Box<Expr>),
    And(Box<Expr>, Box<Expr>),
    Or(Box<Expr>, Box<Expr>),
}

/// One question about an agent.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Term {
    Id(String),
    Host(String),
    Os(String),
    Arch(String),
    Version(String),
    Label(String, Option<String>),
}

impl Target {
    /// Everyone.
    pub fn all() -> Self {
        Self { expr: "all".to_owned(), sample_ppm: None }
    }

    /// Exactly these agents.
    pub fn agents(ids: &[AgentId]) -> Self {
        let ids: Vec<_> = ids.iter().map(|id| format!("id:{id}")).collect();
        Self { expr: ids.join(" or "), sample_ppm: None }
    }

    /// Checks that the expression parses and the sample is a fraction.
    pub fn check(&self) -> Result<(), TargetError> {
        parse::parse(&self.expr)?;
        match self.sample_ppm {
            Some(ppm) if ppm == 0 || ppm > 1_000_000 => Err(TargetError {
                at: 0,
                why: format!("a sample of {ppm} in a million is not above 0 and up to all"),
            }),
            _ => Ok(()),
        }
    }

    /// Returns whether the agent is meant.
    pub fn matches(&self, facts: &Facts, request: &RequestId) -> Result<bool, TargetError> {
        Ok(self.matcher()?.matches(facts, request))
    }

    /// Parses the expression.
    pub fn matcher(&self) -> Result<Matcher, TargetError> {
        Ok(Matcher { expr: parse::parse(&self.expr)?, sample_ppm: self.sample_ppm })
    }

    /// Returns the agents when the expression is nothing but up to
    /// [`limits::DIRECTED_AGENTS_MAX`] of them joined by `or`, each once and in order, and all of them are
    /// meant: such a request goes to their directed queues.
    pub fn directed(&self) -> Option<Vec<AgentId>> {
        if self.sample_ppm.is_some() {
            return None;
        }
        let mut ids = Vec::new();
        let mut rest = parse::parse(&self.expr).ok()?;
        loop {
            let (one, left) = match rest {
                Expr::Or(left, right) => (*right, Some(*left)),
                other => (other, None),
            };
            let Expr::Term(Term::Id(id)) = one else { return None };
            ids.push(AgentId::new(&id).ok()?);
            match left {
                Some(left) => rest = left,
                None => break,
            }
        }
        ids.sort();
        ids.dedup();
        (ids.len() <= limits::DIRECTED_AGENTS_MAX).then_some(ids)
    }
}

impl Matcher {
    /// Returns whether the agent is meant.
    pub fn matches(&self, facts: &Facts, request: &RequestId) -> bool {
        eval(&self.expr, facts)
            && self.sample_ppm.is_none_or(|ppm| is_sampled(ppm, request, &facts.id))
    }
}

/// A fraction of all agents that is the same on both sides: the first 8 bytes of
/// SHA-256(request, agent), as a number, modulo a million, is below `ppm`.
fn is_sampled(ppm: u32, request: &RequestId, agent: &str) -> bool {
    let mut hash = Sha256::new();
    hash.update(request.as_bytes());
    hash.update(agent.as_bytes());
    let digest: [u8; 32] = hash.finalize().into();
    let number = u64::from_be_bytes(digest.first_chunk().copied().unwrap_or_default());
    number % 1_000_000 < u64::from(ppm)
}

fn eval(expr: &Expr, facts: &Facts) -> bool {
    match expr {
        Expr::All => true,
        Expr::Not(inner) => !eval(inner, facts),
        Expr::And(left, right) => eval(left, facts) && eval(right, facts),
        Expr::Or(left, right) => eval(left, facts) || eval(right, facts),
        Expr::Term(term) => match term {
            Term::Id(id) => *id == facts.id,
            Term::Host(glob) => glob_matches(glob, &facts.host),
            Term::Os(os) => *os == facts.os,
            Term::Arch(arch) => *arch == facts.arch,
            Term::Version(glob) => glob_matches(glob, &facts.version),
            Term::Label(key, None) => facts.labels.contains_key(key),
            Term::Label(key, Some(glob)) => {
                facts.labels.get(key).is_some_and(|value| glob_matches(glob, value))
            }
        },
    }
}

/// Matches `*` (any run) and `?` (any one character), nothing else.
fn glob_matches(glob: &str, text: &str) -> bool {
    if glob.is_ascii() && text.is_ascii() {
        return runs_match(glob.as_bytes(), text.as_bytes(), (b'*', b'?'));
    }
    let glob: Vec<char> = glob.chars().collect();
    let text: Vec<char> = text.chars().collect();
    runs_match(&glob, &text, ('*', '?'))
}

/// Matches characters against a pattern with a sign for any run and one for any character, in time proportional to the
/// product of the lengths: an expression comes from outside.
fn runs_match<C: PartialEq + Copy>(glob: &[C], text: &[C], (run, one): (C, C)) -> bool {
    let (mut g, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while let Some(wanted) = text.get(t) {
        match glob.get(g) {
            Some(found) if *found == run => {
                star = Some((g, t));
                g += 1;
            }
            Some(found) if *found == one || found == wanted => {
                g += 1;
                t += 1;
            }
            _ => match star {
                Some((at, from)) => {
                    star = Some((at, from + 1));
                    g = at + 1;
                    t = from + 1;
                }
                None => return false,
            },
        }
    }
    glob.iter().skip(g).all(|rest| *rest == run)
}

#[cfg(test)]
mod tests;
