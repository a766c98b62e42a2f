//! Runs many real agents in a few processes against a real broker and coordinator; the exit code is the verdict.

use std::process::ExitCode;

use clap::Parser;
use muster_runtime::trace;
use tests::swarm::{report, run, workers};

/// Runs many real agents in a few processes, hunts with them, and checks that every row is stored once.
#[derive(Debug, Parser)]
#[command(
    name = "muster-swarm",
    version,
    after_help = "Examples:\n  muster-swarm --agents 200 --files 200\n  \
                  muster-swarm --agents 50 --files 1000 --hunts 3 --profiles 5\n\n\
                  Exit codes: 0 everything stored once · 2 something lost, doubled or wrong · 101 a part did not come up"
)]
struct Typed {
    #[command(flatten)]
    plan: run::Plan,
    /// Run agents for the bundles that stdin names: how the swarm starts its own workers.
    #[arg(long, hide = true)]
    worker: bool,
}

fn main() -> ExitCode {
    let typed = Typed::parse();
    trace::start("warn", trace::Format::Text, muster_broker::LOG_TARGET);
    if typed.worker {
        workers::work();
        return ExitCode::SUCCESS;
    }
    let outcome = run::run(&typed.plan);
    println!("{}", report::markdown(&typed.plan, &outcome));
    if outcome.is_clean() { ExitCode::SUCCESS } else { ExitCode::from(2) }
}
