//! What of a stack is shown: without the plumbing of Rust's own library and of the async runtime, or all of it.
//!
//! Plumbing calls a function and adds nothing to what it does: `catch_unwind`, `call_once`, the start of a thread, a
//! task's `poll` on its way through the runtime. It is dropped, and what it costs itself is its caller's. A stack that
//! has nothing else, such as that of an idle worker of the runtime, keeps the innermost one, so that it has a name.

use super::module::Frame;
use super::naming::{is_of_runtime, last_name, package, path};
use super::profile::{Profile, Sample, Step};

/// Whether plumbing is shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Plumbing {
    /// It is not.
    #[default]
    Folded,
    /// Every frame is.
    Shown,
}

/// Functions of Rust's own library that only call what they were given.
const CALLS: [&str; 15] = [
    "__rust_begin_short_backtrace",
    "__rust_end_short_backtrace",
    "call",
    "call_mut",
    "call_once",
    "call_once_force",
    "catch_unwind",
    "do_call",
    "lang_start",
    "lang_start_internal",
    "poll",
    "spawn_unchecked",
    "spawn_unchecked_",
    "thread_start",
    "try",
];
/// Modules of it in which every function is plumbing.
const MODULES: [&str; 7] = [
    "core::ops::function::",
    "core::panic::unwind_safe::",
    "std::rt::",
    "std::sys::thread::",
    "std::thread::lifecycle::",
    "std::thread::local::",
    "std::thread::scoped::",
];
/// What C has between the kernel and the start of a thread, and Rust for panics.
const STARTS: [&str; 4] = ["_start", "__libc_start_main", "__libc_start_call_main", "__rust_try"];

/// The stacks of a profile, as a view shows them.
#[derive(Debug)]
pub struct Folding<'a> {
    profile: &'a Profile,
    /// Of each frame of each location whether it is plumbing; `None` where all is shown.
    marks: Option<Vec<Vec<bool>>>,
}

impl Profile {
    /// Returns the stacks as a view shows them.
    pub fn folding(&self, plumbing: Plumbing) -> Folding<'_> {
        let marks = (plumbing == Plumbing::Folded).then(|| {
            let of = |frames: &[Frame]| frames.iter().map(is_plumbing).collect();
            self.locations.iter().map(|location| of(&location.frames)).collect()
        });
        Folding { profile: self, marks }
    }
}

impl<'a> Folding<'a> {
    /// Returns the steps of a sample that are shown, leaf first.
    pub fn steps(&self, sample: &'a Sample) -> Vec<Step<'a>> {
        let mut steps: Vec<Step<'a>> = self.profile.steps(sample).collect();
        let Some(marks) = &self.marks else { return steps };
        let marks = sample.stack.iter().filter_map(|at| marks.get(*at)).flatten().copied();
        let marks: Vec<bool> = marks.collect();
        let Some(innermost) = marks.iter().position(|mark| *mark) else { return steps };
        // What calls the start of a thread is C's, and mostly has no name.
        let outermost = steps.iter().rposition(|step| package(&step.frame.function).is_some());
        let started = outermost.filter(|at| marks.get(*at) == Some(&true));
        let inner = steps.iter().zip(&marks).take(started.unwrap_or(steps.len()));
        let shown = inner.filter(|(_, mark)| !**mark).map(|(step, _)| *step);
        let shown: Vec<Step<'a>> = shown.collect();
        if shown.iter().any(|step| is_telling(step.frame)) {
            return shown;
        }
        steps.truncate(innermost + 1);
        steps
    }
}

/// Whether a frame says what a stack does: it is of Rust, but not of its own library.
fn is_telling(frame: &Frame) -> bool {
    package(&frame.function).is_some() && !frame.is_of_std()
}

fn is_plumbing(frame: &Frame) -> bool {
    let function = frame.function.as_str();
    let path = path(function);
    // The one that the linker knows; a function of ours has a path.
    if STARTS.contains(&path) || (path == "main" && frame.file.is_empty()) {
        return true;
    }
    match package(path) {
        Some("core" | "alloc" | "std") => {
            MODULES.iter().any(|module| path.starts_with(module))
                || CALLS.contains(&last_name(function))
        }
        Some(_) => is_of_runtime(path),
        None => false,
    }
}

#[cfg(test)]
mod tests;
