//! Order and pages of a list that is in memory: by one figure or text, both ways, with the id to break ties.
//!
//! A page begins after the key of the last item of the page before. So nothing is shown twice or missed while others are added
//! or go.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

/// Which comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// The least.
    Ascending,
    /// The greatest.
    Descending,
}

/// What a list is sorted by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Value {
    /// It is not known: less than whatever is.
    Unknown,
    /// A number.
    Number(i64),
    /// A text.
    Text(String),
}

impl Value {
    /// Takes a count; what is more than a signed number holds is as much as it holds.
    pub fn count(count: u64) -> Self {
        Self::Number(i64::try_from(count).unwrap_or(i64::MAX))
    }

    /// Takes a figure, in the total order of IEEE 754.
    pub fn figure(figure: f64) -> Self {
        let bits = figure.to_bits().cast_signed();
        // Of negative numbers the greater has the smaller bits.
        Self::Number(bits ^ (((bits >> 63).cast_unsigned()) >> 1).cast_signed())
    }

    /// Takes a version: runs of digits count as numbers, so that 0.10 comes after 0.9.
    pub fn version(version: &str) -> Self {
        let mut text = String::with_capacity(version.len() * 2);
        let mut digits = String::new();
        for c in version.chars().map(Some).chain([None]) {
            if let Some(digit) = c.filter(char::is_ascii_digit) {
                digits.push(digit);
                continue;
            }
            if !digits.is_empty() {
                let number = digits.trim_start_matches('0');
                // Of two numbers the one with more digits is greater.
                let length = u32::try_from(number.len()).unwrap_or(0);
                text.push(char::from_u32(u32::from('0') + length).unwrap_or('0'));
                text.push_str(number);
                digits.clear();
            }
            text.extend(c);
        }
        Self::Text(text)
    }
}

/// The place of an item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Key {
    /// Of those that come behind all others in either direction, the least first; nothing for the others.
    pub behind: Option<i64>,
    /// What the list is sorted by.
    pub value: Value,
    /// Breaks ties, always the least first.
    pub id: String,
}

impl Key {
    fn compare(&self, other: &Self, direction: Direction) -> Ordering {
        let by_value = match direction {
            Direction::Ascending => self.value.cmp(&other.value),
            Direction::Descending => other.value.cmp(&self.value),
        };
        self.behind.cmp(&other.behind).then(by_value).then_with(|| self.id.cmp(&other.id))
    }
}

/// A page of a list.
#[derive(Debug, PartialEq, Eq)]
pub struct Cut<T> {
    /// What is on it.
    pub items: Vec<T>,
    /// The last key, where the list goes on.
    pub next: Option<Key>,
}

/// Cuts the page that begins after a key out of a list. Only the page itself is sorted.
pub fn cut<T>(
    list: impl Iterator<Item = (Key, T)>,
    direction: Direction,
    after: Option<&Key>,
    limit: usize,
) -> Cut<T> {
    let is_after =
        |key: &Key| after.is_none_or(|after| key.compare(after, direction) == Ordering::Greater);
    let mut rest: Vec<_> = list.filter(|(key, _)| is_after(key)).collect();
    let compare = |a: &(Key, T), b: &(Key, T)| a.0.compare(&b.0, direction);
    let goes_on = rest.len() > limit;
    if goes_on {
        rest.select_nth_unstable_by(limit, compare);
        rest.truncate(limit);
    }
    rest.sort_unstable_by(compare);
    let next = rest.last().filter(|_| goes_on).map(|(key, _)| key.clone());
    Cut { items: rest.into_iter().map(|(_, item)| item).collect(), next }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(value: Value, id: &str) -> Key {
        Key { behind: None, value, id: id.to_owned() }
    }

    #[test]
    fn figures_and_versions_are_ordered_as_people_would() {
        let figures = [f64::NEG_INFINITY, -2.5, -0.5, 0.0, 0.1, 0.2, 99.0, f64::INFINITY];
        let values: Vec<_> = figures.into_iter().map(Value::figure).collect();
        assert!(values.is_sorted() && Value::Unknown < values[0]);
        let versions = ["", "0.9", "0.10", "0.10.1", "1.0-rc2", "1.0-rc10", "10.0"];
        let values: Vec<_> = versions.into_iter().map(Value::version).collect();
        assert!(values.is_sorted(), "{values:?}");
        assert_eq!(Value::version("1.01"), Value::version("1.1"));
    }

    #[test]
    fn pages_put_together_are_the_list_in_either_direction() {
        let items: Vec<_> = (0..97_i64)
            .map(|n| {
                let behind = (n % 10 == 0).then_some(-n);
                (Key { behind, ..key(Value::Number(n * 7 % 11), &format!("a-{n:02}")) }, n)
            })
            .collect();
        for direction in [Direction::Ascending, Direction::Descending] {
            let mut sorted = items.clone();
            sorted.sort_by(|a, b| a.0.compare(&b.0, direction));
            let sorted: Vec<_> = sorted.into_iter().map(|(_, n)| n).collect();
            for limit in [1, 7, 96, 97, 500] {
                let (mut all, mut after) = (Vec::new(), None);
                loop {
                    let page = cut(items.iter().cloned(), direction, after.as_ref(), limit);
                    assert!(page.items.len() <= limit);
                    all.extend(page.items);
                    after = page.next;
                    if after.is_none() {
                        break;
                    }
                }
                assert_eq!(all, sorted, "{direction:?} {limit}");
            }
        }
    }

    #[test]
    fn ties_are_broken_by_id_and_what_comes_behind_stays_there() {
        let list = || {
            let of =
                |id: &str, behind| (Key { behind, ..key(Value::Number(1), id) }, id.to_owned());
            [of("c", None), of("a", Some(2)), of("d", Some(1)), of("b", None)].into_iter()
        };
        for direction in [Direction::Ascending, Direction::Descending] {
            assert_eq!(cut(list(), direction, None, 9).items, ["b", "c", "d", "a"]);
        }
    }
}
