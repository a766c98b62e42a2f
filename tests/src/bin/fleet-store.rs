//! Fills the store of a fleet, whose coordinator is stopped, with what some weeks of many agents
//! leave, and reports what it wrote.
//!
//! `fleet-store --dir DIR --hunts 500 --rows 1000000` prints a table; DIR is the coordinator's
//! `data` folder.

use std::path::PathBuf;

use clap::Parser;
use tests::stored::{Plan, fill};

/// Fills a store.
#[derive(Debug, Parser)]
struct Typed {
    #[command(flatten)]
    plan: Plan,
    /// The folder of the store.
    #[arg(long)]
    dir: PathBuf,
}

fn main() {
    let typed = Typed::parse();
    println!("| stored | how many | s |\n|---|---|---|");
    for step in fill(&typed.plan, &typed.dir) {
        println!("| {} | {} | {:.1} |", step.what, step.count, step.took.as_secs_f64());
    }
}
