//! The command line of `muster profile`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use common::limits::{PROFILE_HERTZ_MAX, PROFILE_SECONDS_MAX};

use crate::cli::parse;
use crate::profiles::views::top::By;

/// Verbs of `profile`.
#[derive(Debug, Subcommand)]
pub enum Profile {
    /// Profile agents (or the coordinator) now, wait, and print where the time went.
    #[command(after_help = "Examples:\n  muster profile take --agent web-1\n  \
        muster profile take --agent web-1 --seconds 30 --hertz 199\n  \
        muster profile take --coordinator --seconds 10")]
    Take(Take),
    /// List profiles, the newest first.
    #[command(
        after_help = "Examples:\n  muster profile list\n  muster profile list --output jsonl"
    )]
    List,
    /// Show one profile: its window, its samples, what became of it on each agent.
    #[command(after_help = "Examples:\n  muster profile show 0199\n  \
        muster profile show 0199 --output json")]
    Show {
        /// The profile, or the unique beginning of its id.
        profile: String,
    },
    /// Cancel a profile: what was sampled until then is kept, and marked partial.
    #[command(after_help = "Examples:\n  muster profile cancel 0199\n  \
        muster profile cancel 0199 && muster profile show 0199")]
    Cancel {
        /// The profile, or the unique beginning of its id.
        profile: String,
    },
    /// Print what cost most: functions, lines, files, modules, threads, hunts.
    #[command(after_help = "Examples:\n  muster profile top 0199\n  \
        muster profile top 0199 --agent web-1 --limit 50\n  \
        muster profile top 0199 --by hunt")]
    Top(Top),
    /// Draw a flame graph: an SVG file to open in a browser.
    #[command(after_help = "Examples:\n  muster profile flame 0199 -o flame.svg\n  \
        muster profile flame 0199 --agent web-1 -o - | display")]
    Flame(Flame),
    /// Export for other tools.
    #[command(after_help = "Examples:\n  \
        muster profile export 0199 --format pprof -o cpu.pb.gz && go tool pprof -top cpu.pb.gz\n  \
        muster profile export 0199 --format callgrind -o cpu.callgrind && kcachegrind cpu.callgrind\n  \
        muster profile export 0199 --format folded -o -")]
    Export(Export),
}

/// Flags of `profile take`.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("whom").required(true).args(["agents", "target", "coordinator"]))]
pub struct Take {
    /// Agents, by id or its unique beginning.
    #[arg(long, visible_alias = "agent", value_name = "A,B", value_delimiter = ',')]
    pub agents: Vec<String>,
    /// Every agent that matches an expression.
    #[arg(long, value_name = "EXPR")]
    pub target: Option<String>,
    /// The coordinator itself.
    #[arg(long)]
    pub coordinator: bool,
    /// A part of the target: `5%`.
    #[arg(long, value_name = "SHARE", value_parser = parse::share_ppm, requires = "target")]
    pub sample: Option<u32>,
    /// Length of the window.
    #[arg(long, default_value_t = 10, value_name = "S",
          value_parser = clap::value_parser!(u32).range(1..=i64::from(PROFILE_SECONDS_MAX)))]
    pub seconds: u32,
    /// Samples a second of CPU time.
    #[arg(long, default_value_t = 99, value_name = "HZ",
          value_parser = clap::value_parser!(u32).range(1..=i64::from(PROFILE_HERTZ_MAX)))]
    pub hertz: u32,
    /// How long an agent that is away may still begin.
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = parse::validity_ms)]
    pub expires: i64,
    /// Stop waiting after this time, with exit 124 [default: the window and 60 s].
    #[arg(long, value_name = "TIME", value_parser = parse::seconds)]
    pub wait: Option<u32>,
    /// Print the id and do not wait.
    #[arg(long)]
    pub detach: bool,
}

/// Which blob of a profile.
#[derive(Debug, Args)]
pub struct Blob {
    /// The profile, or the unique beginning of its id.
    pub profile: String,
    /// Of this agent [default: the first].
    #[arg(long, value_name = "A")]
    pub agent: Option<String>,
    /// Of this kind, where several were taken: `cpu`, `wall`, `heap`.
    #[arg(long, value_name = "KIND")]
    pub kind: Option<String>,
    /// By this value, where a sample has several: `cpu`, `samples`, `inuse_space`.
    #[arg(long, value_name = "TYPE")]
    pub value: Option<String>,
}

/// Flags of `profile top`.
#[derive(Debug, Args)]
pub struct Top {
    /// Which.
    #[command(flatten)]
    pub blob: Blob,
    /// What to add up.
    #[arg(long, value_enum, default_value = "function")]
    pub by: By,
    /// How many rows.
    #[arg(long, default_value_t = 25, value_name = "N")]
    pub limit: usize,
}

/// Flags of `profile flame`.
#[derive(Debug, Args)]
pub struct Flame {
    /// Which.
    #[command(flatten)]
    pub blob: Blob,
    /// The file to write; `-` for stdout.
    #[arg(long, short, value_name = "FILE")]
    pub out: PathBuf,
}

/// Flags of `profile export`.
#[derive(Debug, Args)]
pub struct Export {
    /// Which.
    #[command(flatten)]
    pub blob: Blob,
    /// The format.
    #[arg(long, value_enum, default_value = "pprof")]
    pub format: ExportFormat,
    /// The file to write; `-` for stdout [default: PROFILE and the format's ending].
    #[arg(long, short, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

/// What a profile can be exported as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ExportFormat {
    /// Gzipped protobuf, with names and lines: `go tool pprof`.
    Pprof,
    /// Folded stacks: a line a stack.
    Folded,
    /// For kcachegrind and `callgrind_annotate`, with lines.
    Callgrind,
    /// For speedscope.
    Speedscope,
}
