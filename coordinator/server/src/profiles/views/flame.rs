//! The flame graph: one SVG file that needs nothing but itself.
//!
//! The file holds the call tree as data, a script that draws it (search, zoom, own and total, colours by
//! module, thread, hunt), and a still picture for viewers that run no scripts. Text from endpoints reaches it
//! in two ways only: as JSON in which nothing can end the element that it is in, and as escaped XML text.

mod data;
mod still;

use std::fmt::Write;

use self::data::Data;
use crate::profiles::folding::Plumbing;
use crate::profiles::profile::Profile;
use crate::profiles::tree::Tree;
use muster_api::units;

const STYLE: &str = include_str!("flame/flame.css");
/// The script, in modules; the console imports the first two as they are.
const MODULES: [&str; 3] =
    [include_str!("flame/model.js"), include_str!("flame/flame.js"), include_str!("flame/page.js")];
/// The call that draws the picture of the file.
const START: &str =
    "page(document.documentElement, JSON.parse(document.getElementById(\"data\").textContent));";

/// Colours of modules, threads and hunts, the most costly first; what is further down is grey.
const PALETTE: [&str; 12] = [
    "#f0a847", "#6aa7dd", "#ea7f6a", "#6cbf9b", "#b497e0", "#dcc24f", "#e790b6", "#58b9c9",
    "#a8c46a", "#c79a72", "#8f9fe6", "#d6a0d6",
];

/// Why there is no picture.
#[derive(Debug, thiserror::Error)]
#[error("no flame graph: {0}")]
pub struct FlameError(#[from] serde_json::Error);

/// What is written above the picture.
#[derive(Debug, Clone, Copy)]
pub struct Titles<'a> {
    /// Whose profile it is.
    pub title: &'a str,
    /// How it was taken.
    pub subtitle: &'a str,
}

impl Profile {
    /// Draws the samples. Without samples there is a picture that says so.
    pub fn flame_svg(&self, titles: Titles<'_>, plumbing: Plumbing) -> Result<String, FlameError> {
        draw(&[("", self)], titles, plumbing)
    }

    /// Returns what the picture is drawn from, as JSON.
    pub fn flame_json(&self, plumbing: Plumbing) -> Result<Vec<u8>, FlameError> {
        json(&[("", self)], plumbing)
    }

    /// The same of what changed to a later profile.
    pub fn flame_diff_json(&self, after: &Self, plumbing: Plumbing) -> Result<Vec<u8>, FlameError> {
        json(&[("before", self), ("after", after)], plumbing)
    }

    /// Draws what changed to a later profile: red what takes a larger share there, blue a smaller one.
    pub fn flame_diff_svg(
        &self,
        after: &Self,
        titles: Titles<'_>,
        plumbing: Plumbing,
    ) -> Result<String, FlameError> {
        draw(&[("before", self), ("after", after)], titles, plumbing)
    }
}

fn draw(
    sides: &[(&str, &Profile)],
    titles: Titles<'_>,
    plumbing: Plumbing,
) -> Result<String, FlameError> {
    let profiles = profiles_of(sides);
    let tree = Tree::of(&profiles, plumbing);
    let data = Data::of(&tree, sides, unit(&profiles));
    let sum: Vec<_> =
        (0..sides.len()).map(|side| units::amount(tree.total(side), &data.unit)).collect();
    let (still, height) = still::draw(&data);
    let mut svg = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    // Writing to a string does not fail.
    write!(
        svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"flame\" width=\"1200\" height=\"{height}\" \
         viewBox=\"0 0 1200 {height}\">\n<style>\n{STYLE}</style>\n<g id=\"header\">\
         <text class=\"title\" x=\"16\" y=\"31\">{}</text>\
         <text class=\"dim\" x=\"16\" y=\"48\">{}</text>\
         <text id=\"sum\" class=\"dim\" x=\"1184\" y=\"31\" text-anchor=\"end\">{}</text></g>\n\
         <g id=\"still\">\n{still}</g>\n\
         <script id=\"data\" type=\"application/json\">{}</script>\n\
         <script><![CDATA[\n{}]]></script>\n</svg>\n",
        xml(titles.title),
        xml(titles.subtitle),
        xml(&format!("{} in all", sum.join(" → "))),
        inert(&serde_json::to_string(&data)?),
        script(),
    )
    .unwrap_or_default();
    Ok(svg)
}

fn json(sides: &[(&str, &Profile)], plumbing: Plumbing) -> Result<Vec<u8>, FlameError> {
    let profiles = profiles_of(sides);
    let data = Data::of(&Tree::of(&profiles, plumbing), sides, unit(&profiles));
    Ok(serde_json::to_vec(&data)?)
}

fn profiles_of<'a>(sides: &[(&str, &'a Profile)]) -> Vec<&'a Profile> {
    sides.iter().map(|(_, profile)| *profile).collect()
}

/// Returns what the values of profiles are counted in.
fn unit(profiles: &[&Profile]) -> String {
    profiles.first().map_or_else(String::new, |profile| profile.shown_type().unit)
}

/// Writes the modules as one script with a scope of its own, without their imports and exports, and the call at its end.
fn script() -> String {
    let mut script = String::from("(() => {\n\"use strict\";\n");
    for line in MODULES.iter().flat_map(|module| module.lines()) {
        if !line.starts_with("import ") && !line.starts_with("export ") {
            script.push_str(line);
            script.push('\n');
        }
    }
    script.push_str(START);
    script.push_str("\n})();\n");
    script
}

/// Writes text as XML text. What XML cannot hold at all is a question mark.
fn xml(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            char if char.is_control() || is_no_character(char) => out.push('?'),
            char => out.push(char),
        }
    }
    out
}

/// Writes JSON so that it is the same as XML text: nothing in it can begin or end an element.
fn inert(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for char in json.chars() {
        if matches!(char, '<' | '>' | '&') || char.is_control() || is_no_character(char) {
            write!(out, "\\u{:04x}", u32::from(char)).unwrap_or_default();
        } else {
            out.push(char);
        }
    }
    out
}

fn is_no_character(char: char) -> bool {
    matches!(char, '\u{fffe}' | '\u{ffff}')
}

#[cfg(test)]
mod tests {
    use super::{STYLE, inert, script, xml};

    #[test]
    fn text_cannot_leave_its_place() {
        let bad = "</script><script>alert(\"1\")</script>&x;]]>\u{ffff}";
        assert_eq!(xml("<a b=\"&\">\u{1}\u{fffe}"), "&lt;a b=&quot;&amp;&quot;&gt;??");
        let json = inert(&serde_json::to_string(bad).unwrap());
        assert!(!json.contains(['<', '>', '&', '\u{ffff}']), "{json}");
        assert_eq!(serde_json::from_str::<String>(&json).unwrap(), bad);
        let script = script();
        assert!(!script.contains("]]>") && !STYLE.contains(['<', '&']));
        let own = ["http://www.w3.org/1999/xhtml", "http://www.w3.org/2000/svg"];
        let script = own.iter().fold(script, |text, own| text.replace(own, ""));
        for fetching in ["http:", "https:", "url(", "@import", "fetch(", "XMLHttp", "import"] {
            assert!(!script.contains(fetching) && !STYLE.contains(fetching), "{fetching}");
        }
    }
}
