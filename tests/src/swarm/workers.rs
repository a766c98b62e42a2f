//! Processes that run the agents: a process may hold only so many open files, so that thousands of agents take several.

use std::io::{BufRead, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;
use std::{fs, io};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio_util::sync::CancellationToken;

use crate::attack::cost::peak_rss;

/// Agents of one worker at most.
const AGENTS_PER_WORKER: usize = 1_000;
/// Open files of a worker without agents.
const DESCRIPTORS: u64 = 200;
/// Open files of one agent, with one to spare: 13.05 were counted with 400 agents.
const DESCRIPTORS_PER_AGENT: u64 = 14;

/// The running workers.
#[derive(Debug)]
pub(super) struct Workers(Vec<Child>);

impl Workers {
    /// Starts an agent for every bundle below a folder, in as many workers as they take.
    pub(super) fn start(bundles: &Path) -> Self {
        let folders = fs::read_dir(bundles).expect("bundles").flatten().map(|entry| entry.path());
        let folders: Vec<_> = folders.collect();
        let workers = folders.chunks(AGENTS_PER_WORKER).map(|folders| {
            let this = std::env::current_exe().expect("a program");
            let mut command = Command::new(this);
            let child = command.arg("--worker").stdin(Stdio::piped()).spawn().expect("a worker");
            let mut input = child.stdin.as_ref().expect("an input");
            for folder in folders {
                writeln!(input, "{}", folder.display()).expect("a worker that reads");
            }
            child
        });
        Self(workers.collect())
    }

    /// Returns the peak resident memory of all workers together, in bytes.
    pub(super) fn peak_rss(&self) -> u64 {
        self.0.iter().map(|child| peak_rss(child.id())).sum()
    }

    /// Ends all agents.
    pub(super) fn stop(mut self) {
        for child in &mut self.0 {
            drop(child.stdin.take());
        }
        for mut child in self.0 {
            assert!(child.wait().expect("an end").success(), "an agent ended with a panic");
        }
    }
}

/// Runs one worker: an agent for every line of stdin, which is the folder of its bundle, until stdin ends.
///
/// # Panics
/// When a bundle does not read, or an agent panics.
pub fn work() {
    allow_descriptors();
    let stop = CancellationToken::new();
    let lines = io::stdin().lock().lines();
    let agents: Vec<_> =
        lines.map(|line| start(Path::new(&line.expect("a line")), stop.clone())).collect();
    stop.cancel();
    for agent in agents {
        agent.join().expect("an agent that ends without a panic");
    }
}

/// Starts an agent on a thread with a runtime of its own.
fn start(bundle: &Path, stop: CancellationToken) -> JoinHandle<()> {
    let mut config = agent::Config::load(&bundle.join("agent.toml")).expect("a bundle that reads");
    config.shares_process = true;
    let body = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let stop = async move { stop.cancelled().await };
        if let Err(error) = runtime.expect("a runtime").block_on(agent::run(config, stop)) {
            eprintln!("an agent ended: {error}");
        }
    };
    let thread = std::thread::Builder::new().name("agent".into()).stack_size(1 << 20);
    thread.spawn(body).expect("a thread")
}

/// Raises the limit of open files to what a full worker needs.
///
/// # Panics
/// When the limit cannot be raised so far; only root may go beyond the hard limit.
fn allow_descriptors() {
    let need = DESCRIPTORS + DESCRIPTORS_PER_AGENT * AGENTS_PER_WORKER as u64;
    let held = getrlimit(Resource::Nofile);
    if held.current.is_none_or(|current| current >= need) {
        return;
    }
    let maximum = held.maximum.map(|maximum| maximum.max(need));
    let raised = setrlimit(Resource::Nofile, Rlimit { current: Some(need), maximum });
    raised.unwrap_or_else(|error| panic!("a worker needs {need} open files: {error}"));
}
