//! Callgrind's format, with lines: for `callgrind_annotate` and kcachegrind.
//!
//! A function is one that was not inlined. What was inlined into it is part of its own cost, at the line of
//! the source file that it came from (`fi=` and `fe=` change the file), as valgrind itself writes it.
//! Samples tell nothing of how often a function was called: `calls=` counts the samples that saw the call.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt::Write;

use crate::profiles::module::Frame;
use crate::profiles::profile::{Location, Profile, Sample, ValueType};

/// A function: its mapped file, its source file, its name.
type Function<'a> = (&'a str, &'a str, &'a str);
/// A place within a function: source file and line.
type Place<'a> = (&'a str, u32);

/// What one function cost.
#[derive(Debug, Default)]
struct Cost<'a> {
    own: BTreeMap<Place<'a>, Vec<i64>>,
    calls: BTreeMap<(Place<'a>, Function<'a>), Call>,
}

#[derive(Debug, Default)]
struct Call {
    /// First known line of what is called.
    line: u32,
    seen: i64,
    cost: Vec<i64>,
}

impl Profile {
    /// Returns the profile in callgrind's format; `command` is whose profile it is.
    pub fn callgrind(&self, command: &str) -> String {
        let mut functions: BTreeMap<Function<'_>, Cost<'_>> = BTreeMap::new();
        let mut totals = vec![0; self.types.len()];
        for sample in &self.samples {
            self.add(sample, &mut functions);
            add(&mut totals, &self.events(&sample.values));
        }
        let mut text = self.head(command, &totals);
        let mut names = Names::default();
        for (function, cost) in &functions {
            names.function(&mut text, function, cost);
        }
        text
    }

    fn head(&self, command: &str, totals: &[i64]) -> String {
        let command = command.replace(|char: char| char.is_control(), "?");
        let kinds = self.events(&self.types);
        let names: Vec<_> = kinds.iter().map(|kind| kind.name.as_str()).collect();
        let mut lines = vec![
            "# callgrind format".to_owned(),
            "version: 1".to_owned(),
            concat!("creator: muster ", env!("CARGO_PKG_VERSION")).to_owned(),
            format!("cmd: {command}"),
            "part: 1".to_owned(),
            "desc: Trigger: samples; calls are counted by samples that saw them".to_owned(),
            "positions: line".to_owned(),
        ];
        let event = |kind: &ValueType| format!("event: {0} : {0} ({1})", kind.name, kind.unit);
        lines.extend(kinds.iter().map(event));
        lines.push(format!("events: {}", names.join(" ")));
        lines.push(format!("summary: {}\n", numbers(totals)));
        lines.join("\n")
    }

    /// Puts the value that is shown first: that is what the tools sort by.
    fn events<T: Clone>(&self, values: &[T]) -> Vec<T> {
        let rest = values.iter().enumerate().filter(|(at, _)| *at != self.shown);
        values.get(self.shown).into_iter().chain(rest.map(|(_, value)| value)).cloned().collect()
    }

    fn add<'a>(&'a self, sample: &'a Sample, functions: &mut BTreeMap<Function<'a>, Cost<'a>>) {
        let stack = sample.stack.iter().filter_map(|index| self.locations.get(*index));
        let values = self.events(&sample.values);
        let mut seen = HashSet::new();
        let mut called: Option<(Function<'a>, u32)> = None;
        for location in stack {
            let Some((function, place)) = self.place(location) else { continue };
            let cost = functions.entry(function).or_default();
            match called {
                None => add(cost.own.entry(place).or_default(), &values),
                // A call that the stack holds twice, in a recursion, costs once.
                Some((callee, line)) if seen.insert((function, place, callee)) => {
                    let call = cost.calls.entry((place, callee)).or_default();
                    if call.line == 0 || (line != 0 && line < call.line) {
                        call.line = line;
                    }
                    call.seen += self.seen(sample);
                    add(&mut call.cost, &values);
                }
                Some(_) => {}
            }
            let line = location.frames.last().map_or(0, |frame| frame.line);
            called = Some((function, line));
        }
    }

    /// In how many samples a stack was seen, where that is known.
    fn seen(&self, sample: &Sample) -> i64 {
        let counted = self.types.iter().position(|kind| kind.name == "samples");
        counted.and_then(|at| sample.values.get(at).copied()).unwrap_or(1)
    }

    fn place<'a>(&'a self, location: &'a Location) -> Option<(Function<'a>, Place<'a>)> {
        let (inner, outer) = (location.frames.first()?, location.frames.last()?);
        let Frame { function, file, .. } = outer;
        Some(((self.object(location), file, function), (&inner.file, inner.line)))
    }
}

fn add(sums: &mut Vec<i64>, values: &[i64]) {
    sums.resize(values.len().max(sums.len()), 0);
    for (sum, value) in sums.iter_mut().zip(values) {
        *sum += value;
    }
}

fn numbers(values: &[i64]) -> String {
    let numbers: Vec<_> = values.iter().map(i64::to_string).collect();
    numbers.join(" ")
}

/// Names are written once and numbered from then on.
#[derive(Debug, Default)]
struct Names<'a> {
    objects: HashMap<&'a str, usize>,
    files: HashMap<&'a str, usize>,
    functions: HashMap<Function<'a>, usize>,
}

impl<'a> Names<'a> {
    fn function(&mut self, text: &mut String, function: &Function<'a>, cost: &Cost<'a>) {
        let (object, file, _) = *function;
        line(text, &format!("\nob={}", self.object(object)));
        line(text, &format!("fl={}", self.file(file)));
        line(text, &format!("fn={}", self.name(function)));
        let mut current = file;
        for ((at, number), values) in &cost.own {
            self.move_to(text, &mut current, file, at);
            line(text, &format!("{number} {}", numbers(values)));
        }
        for (((at, number), callee), call) in &cost.calls {
            self.move_to(text, &mut current, file, at);
            line(text, &format!("cob={}", self.object(callee.0)));
            line(text, &format!("cfi={}", self.file(callee.1)));
            line(text, &format!("cfn={}", self.name(callee)));
            line(text, &format!("calls={} {}", call.seen, call.line));
            line(text, &format!("{number} {}", numbers(&call.cost)));
        }
    }

    /// Changes the source file: `fi` into another one's, `fe` back to the function's own.
    fn move_to(&mut self, text: &mut String, now: &mut &'a str, own: &str, wanted: &'a str) {
        if *now != wanted {
            let key = if wanted == own { "fe" } else { "fi" };
            line(text, &format!("{key}={}", self.file(wanted)));
            *now = wanted;
        }
    }

    fn object(&mut self, object: &'a str) -> String {
        short(&mut self.objects, object, if object.is_empty() { "???" } else { object })
    }

    fn file(&mut self, file: &'a str) -> String {
        short(&mut self.files, file, if file.is_empty() { "???" } else { file })
    }

    /// Functions of one name in different files are different functions: each has its own number.
    fn name(&mut self, function: &Function<'a>) -> String {
        short(&mut self.functions, *function, function.2)
    }
}

fn short<K: Eq + std::hash::Hash>(known: &mut HashMap<K, usize>, key: K, name: &str) -> String {
    let next = known.len() + 1;
    if let Some(number) = known.get(&key) {
        return format!("({number})");
    }
    known.insert(key, next);
    format!("({next}) {name}")
}

fn line(text: &mut String, line: &str) {
    // Writing to a string does not fail.
    writeln!(text, "{line}").unwrap_or_default();
}
