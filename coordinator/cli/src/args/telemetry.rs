//! The command line of `muster telemetry`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use crate::parse;
use muster_protocol::when::Moment;

/// Verbs of `telemetry`.
#[derive(Debug, Subcommand)]
pub enum Telemetry {
    /// Draw what one agent cost: CPU, memory, reads; with the hunts and profiles that ran meanwhile.
    #[command(after_help = "Examples:\n  muster telemetry show web-1\n  \
        muster telemetry show web-1 --since 2h -o web-1.svg\n  \
        muster telemetry show web-1 --since 2026-01-31T10:00:00Z --until 2026-01-31T11:00:00Z\n  \
        muster telemetry show --coordinator --since 1d --output csv\n\n\
        Kept: every sample for 2 hours, minutes for 2 days, hours for 90 days, each with its least, mean and greatest.\n\
        A picture for a mail: -o web-1.png, where the package librsvg2-bin is installed")]
    Show(Show),
    /// List agents by what they cost now, with the fleet's median and its worst.
    #[command(after_help = "Examples:\n  muster telemetry top\n  \
        muster telemetry top --sort rss --limit 10\n  muster telemetry top --watch\n  \
        muster telemetry top --output csv")]
    Top(Top),
    /// List what the agents cost together over time: quantiles by minute, of longer spans by hour.
    #[command(after_help = "Examples:\n  muster telemetry fleet\n  \
        muster telemetry fleet --since 1d\n  muster telemetry fleet --since 30d --output csv")]
    Fleet(Fleet),
}

/// Flags of `telemetry fleet`.
#[derive(Debug, Args)]
pub struct Fleet {
    /// From when: how long ago (`90s`, `2h`, `7d`) or a time (`2026-01-31T10:00:00Z`).
    #[arg(long, alias = "last", default_value = "1h", value_name = "TIME")]
    pub since: Moment,
    /// Until when, in the same forms [default: now].
    #[arg(long, value_name = "TIME")]
    pub until: Option<Moment>,
}

/// Flags of `telemetry show`.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("whose").required(true).args(["agent", "coordinator"]))]
pub struct Show {
    /// The agent, or the unique beginning of its id.
    pub agent: Option<String>,
    /// The coordinator itself.
    #[arg(long)]
    pub coordinator: bool,
    /// From when: how long ago (`90s`, `2h`, `7d`) or a time (`2026-01-31T10:00:00Z`).
    #[arg(long, alias = "last", default_value = "15m", value_name = "TIME")]
    pub since: Moment,
    /// Until when, in the same forms [default: now].
    #[arg(long, value_name = "TIME")]
    pub until: Option<Moment>,
    /// Write a picture, `.svg` or `.png`; `-` for stdout, as SVG.
    #[arg(long, short, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

/// What `telemetry top` sorts by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Sort {
    /// CPU.
    #[default]
    Cpu,
    /// Resident memory.
    Rss,
    /// Bytes read a second.
    Read,
    /// Bytes written a second.
    Written,
    /// What waits in the outbox.
    Outbox,
}

/// Flags of `telemetry top`.
#[derive(Debug, Args)]
pub struct Top {
    /// The figure that counts.
    #[arg(long, value_enum, default_value_t)]
    pub sort: Sort,
    /// How many agents [default: all; with --watch what fits the screen].
    #[arg(long, value_name = "N")]
    pub limit: Option<usize>,
    /// Show it again and again, until ctrl-c [default: every 2 s].
    #[arg(long, value_name = "TIME", num_args = 0..=1, default_missing_value = "2s", value_parser = parse::seconds)]
    pub watch: Option<u32>,
}
