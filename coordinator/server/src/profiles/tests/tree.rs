//! The call tree, as rows and as a picture.

use serde_json::Value;

use super::made;
use crate::profiles::folding::Plumbing;
use crate::profiles::profile::Profile;
use crate::profiles::views::flame::Titles;
use crate::profiles::views::tree::Cut;

const TITLES: Titles<'static> = Titles { title: "CPU of <web>", subtitle: "10 s & 99 hertz" };

/// The data of a picture.
fn data(svg: &str) -> Value {
    let json = svg.split("type=\"application/json\">").nth(1).unwrap();
    serde_json::from_str(json.split("</script>").next().unwrap()).unwrap()
}

fn numbers(value: &Value) -> Vec<i64> {
    value.as_array().unwrap().iter().map(|number| number.as_i64().unwrap()).collect()
}

#[test]
fn rows_are_above_what_they_call_and_small_ones_are_counted() {
    let profile = made::agent();
    let view = profile.tree(Cut { depth: 100, min_percent: 5.0 }, Plumbing::Folded);
    let rows: Vec<_> =
        view.rows.iter().map(|row| (row.depth, row.function.as_str(), row.cum_percent)).collect();
    let expected = [
        (1, "main", 100.0),
        (2, "walk", 93.0),
        (3, "hash", 70.0),
        (4, "sha2::compress", 60.0),
        (3, "read", 20.0),
        (2, "tick", 7.0),
    ];
    assert_eq!(rows, expected);
    assert!(view.rows[3].inlined && !view.rows[2].inlined);
    assert_eq!((view.rows[1].line, view.rows[2].flat_percent), (Some(20), 10.0));
    assert_eq!(view.left_out, 2, "walk within walk");
    let flat = profile.tree(Cut { depth: 2, min_percent: 0.0 }, Plumbing::Folded);
    assert_eq!(flat.rows.len() + flat.left_out, 8);
    assert!(flat.rows.iter().all(|row| row.depth <= 2));
}

#[test]
fn the_data_of_a_picture_adds_up_to_the_whole() {
    let profile = made::agent();
    let svg = profile.flame_svg(TITLES, Plumbing::Folded).unwrap();
    assert!(svg.contains("CPU of &lt;web&gt;") && svg.contains("10 s &amp; 99 hertz"));
    let data = data(&svg);
    let values: i64 = numbers(&data["cells"]).chunks(5).map(|cell| cell[4]).sum();
    assert_eq!(values, profile.total());
    let json = profile.flame_json(Plumbing::Folded).unwrap();
    assert_eq!(serde_json::from_slice::<serde_json::Value>(&json).unwrap(), data, "the same alone");
    let diff = profile.flame_diff_json(&profile, Plumbing::Folded).unwrap();
    let diff: serde_json::Value = serde_json::from_slice(&diff).unwrap();
    assert_eq!(diff["sides"], serde_json::json!(["before", "after"]));
    let names = data["names"].as_array().unwrap();
    let listed = |key: &str| -> Vec<&str> {
        let list = numbers(&data[key]);
        list.iter().map(|at| names[usize::try_from(*at).unwrap()].as_str().unwrap()).collect()
    };
    assert_eq!(listed("hunts"), ["h1", "h2", "agent", "untagged"], "the most costly first");
    assert_eq!(listed("modules")[0], "sha2");
    assert_eq!(data["smallest"], "");
}

#[test]
fn very_many_frames_are_put_together_and_nothing_is_lost() {
    let leaves: Vec<String> = (0..30_000).map(|at| format!("leaf{at}@/l.rs:{at}")).collect();
    let stacks: Vec<[&str; 2]> =
        leaves.iter().map(|leaf| ["main@/m.rs:1", leaf.as_str()]).collect();
    let mut samples: Vec<made::Made<'_>> =
        stacks.iter().map(|stack| (stack.as_slice(), 1, "h", "t")).collect();
    samples.push((&["main@/m.rs:1", "large@/l.rs:1"], 3_000, "h", "t"));
    let profile = made::profile(&samples);
    let svg = profile.flame_svg(TITLES, Plumbing::Folded).unwrap();
    let data = data(&svg);
    assert_eq!(numbers(&data["nodes"]).len(), 4 * 6, "root, main, large, the others");
    let values: i64 = numbers(&data["cells"]).chunks(5).map(|cell| cell[4]).sum();
    assert_eq!(values, profile.total());
    assert!(data["smallest"].as_str().unwrap().contains("0.01 %"), "{}", data["smallest"]);
    assert!(svg.len() < 60_000, "{}", svg.len());
}

#[test]
fn a_hostile_name_is_text_and_nothing_but_text() {
    let bad = "</script><script>alert(1)</script><img src='x'>&amp;]]>\u{ffff}\u{1}";
    let place = format!("{bad}@{bad}:1");
    let profile = made::profile(&[(&[place.as_str()], 1, bad, bad)]);
    let svg = profile.flame_svg(Titles { title: bad, subtitle: bad }, Plumbing::Folded).unwrap();
    assert!(!svg.contains("alert(1)</script>") && !svg.contains("<img"), "{svg}");
    assert!(!svg.contains(['\u{ffff}', '\u{1}']));
    assert_eq!(svg.matches("<script").count(), 2);
    let mut tool = std::process::Command::new("python3");
    tool.args(["-c", "import sys, xml.dom.minidom as d; d.parse(sys.stdin.buffer)"]);
    let mut child = tool.stdin(std::process::Stdio::piped()).spawn().unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), svg.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success(), "well-formed XML");
}

#[test]
fn a_difference_shows_both_sides_and_no_samples_are_a_picture_too() {
    let before = made::agent();
    let after = made::profile(&[(&["main@/b/main.rs:5", "new@/b/n.rs:1"], 10, "h1", "main")]);
    let svg = before.flame_diff_svg(&after, TITLES, Plumbing::Folded).unwrap();
    let data = data(&svg);
    assert_eq!(data["sides"], serde_json::json!(["before", "after"]));
    let cells = numbers(&data["cells"]);
    let sums = cells.chunks(6).fold((0, 0), |(a, b), cell| (a + cell[4], b + cell[5]));
    assert_eq!(sums, (before.total(), after.total()));
    let nothing: Profile = made::profile(&[]);
    assert!(nothing.flame_svg(TITLES, Plumbing::Folded).unwrap().contains("no samples"));
    assert!(nothing.flame_diff_svg(&nothing, TITLES, Plumbing::Folded).is_ok());
}

#[test]
fn lines_are_added_up_over_functions() {
    let lines = made::agent().lines();
    let of = |file: &str, line: u32| {
        let found = lines.lines.iter().find(|each| each.file == file && each.line == line);
        found.map(|each| (each.flat, each.cum)).unwrap_or_default()
    };
    assert_eq!(of("/r/sha2.rs", 90), (600_000_000, 600_000_000));
    assert_eq!(of("/b/hash.rs", 7), (0, 600_000_000), "the line that it was inlined into");
    assert_eq!(of("/b/walk.rs", 20), (30_000_000, 730_000_000), "once a stack");
    assert_eq!(lines.lines.iter().map(|line| line.flat).sum::<i64>(), lines.total);
}

#[test]
fn the_tree_and_the_picture_fold_plumbing_and_exports_are_whole() {
    let profile = made::with_std();
    let start = "std::sys::thread_start";
    let functions = |plumbing| {
        let rows = profile.tree(Cut { depth: 9, min_percent: 0.0 }, plumbing).rows;
        rows.into_iter().map(|row| (row.depth, row.function)).collect::<Vec<_>>()
    };
    let names = |shown: &[(usize, &str)]| -> Vec<_> {
        shown.iter().map(|(depth, name)| (*depth, (*name).to_owned())).collect()
    };
    let hash = ["sha2::compress", "core::from_fn"];
    let folded = names(&[(1, "work"), (2, hash[0]), (3, hash[1]), (1, start)]);
    assert_eq!(functions(Plumbing::Folded), folded);
    let all = names(&[(1, start), (2, "work"), (3, hash[0]), (4, hash[1])]);
    assert_eq!(functions(Plumbing::Shown), all);
    let parents = |plumbing| {
        let nodes = numbers(&data(&profile.flame_svg(TITLES, plumbing).unwrap())["nodes"]);
        nodes.chunks(6).filter(|node| node[0] == 0).count() - 1
    };
    assert_eq!((parents(Plumbing::Folded), parents(Plumbing::Shown)), (2, 1), "below the root");
    assert!(profile.folded().contains(&format!("hunt;{start};work;sha2::compress")));
}
