//! Suggests what an operator may have meant by a target that matches no agent.

use std::collections::BTreeMap;
use std::sync::Arc;

use muster_protocol::ids::RequestId;
use muster_protocol::request::Target;
use muster_protocol::request::target::Facts;

use crate::store::fleet::Known;

/// Suggestions of one answer.
const NEAR_SHOWN: usize = 5;
/// Words of the target that are looked at.
const WORDS_MAX: usize = 8;
/// Characters of a word that are compared.
const COMPARED_CHARS_MAX: usize = 64;

/// A target that matches no agent: why, and what the operator may have meant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no agent matches `{target}`: {cause}")]
pub struct NoMatch {
    /// The expression, cut to 200 characters.
    pub target: String,
    /// Why nothing matches.
    pub cause: String,
    /// What helps.
    pub remedy: Remedy,
}

/// What helps where a target matches no agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Remedy {
    /// No agent is enrolled yet.
    Enrol,
    /// All that match are revoked.
    EnrolAgain,
    /// The sample is too small to take one of those that match.
    LargerSample,
    /// A term that some agents match.
    Term(String),
    /// Look at what there is.
    List,
}

/// Explains why a target matches no agent, and finds terms near to its own.
pub fn no_match(agents: &[Arc<Known>], target: &Target, request: &RequestId) -> NoMatch {
    let shown: String = target.expr.chars().take(200).collect();
    let no_match = |cause: String, remedy| NoMatch { target: shown.clone(), cause, remedy };
    let of = |is_revoked: bool| {
        let agents = agents.iter().filter(move |known| known.agent.revoked.is_some() == is_revoked);
        agents.map(|known| &known.facts).collect::<Vec<_>>()
    };
    let (revoked, agents) = (of(true), of(false));
    let gone: Vec<_> = revoked
        .iter()
        .filter(|facts| target.matches(facts, request).unwrap_or(false))
        .map(|facts| facts.id.as_str())
        .collect();
    if !gone.is_empty() && target.expr.trim() != "all" {
        let named: Vec<_> = gone.iter().take(NEAR_SHOWN).copied().collect();
        let more = if gone.len() > NEAR_SHOWN { ", …" } else { "" };
        let verb = if gone.len() == 1 { "is" } else { "are" };
        let cause = format!("{}{more} {verb} revoked", named.join(", "));
        return no_match(cause, Remedy::EnrolAgain);
    }
    let count = agents.len();
    if count == 0 {
        return no_match("no agent is enrolled".to_owned(), Remedy::Enrol);
    }
    let matching = |expr: &str| {
        let target = Target { expr: expr.to_owned(), sample_ppm: None };
        let is_meant = |facts: &&&Facts| target.matches(facts, request).unwrap_or(false);
        agents.iter().filter(is_meant).count()
    };
    if target.sample_ppm.is_some() {
        let whole = matching(&target.expr);
        if whole > 0 {
            let cause = format!("{whole} of {count} match, and the sample takes none of them");
            return no_match(cause, Remedy::LargerSample);
        }
    }
    let words = words(&target.expr);
    let mut parts = vec![format!("0 of {count} agents do")];
    if words.len() > 1 {
        let alone = words.iter().map(|word| format!("`{word}` {}", matching(word)));
        parts.push(format!("alone: {}", alone.collect::<Vec<_>>().join(", ")));
    }
    let known = known(&agents);
    let near = nearest(&words, &known);
    let listed = |all: &[(&String, u64)]| {
        let all = all.iter().take(NEAR_SHOWN).map(|(word, n)| format!("`{word}` ({n})"));
        all.collect::<Vec<_>>().join(", ")
    };
    let remedy = near.first().map_or(Remedy::List, |(word, _)| Remedy::Term((*word).clone()));
    if near.is_empty() {
        let mut labels: Vec<_> = known
            .iter()
            .filter(|(word, _)| word.starts_with("label:"))
            .map(|(w, n)| (w, *n))
            .collect();
        labels.sort_by_key(|(_, agents)| std::cmp::Reverse(*agents));
        parts.push(match labels.as_slice() {
            [] => "no labels are known".to_owned(),
            labels => format!("known: {}", listed(labels)),
        });
    } else {
        parts.push(format!("nearest: {}", listed(&near)));
    }
    no_match(parts.join("; "), remedy)
}

/// Returns the questions of an expression, each once.
fn words(expr: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for word in expr.split(|c: char| c.is_whitespace() || c == '(' || c == ')') {
        if word.contains(':') && !words.iter().any(|known| known == word) {
            words.push(word.to_owned());
        }
    }
    words.truncate(WORDS_MAX);
    words
}

/// Returns every word that is true of some agent, with the number of agents.
fn known(agents: &[&Facts]) -> BTreeMap<String, u64> {
    let mut known: BTreeMap<String, u64> = BTreeMap::new();
    let mut add = |kind: &str, value: &str| {
        if !value.is_empty() {
            *known.entry(format!("{kind}:{value}")).or_default() += 1;
        }
    };
    for facts in agents {
        add("id", &facts.id);
        add("host", &facts.host);
        add("os", &facts.os);
        add("arch", &facts.arch);
        add("version", &facts.version);
        for (key, value) in &facts.labels {
            add("label", &if value.is_empty() { key.clone() } else { format!("{key}={value}") });
        }
    }
    known
}

/// Returns what is near one of the words and of its kind, the nearest first, of equals the most frequent.
fn nearest<'a>(words: &[String], known: &'a BTreeMap<String, u64>) -> Vec<(&'a String, u64)> {
    let mut near: BTreeMap<&String, (usize, u64)> = BTreeMap::new();
    for (kind, wanted) in words.iter().filter_map(|word| word.split_once(':')) {
        let wanted = plain(wanted);
        for (word, agents) in known {
            let Some((_, value)) = word.split_once(':').filter(|(of, _)| *of == kind) else {
                continue;
            };
            let Some(distance) = distance(&wanted, &plain(value)) else { continue };
            let best = near.entry(word).or_insert((distance, *agents));
            best.0 = best.0.min(distance);
        }
    }
    let mut near: Vec<_> = near.into_iter().collect();
    near.sort_by_key(|(_, (distance, agents))| (*distance, std::cmp::Reverse(*agents)));
    near.into_iter().map(|(word, (_, agents))| (word, agents)).collect()
}

/// A word as it is compared: without wildcards and case.
fn plain(text: &str) -> Vec<char> {
    let chars = text.chars().filter(|c| !matches!(c, '*' | '?'));
    chars.flat_map(char::to_lowercase).take(COMPARED_CHARS_MAX).collect()
}

/// How far one word is from another; `None` when nobody would take one for the other. What holds the other whole is
/// near whatever else it says: `db` and `role=db-primary`.
fn distance(wanted: &[char], value: &[char]) -> Option<usize> {
    let holds = |long: &[char], short: &[char]| {
        short.len() >= 2 && long.windows(short.len()).any(|part| part == short)
    };
    if holds(value, wanted) || holds(wanted, value) {
        return Some(1);
    }
    // A third may be mistyped, and of `key=value` one of the two said alone.
    let slips = (wanted.len() / 3).max(1);
    let far = |value: &[char]| {
        let is_comparable = !value.is_empty() && value.len().abs_diff(wanted.len()) <= slips;
        is_comparable.then(|| edits(wanted, value)).filter(|far| *far <= slips)
    };
    let parts = value.splitn(2, |c| *c == '=').filter_map(far).min();
    far(value).map(|far| far + 1).or_else(|| parts.map(|far| far + 2))
}

/// Insertions, deletions, substitutions and swaps of neighbours from one word to the other.
fn edits(from: &[char], to: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=to.len()).collect();
    for (row, a) in from.iter().enumerate() {
        let mut next = vec![row + 1];
        for (column, b) in to.iter().enumerate() {
            let at = |line: &[usize], column: usize| line.get(column).map_or(usize::MAX, |n| n + 1);
            let mut best = at(&last, column) - usize::from(a == b);
            best = best.min(at(&last, column + 1)).min(at(&next, column));
            let is_swap = row > 0
                && column > 0
                && from.get(row - 1) == Some(b)
                && to.get(column - 1) == Some(a);
            if is_swap {
                best = best.min(at(&before, column - 1));
            }
            next.push(best);
        }
        before = std::mem::replace(&mut last, next);
    }
    last.last().copied().unwrap_or(from.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(word: &str) -> Vec<String> {
        let known = ["label:db-replica", "label:db-primary", "label:role=web", "label:tier=front"];
        let mut known: BTreeMap<String, u64> =
            known.into_iter().map(|word| (word.to_owned(), 1)).collect();
        known.insert("label:db-replica".to_owned(), 9);
        known.insert("host:web-1".to_owned(), 1);
        let near = nearest(&[word.to_owned()], &known);
        near.into_iter().map(|(word, _)| word.clone()).collect()
    }

    #[test]
    fn what_holds_the_word_is_near_the_most_frequent_first() {
        assert_eq!(near("label:db"), ["label:db-replica", "label:db-primary"]);
        assert_eq!(near("label:web"), ["label:role=web"]);
        assert_eq!(near("host:web-1.example.net"), ["host:web-1"], "of its own kind only");
    }

    #[test]
    fn slips_of_the_finger_are_near_and_strangers_are_not() {
        assert_eq!(near("label:db-pirmary"), ["label:db-primary"]);
        assert_eq!(near("label:role=wbe"), ["label:role=web"]);
        assert_eq!(near("label:frnot"), ["label:tier=front"]);
        assert_eq!(near("label:teir"), ["label:tier=front"]);
        assert!(near("label:zzzzzzzz").is_empty());
    }

    #[test]
    fn edits_are_counted() {
        let count = |a: &str, b: &str| edits(&plain(a), &plain(b));
        assert_eq!((count("ab", "ba"), count("kitten", "sitting"), count("", "abc")), (1, 3, 3));
        assert_eq!(count("Web*", "web"), 0);
    }
}
