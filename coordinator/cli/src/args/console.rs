//! The command line of `muster console`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// Flags of `console`.
#[derive(Debug, Args)]
pub struct Console {
    /// Where the pages are served: an address of this machine alone.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:7412")]
    pub listen: String,
    /// Open them in the browser.
    #[arg(long)]
    pub open: bool,
    /// Sign nothing and change nothing, whatever the page asks for.
    #[arg(long)]
    pub read_only: bool,
    /// Where a launch is confirmed.
    #[arg(long, value_name = "WHERE", value_enum, default_value = "page")]
    pub confirm: Confirm,
    /// The folder that the programs of profiles were built from: their lines are shown beside what they cost.
    #[arg(long, value_name = "DIR")]
    pub source: Option<PathBuf>,
}

/// Where a launch is confirmed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Confirm {
    /// By the button below the review.
    Page,
    /// By Enter on the terminal, which shows the review, too.
    Terminal,
}
