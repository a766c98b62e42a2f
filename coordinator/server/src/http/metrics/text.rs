//! Prometheus's text format, version 0.0.4.

use std::fmt::Display;

use super::families::Family;

/// The media type of an answer.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// An answer that grows, metric by metric.
#[derive(Debug, Default)]
pub struct Text(String);

impl Text {
    /// Writes a metric without labels.
    pub fn one(&mut self, family: &Family, value: impl Display) {
        self.many::<0, &str, _>(family, [([], value)]);
    }

    /// Writes a metric: its series as values of its labels, in their order, and a figure.
    pub fn many<const N: usize, S: AsRef<str>, V: Display>(
        &mut self,
        family: &Family,
        series: impl IntoIterator<Item = ([S; N], V)>,
    ) {
        debug_assert_eq!(N, family.labels.len(), "a value for each label of {}", family.name);
        let (name, help) = (family.name, escaped(family.help, &LINE));
        let kind = family.kind.as_str();
        self.0.extend(["# HELP ", name, " ", &help, "\n# TYPE ", name, " ", kind, "\n"]);
        for (values, figure) in series {
            self.0.push_str(name);
            for (place, (label, value)) in family.labels.iter().zip(&values).enumerate() {
                let before = if place == 0 { "{" } else { "," };
                let value = escaped(value.as_ref(), &VALUE);
                self.0.extend([before, label, "=\"", &value, "\""]);
            }
            if N > 0 {
                self.0.push('}');
            }
            self.0.extend([" ", &figure.to_string(), "\n"]);
        }
    }

    /// Returns the whole.
    pub fn finish(self) -> String {
        self.0
    }
}

/// What ends a line.
const LINE: [char; 2] = ['\\', '\n'];
/// What ends the value of a label.
const VALUE: [char; 3] = ['\\', '\n', '"'];

fn escaped(text: &str, special: &[char]) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if special.contains(&c) {
            out.push('\\');
        }
        out.push(if c == '\n' { 'n' } else { c });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::families::Kind;
    use super::*;

    #[test]
    fn the_text_is_what_the_format_wants_and_nothing_breaks_out_of_a_label() {
        let labels = &["a", "b"];
        let family =
            Family { name: "shoes", kind: Kind::Counter, labels, help: "Say \"a\\b\"\nagain." };
        let mut text = Text::default();
        text.many(&family, [(["plain", "x\"} 9\nshoes{a=\"\\"], 0.5), (["ü", ""], 1e15)]);
        text.one(&Family { labels: &[], kind: Kind::Gauge, help: "Ä", ..family }, 7_u64);
        let expected = [
            "# HELP shoes Say \"a\\\\b\"\\nagain.",
            "# TYPE shoes counter",
            "shoes{a=\"plain\",b=\"x\\\"} 9\\nshoes{a=\\\"\\\\\"} 0.5",
            "shoes{a=\"ü\",b=\"\"} 1000000000000000",
            "# HELP shoes Ä",
            "# TYPE shoes gauge",
            "shoes 7",
            "",
        ];
        assert_eq!(text.finish(), expected.join("\n"));
    }
}
