//! The command line of `muster profile`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use muster_protocol::limits::{PROFILE_HERTZ_MAX, PROFILE_SECONDS_MAX};
use muster_protocol::request::profile::ProfileKind;
use muster_protocol::when::Moment;

use super::profile_kind;
use crate::parse;
use muster_api::By;

/// Verbs of `profile`.
#[derive(Debug, Subcommand)]
pub enum Profile {
    /// Profile agents (or the coordinator) now, wait, and print where the time went.
    #[command(after_help = "Examples:\n  muster profile take --agent web-1\n  \
        muster profile take --agent web-1 --seconds 30 --hertz 199\n  \
        muster profile take --agent web-1 --kind cpu,wall\n  \
        muster profile take --agent web-1 --while 0177 --kind cpu,wall\n  \
        muster profile take --agent web-1 --seconds 20 --repeat 60s --for 1h\n  \
        muster profile take --coordinator --seconds 10\n  \
        muster profile take --draft draft.json")]
    Take(Take),
    /// List profiles, the newest first.
    #[command(after_help = "Examples:\n  muster profile list\n  \
        muster profile list --agent web-1 --since 24h\n  \
        muster profile list --hunt 0177 --kind wall\n  \
        muster profile list --output jsonl")]
    List(List),
    /// Show one profile: its window, its samples, what became of it on each agent; or what an agent told.
    #[command(after_help = "Examples:\n  muster profile show 0199\n  \
        muster profile show 0199 --output json\n  \
        muster profile show 0199 --kind tasks\n  \
        muster profile show 0199 --kind logs --agent web-1")]
    Show(Show),
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
        muster profile export 0199 --format folded -o -\n  \
        muster profile export 0199 --kind tasks -o tasks.json")]
    Export(Export),
    /// Put everything that was taken into one archive, for a report.
    #[command(after_help = "Examples:\n  muster profile bundle 0199\n  \
        muster profile bundle 0199 --agent web-1 -o report.tar.gz\n  \
        muster profile bundle 0199 -o - | tar tzv")]
    Bundle(Bundle),
    /// Print the call tree: callers above what they call.
    #[command(after_help = "Examples:\n  muster profile tree 0199\n  \
        muster profile tree 0199 --depth 8 --min 5%")]
    Tree(Tree),
    /// Print source lines with what they cost.
    #[command(after_help = "Examples:\n  muster profile lines 0199 --source ~/muster\n  \
        muster profile lines 0199 --source ~/muster --file walk.rs --context 5")]
    Lines(Lines),
    /// Compare two profiles: which functions take a larger share than before, which a smaller one.
    #[command(after_help = "Examples:\n  muster profile diff 0199 01a2\n  \
        muster profile diff 0199/web-1 01a2/web-2 --kind wall\n  \
        muster profile diff 0199 01a2 --kind wall --hunt 0177,0178\n  \
        muster profile diff 0199 01a2 -o diff.svg")]
    Diff(Diff),
    /// Make one of many: of all agents of a profile, of a hunt, of a label, of the last hours.
    #[command(after_help = "Examples:\n  muster profile merge 0199 01a2\n  \
        muster profile merge --hunt 0177 --format flame -o fleet.svg\n  \
        muster profile merge --label role=db --since 24h --by module")]
    Merge(Merge),
}

/// Flags of `profile take`.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("whom").required(true).args(["agents", "target", "coordinator", "draft"]))]
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
    /// A form that a page wrote: it is reviewed here, signed and launched, and not waited for.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["sample", "kinds", "seconds", "during", "repeat", "length",
          "hertz", "expires", "wait", "detach"])]
    pub draft: Option<PathBuf>,
    /// Sign the draft without asking.
    #[arg(long, requires = "draft")]
    pub yes: bool,
    /// A part of the target: `5%`.
    #[arg(long, value_name = "SHARE", value_parser = parse::share_ppm, requires = "target")]
    pub sample: Option<u32>,
    /// What to take, all over the same window. An agent declines what it does not offer.
    #[arg(
        long = "kind",
        visible_alias = "kinds",
        value_name = "KIND,…",
        value_delimiter = ',',
        default_value = "cpu",
        value_parser = profile_kind::parser()
    )]
    pub kinds: Vec<ProfileKind>,
    /// Length of the window [default: 10, with --while 600].
    #[arg(long, value_name = "S",
          value_parser = clap::value_parser!(u32).range(1..=i64::from(PROFILE_SECONDS_MAX)))]
    pub seconds: Option<u32>,
    /// From the moment this hunt begins on the agent until it ends there, at most --seconds. An agent on which it runs
    /// already begins at once; one on which it is over fails with `no_hunt`.
    #[arg(long = "while", value_name = "HUNT", conflicts_with = "coordinator")]
    pub during: Option<String>,
    /// Take one after another, one each time that so long has passed; the command stays, ctrl-c ends it.
    #[arg(long, value_name = "TIME", value_parser = parse::seconds, requires = "length",
          conflicts_with_all = ["during", "detach", "wait"])]
    pub repeat: Option<u32>,
    /// For how long to repeat.
    #[arg(long = "for", value_name = "TIME", value_parser = parse::seconds, requires = "repeat")]
    pub length: Option<u32>,
    /// Samples a second and thread.
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

impl Take {
    /// Returns the longest time that the window can be open.
    pub fn window_s(&self) -> u32 {
        let usual = if self.during.is_some() { PROFILE_SECONDS_MAX } else { 10 };
        self.seconds.unwrap_or(usual)
    }
}

/// Flags of `profile list`.
#[derive(Debug, Args)]
pub struct List {
    /// Only profiles of this agent, by id or its unique beginning.
    #[arg(long, value_name = "A")]
    pub agent: Option<String>,
    /// Only profiles that were taken while this hunt ran, or of it.
    #[arg(long, value_name = "HUNT")]
    pub hunt: Option<String>,
    /// Only profiles with some of these kinds.
    #[arg(long, value_name = "KIND,…", value_delimiter = ',', value_parser = profile_kind::parser())]
    pub kind: Vec<ProfileKind>,
    /// Only profiles that this operator signed.
    #[arg(long, value_name = "NAME")]
    pub operator: Option<String>,
    /// Only profiles signed since then: `24h` ago, or a time.
    #[arg(long, value_name = "WHEN", value_parser = Moment::with_unit)]
    pub since: Option<Moment>,
    /// How many [default: all].
    #[arg(long, value_name = "N")]
    pub limit: Option<usize>,
}

/// Flags of `profile show`.
#[derive(Debug, Args)]
pub struct Show {
    /// The profile, or the unique beginning of its id.
    pub profile: String,
    /// What an agent told: `tasks`, `metrics` or `logs`.
    #[arg(long, value_name = "KIND", value_parser = profile_kind::parser())]
    pub kind: Option<ProfileKind>,
    /// Of this agent [default: the first].
    #[arg(long, value_name = "A", requires = "kind")]
    pub agent: Option<String>,
}

/// Which blob of a profile.
#[derive(Debug, Args)]
pub struct Blob {
    /// The profile, or the unique beginning of its id.
    pub profile: String,
    /// Of this agent [default: the first].
    #[arg(long, value_name = "A")]
    pub agent: Option<String>,
    /// Of this kind [default: cpu, else the first that was taken].
    #[arg(long, value_name = "KIND", value_parser = profile_kind::parser())]
    pub kind: Option<ProfileKind>,
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
    /// Show the frames of Rust's own library and of the async runtime, too.
    #[arg(long)]
    pub all_frames: bool,
}

/// Flags of `profile flame`.
#[derive(Debug, Args)]
pub struct Flame {
    /// Which.
    #[command(flatten)]
    pub blob: Blob,
    /// The file to write, SVG or PNG by its ending; `-` for stdout [default: a pipe gets it, else PROFILE.svg].
    #[arg(long, short, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Show the frames of Rust's own library and of the async runtime, too.
    #[arg(long)]
    pub all_frames: bool,
}

/// Flags of `profile tree`.
#[derive(Debug, Args)]
pub struct Tree {
    /// Which.
    #[command(flatten)]
    pub blob: Blob,
    /// How many levels.
    #[arg(long, default_value_t = 64, value_name = "N")]
    pub depth: usize,
    /// The smallest part of the whole that is shown.
    #[arg(long, default_value = "1%", value_name = "SHARE", value_parser = parse::share_ppm)]
    pub min: u32,
    /// Show the frames of Rust's own library and of the async runtime, too.
    #[arg(long)]
    pub all_frames: bool,
}

/// Flags of `profile lines`.
#[derive(Debug, Args)]
pub struct Lines {
    /// Which.
    #[command(flatten)]
    pub blob: Blob,
    /// The folder that the program was built from; no file outside it is opened.
    #[arg(long, value_name = "DIR")]
    pub source: PathBuf,
    /// Only files whose path ends so.
    #[arg(long, value_name = "END")]
    pub file: Option<String>,
    /// Lines around each that cost something.
    #[arg(long, default_value_t = 2, value_name = "N")]
    pub context: u32,
}

/// Flags of `profile diff`.
#[derive(Debug, Args)]
pub struct Diff {
    /// The earlier profile: `ID`, or `ID/AGENT` for one agent of it.
    pub before: String,
    /// The later one.
    pub after: String,
    /// Only what was done for a hunt: `H`, or `BEFORE,AFTER` where each profile is of a hunt of its own.
    #[arg(long, value_name = "H", value_delimiter = ',')]
    pub hunt: Vec<String>,
    /// Of this kind [default: cpu].
    #[arg(long, value_name = "KIND", value_parser = profile_kind::parser())]
    pub kind: Option<ProfileKind>,
    /// By this value, where a sample has several.
    #[arg(long, value_name = "TYPE")]
    pub value: Option<String>,
    /// How many rows.
    #[arg(long, default_value_t = 25, value_name = "N")]
    pub limit: usize,
    /// Show the frames of Rust's own library and of the async runtime, too.
    #[arg(long)]
    pub all_frames: bool,
    /// Draw a flame graph in red and blue into this file instead; `-` for stdout.
    #[arg(long, short, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

/// Flags of `profile merge`.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("which").required(true).multiple(true)
    .args(["profiles", "hunt", "labels", "agents", "target", "since"]))]
pub struct Merge {
    /// Profiles: `ID`, or `ID/AGENT` for one agent of it [default: all that fit].
    pub profiles: Vec<String>,
    /// Only what was done for this hunt.
    #[arg(long, value_name = "H")]
    pub hunt: Option<String>,
    /// Only of agents with this label: `k=v`.
    #[arg(long = "label", value_name = "K=V")]
    pub labels: Vec<String>,
    /// Only of these agents.
    #[arg(long, visible_alias = "agent", value_name = "A,B", value_delimiter = ',')]
    pub agents: Vec<String>,
    /// Only of agents that match an expression: `version:0.1.*`.
    #[arg(long, value_name = "EXPR")]
    pub target: Option<String>,
    /// Only profiles that were asked for so long ago at most.
    #[arg(long, value_name = "TIME", value_parser = parse::seconds)]
    pub since: Option<u32>,
    /// Of this kind [default: cpu].
    #[arg(long, value_name = "KIND", value_parser = profile_kind::parser())]
    pub kind: Option<ProfileKind>,
    /// By this value, where a sample has several.
    #[arg(long, value_name = "TYPE")]
    pub value: Option<String>,
    /// What to make of it.
    #[arg(long, value_enum, default_value = "top")]
    pub format: MergeFormat,
    /// What `top` adds up.
    #[arg(long, value_enum, default_value = "function")]
    pub by: By,
    /// How many rows of `top`.
    #[arg(long, default_value_t = 25, value_name = "N")]
    pub limit: usize,
    /// Show the frames of Rust's own library and of the async runtime, too.
    #[arg(long)]
    pub all_frames: bool,
    /// The file to write; `-` for stdout [default: a pipe gets it, else merged and the format's ending].
    #[arg(long, short, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

/// What a merged profile can be shown as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum MergeFormat {
    /// A list of what cost most.
    Top,
    /// A flame graph: an SVG file.
    Flame,
    /// Gzipped protobuf, with names and lines.
    Pprof,
    /// Folded stacks.
    Folded,
    /// For kcachegrind.
    Callgrind,
    /// For speedscope.
    Speedscope,
}

/// Flags of `profile export`.
#[derive(Debug, Args)]
pub struct Export {
    /// Which.
    #[command(flatten)]
    pub blob: Blob,
    /// The format [default: pprof; raw for tasks, metrics and logs].
    #[arg(long, value_enum)]
    pub format: Option<ExportFormat>,
    /// The file to write; `-` for stdout [default: a pipe gets it, else PROFILE and the format's ending].
    #[arg(long, short, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

/// Flags of `profile bundle`.
#[derive(Debug, Args)]
pub struct Bundle {
    /// The profile, or the unique beginning of its id.
    pub profile: String,
    /// Only what this agent sent.
    #[arg(long, value_name = "A")]
    pub agent: Option<String>,
    /// The file to write; `-` for stdout [default: a pipe gets it, else PROFILE.tar.gz].
    #[arg(long, short, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

/// What a profile can be exported as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ExportFormat {
    /// As the agent sent it: pprof without names, or JSON.
    Raw,
    /// Gzipped protobuf, with names and lines: `go tool pprof`.
    Pprof,
    /// Folded stacks: a line a stack.
    Folded,
    /// For kcachegrind and `callgrind_annotate`, with lines.
    Callgrind,
    /// For speedscope.
    Speedscope,
}
