//! The command line of `muster hunt`.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::{Args, Subcommand, ValueEnum};
use muster_api::{States, archive};
use muster_protocol::artifact;
use muster_protocol::artifact::file_hash::FILE_HASH;
use muster_protocol::when::Moment;

use super::rows::RowFilter;
use super::select::Selection;
use crate::parse;

/// Verbs of `hunt`.
#[derive(Debug, Subcommand)]
pub enum Hunt {
    /// Launch a hunt, watch it, print its rows and what it covered. Ctrl-C detaches.
    #[command(after_help = "Examples:\n  muster hunt run --target label:db --root /usr/bin\n  \
        muster hunt run --agents web-1,web-2 --root /srv --include '*.php' --max-size 10M\n  \
        muster hunt run --root /usr --one-file-system --setuid --changed-newer 7d\n  \
        muster hunt run --root /home --on-stall=30s\n  \
        muster hunt run --root /home --profile cpu,wall:30s@99 --profile-agents 2\n  \
        muster hunt run --root /etc --hash none --output jsonl > etc.jsonl\n  \
        muster hunt run --root /home --root /tmp --ioc bad-hashes.txt --output jsonl | jq 'select(.match)'")]
    Run(Run),
    /// Launch a hunt and print its id.
    #[command(
        after_help = "Examples:\n  muster hunt launch --target all --root /opt --max-cpu 25%\n  \
        muster hunt launch --sealed hunt.sealed\n  \
        muster hunt launch --draft draft.json --ioc bad-hashes.txt"
    )]
    Launch(Launch),
    /// Sign a hunt without launching it; needs no coordinator.
    #[command(after_help = "Examples:\n  \
        muster hunt seal --target all --root /usr/bin --out hunt.sealed\n  \
        muster hunt seal --root /srv --out h.sealed && muster-agent once h.sealed")]
    Seal(Seal),
    /// List hunts, the newest first.
    #[command(after_help = "Examples:\n  muster hunt list\n  \
        muster hunt list --state open --since 7d\n  \
        muster hunt list --search /etc --sort=-rows --limit 10\n  \
        muster hunt list --case IR-2026-14\n  \
        muster hunt list --output jsonl")]
    List(List),
    /// Show what became of a hunt: every state, and the agents that are not finished.
    #[command(
        after_help = "Examples:\n  muster hunt show 0199\n  muster hunt show 0199 --agents\n  \
        muster hunt show 0199 --state failed,incomplete --sort=-errors\n  \
        muster hunt show 0199 --agent web-1"
    )]
    Show(Show),
    /// Show what a hunt cost, and on which agents most.
    #[command(after_help = "Examples:\n  muster hunt costs 0199\n  \
        muster hunt costs 0199 --output json | jq .cpu_ms.worst")]
    Costs {
        /// The hunt, or the unique beginning of its id.
        hunt: String,
    },
    /// Say in sentences why a hunt is where it is: what it waits for, what went wrong, what would change it.
    #[command(after_help = "Examples:\n  muster hunt why 0199\n  \
        muster hunt why 0199 --output json | jq '.findings[] | {kind, agents, try}'")]
    Why {
        /// The hunt, or the unique beginning of its id.
        hunt: String,
    },
    /// Watch a hunt until it ends. Ctrl-C detaches.
    #[command(after_help = "Examples:\n  muster hunt watch 0199\n  \
        muster hunt watch 0199 --wait 10m; echo $?")]
    Watch(Watch),
    /// Print the rows that a hunt has brought so far.
    #[command(after_help = "Examples:\n  muster hunt results 0199\n  \
        muster hunt results 0199 --output jsonl | jq -r .path\n  \
        muster hunt results 0199 --output csv --out rows.csv\n  \
        muster hunt results 0199 --agent web-1 --status denied,io_error\n  \
        muster hunt results 0199 --match --newer 7d --path '*.so'\n  \
        muster hunt results 0199 --where exe_state=deleted    # of a hunt for processes")]
    Results(Box<Results>),
    /// Show what a hunt could not read: by cause, with examples, and the folders that hold most of it.
    #[command(after_help = "Examples:\n  muster hunt errors 0199\n  \
        muster hunt errors 0199 --output json | jq '.causes[] | {name, count, agents}'")]
    Errors {
        /// The hunt, or the unique beginning of its id.
        hunt: String,
    },
    /// List the files that matched and were sent (--upload-matches), or fetch them.
    #[command(after_help = "Examples:\n  muster hunt files 0199\n  \
        muster hunt files 0199 --out evidence && sha256sum evidence/*\n  \
        muster hunt files 0199 --out evidence --zip && unzip -P infected evidence/1f3a*.zip\n\n\
        Each is written under its own SHA-256, which is checked, for its owner alone (mode 0600).")]
    Files(Files),
    /// Show whom a target means now, who is left out, and the way that a hunt would take. Nothing is launched.
    #[command(after_help = "Examples:\n  muster hunt targets 'label:db and not os:windows'\n  \
        muster hunt targets all --sample 5% --output json | jq .facets.state")]
    Targets(Targets),
    /// Print the command that makes a hunt again, or launch it.
    #[command(after_help = "Examples:\n  muster hunt copy 0199\n  muster hunt copy 0199 --run\n\n\
        Moments are those of the first hunt. A list of hashes is named HASHES: give its file.")]
    Copy(Copy),
    /// Give a hunt a name, a note or a case, or change them. Only the coordinator keeps them; an empty text takes one away.
    #[command(
        after_help = "Examples:\n  muster hunt note 0199 --name 'web shells' --case IR-2026-14\n  \
        muster hunt note 0199 --note 'two hits on web-7, imaged'\n  \
        muster hunt note 0199 --case ''"
    )]
    Note(NoteFlags),
    /// Have every agent stop a hunt where it is; it keeps its place, and goes on from there after hunt resume. Waits until the
    /// agents have done so.
    #[command(after_help = "Examples:\n  muster hunt pause 0199\n  \
        muster hunt pause 0199 --wait 0    # do not wait until agents have applied it\n  \
        muster hunt pause 0199 --output json | jq .waiting\n\n\
        An agent that is away applies it when it is back. A pause holds for 30 days.")]
    Pause(Steer),
    /// Let a hunt go on after a pause or a drain.
    #[command(after_help = "Examples:\n  muster hunt resume 0199\n  \
        muster hunt resume 0199 --wait 5m; echo $?")]
    Resume(Steer),
    /// Let what has begun come to its end, and hold the hunt on agents that have not begun.
    #[command(after_help = "Examples:\n  muster hunt drain 0199\n  \
        muster hunt drain 0199 --wait 0\n  \
        muster hunt resume 0199            # let the others begin")]
    Drain(Steer),
    /// End a hunt on every agent before its time; what was collected stays. It is final: no resume undoes it.
    #[command(
        after_help = "Examples:\n  muster hunt cancel 0199\n  muster hunt cancel 0199 --output json"
    )]
    Cancel {
        /// The hunt, or the unique beginning of its id.
        hunt: String,
    },
}

/// Which agents.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Which agents")]
pub struct Which {
    /// An expression: `label:db and not os:windows or host:web-*` [default: all].
    #[arg(long, value_name = "EXPR", conflicts_with = "agents")]
    pub target: Option<String>,
    /// Exactly these, by id.
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    pub agents: Vec<String>,
    /// A part of them, the same whenever the request is evaluated: `5%`.
    #[arg(long, value_name = "SHARE", value_parser = parse::share_ppm, conflicts_with = "agents")]
    pub sample: Option<u32>,
    /// How long agents that are away may still begin: `24h`, at most `30d`.
    #[arg(long, value_name = "TIME", default_value = "24h", value_parser = parse::validity_ms)]
    pub expires: i64,
}

/// What to collect.
#[derive(Debug, Args)]
#[command(next_help_heading = "What to collect")]
#[expect(clippy::struct_excessive_bools, reason = "each is a question of its own to the operator")]
pub struct What {
    /// The artifact: files below the roots, or what runs (`processes`).
    #[arg(long, value_name = "NAME", default_value = FILE_HASH, value_parser = artifacts())]
    pub artifact: String,
    /// A folder or file to walk, absolute; may be repeated.
    #[arg(long = "root", value_name = "PATH")]
    pub roots: Vec<OsString>,
    /// Only files that match; may be repeated. With a `/` against the path below the root (`./a`: directly there), with one
    /// in front against the whole path, else the name.
    #[arg(long, value_name = "GLOB")]
    pub include: Vec<String>,
    /// No files that match, no folders that match; may be repeated.
    #[arg(long, value_name = "GLOB")]
    pub exclude: Vec<String>,
    /// Patterns match letters of either case (ASCII).
    #[arg(long)]
    pub ignore_case: bool,
    /// Levels below a root.
    #[arg(long, value_name = "N")]
    pub max_depth: Option<u32>,
    /// Smallest file: `1k`.
    #[arg(long, value_name = "SIZE", value_parser = parse::size)]
    pub min_size: Option<u64>,
    /// Largest file: `10M`.
    #[arg(long, value_name = "SIZE", value_parser = parse::size)]
    pub max_size: Option<u64>,
    /// Digests, all in one read: sha256, sha512, sha1, md5, blake3, or `none` for a listing [default: sha256, with
    /// --ioc the kinds of its hashes].
    #[arg(long, value_name = "KINDS", value_delimiter = ',', value_enum)]
    pub hash: Vec<Hash>,
    /// Only files whose hash is in this list come back, and every file that could not be judged; may be repeated, `-` is
    /// stdin. Hashes of any kind, one or several a line; also what `sha256sum` or `hashdeep` print, or a CSV.
    #[arg(long, value_name = "FILE")]
    pub ioc: Vec<PathBuf>,
    /// Leave out lines of --ioc that hold no hash, and name them, instead of refusing the list.
    #[arg(long, requires = "ioc")]
    pub ioc_skip_bad: bool,
    /// Have the files that match sent to the coordinator, too, where the policy of the machine allows that
    /// (`max_upload_bytes`): hunt files.
    #[arg(long, requires = "ioc")]
    pub upload_matches: bool,
    /// The biggest file that is sent: `10M`, at most `64M`.
    #[arg(long, value_name = "SIZE", default_value = "10M", value_parser = parse::size, requires = "upload_matches")]
    pub upload_max_file: u64,
    /// What an agent sends in all: `100M`, at most `1G`.
    #[arg(long, value_name = "SIZE", default_value = "100M", value_parser = parse::size, requires = "upload_matches")]
    pub upload_max: u64,
    /// Stay on the file system of each root (`st_dev`, as `find -xdev`).
    #[arg(long)]
    pub one_file_system: bool,
    /// Follow symbolic links below a root, as `find -L`; what a link leads to comes under the link's path.
    #[arg(long)]
    pub follow: bool,
    /// Read every file, also what an agent has hashed before and that has not changed since (status `cached`).
    #[arg(long)]
    pub fresh: bool,
    /// Which file systems to enter.
    #[arg(long, value_enum, default_value = "local")]
    pub fs: FileSystems,
}

/// Takes the name of an artifact.
fn artifacts() -> PossibleValuesParser {
    PossibleValuesParser::new(artifact::ALL.map(|artifact| artifact.schema().artifact))
}

/// A digest, or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Hash {
    /// 32 bytes.
    Sha256,
    /// 64 bytes.
    Sha512,
    /// 32 bytes.
    Blake3,
    /// 20 bytes.
    Sha1,
    /// 16 bytes.
    Md5,
    /// A listing only.
    None,
}

/// Which file systems are entered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FileSystems {
    /// Neither network nor pseudo file systems.
    Local,
    /// Whatever is mounted.
    All,
}

/// Bounds on each agent's work.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Limits on each agent")]
pub struct Bounds {
    /// CPU, percent of one core: `25%`.
    #[arg(long, value_name = "PERCENT", value_parser = parse::percent)]
    pub max_cpu: Option<u32>,
    /// File bytes read, MB/s.
    #[arg(long, value_name = "MB/S", value_parser = parse::mbps)]
    pub max_mbps: Option<u32>,
    /// Files opened a second.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub max_files_per_s: Option<u32>,
    /// Wall time of the run: `1h`.
    #[arg(long, value_name = "TIME", value_parser = parse::seconds)]
    pub timeout: Option<u32>,
    /// Rows that come back.
    #[arg(long, value_name = "N")]
    pub max_rows: Option<u64>,
    /// File bytes read in all: `5G`.
    #[arg(long, value_name = "SIZE", value_parser = parse::size)]
    pub max_bytes: Option<u64>,
    /// Memory that the agent may take beyond what it had when the run began, MB. The run ends where it takes more.
    #[arg(long, value_name = "MB", value_parser = clap::value_parser!(u32).range(1..))]
    pub max_memory: Option<u32>,
    /// Agents begin at a moment of their own within this time: `10m`.
    #[arg(long, value_name = "TIME", value_parser = parse::seconds)]
    pub spread: Option<u32>,
    /// An agent whose part makes no progress for this long profiles it by itself, for 5 s, and sends what it was doing:
    /// `muster profile show HUNT` [default of TIME: 30s].
    #[arg(long, value_name = "TIME", num_args = 0..=1, require_equals = true, default_missing_value = "30s",
          value_parser = parse::seconds)]
    pub on_stall: Option<u32>,
}

/// A whole hunt.
#[derive(Debug, Args)]
pub struct Draft {
    /// Which agents.
    #[command(flatten)]
    pub which: Which,
    /// What to collect.
    #[command(flatten)]
    pub what: What,
    /// Which of it.
    #[command(flatten)]
    pub selection: Box<Selection>,
    /// Bounds.
    #[command(flatten)]
    pub bounds: Bounds,
}

/// Profiles of agents that hunt.
#[derive(Debug, Args)]
#[command(next_help_heading = "Profiles while it runs")]
pub struct Probed {
    /// Profile some of the agents from the moment the hunt begins there until it ends, at most TIME: `cpu,wall:30s@99`
    /// [default of TIME: 30s, of HZ: 99].
    #[arg(long, value_name = "KINDS[:TIME][@HZ]", value_parser = parse::probe)]
    pub profile: Option<parse::Probe>,
    /// How many of them; live ones are chosen.
    #[arg(long, value_name = "N", default_value_t = 3, requires = "profile")]
    pub profile_agents: usize,
}

/// Flags of `hunt run`.
#[derive(Debug, Args)]
pub struct Run {
    /// The hunt.
    #[command(flatten)]
    pub draft: Draft,
    /// What it is called.
    #[command(flatten)]
    pub naming: Box<Naming>,
    /// What to know of the agents meanwhile.
    #[command(flatten)]
    pub probed: Probed,
    /// Write the rows to this file instead of stdout; `-` for stdout.
    #[arg(long, short, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Stop waiting so long after the command began, with exit 124; the hunt goes on.
    #[arg(long, value_name = "TIME", value_parser = parse::seconds)]
    pub wait: Option<u32>,
    /// Send a list of hashes to the fleet, whatever that weighs.
    #[arg(long)]
    pub yes: bool,
    /// Show whom it would be for and how many bytes would be sent; sign and launch nothing.
    #[arg(long)]
    pub dry_run: bool,
}

/// What a draft holds itself.
const NOT_BESIDE_A_DRAFT: [&str; 46] = [
    "name",
    "note",
    "case",
    "sealed",
    "target",
    "agents",
    "sample",
    "expires",
    "artifact",
    "roots",
    "include",
    "exclude",
    "ignore_case",
    "max_depth",
    "min_size",
    "max_size",
    "hash",
    "upload_matches",
    "upload_max_file",
    "upload_max",
    "one_file_system",
    "follow",
    "fresh",
    "fs",
    "newer",
    "older",
    "changed_newer",
    "changed_older",
    "born_newer",
    "born_older",
    "kind",
    "owner",
    "group",
    "setuid",
    "setgid",
    "world_writable",
    "mode",
    "max_cpu",
    "max_mbps",
    "max_files_per_s",
    "timeout",
    "max_rows",
    "max_bytes",
    "max_memory",
    "spread",
    "on_stall",
];

/// Flags of `hunt launch`.
#[derive(Debug, Args)]
pub struct Launch {
    /// The hunt, unless it is sealed already.
    #[command(flatten)]
    pub draft: Draft,
    /// What it is called.
    #[command(flatten)]
    pub naming: Box<Naming>,
    /// A request that `hunt seal` wrote.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["roots", "target", "agents", "ioc"])]
    pub sealed: Option<PathBuf>,
    /// A form that a page wrote: it is reviewed here, signed and launched. Its list of hashes, if it wants one, is --ioc.
    #[arg(long = "draft", value_name = "FILE", conflicts_with_all = NOT_BESIDE_A_DRAFT)]
    pub draft_file: Option<PathBuf>,
    /// Send a list of hashes to the fleet, whatever that weighs; sign a draft without asking.
    #[arg(long)]
    pub yes: bool,
}

/// Flags of `hunt seal`.
#[derive(Debug, Args)]
pub struct Seal {
    /// The hunt.
    #[command(flatten)]
    pub draft: Draft,
    /// Where to write the sealed request; `-` for stdout [default: a pipe gets it, else HUNT.sealed].
    #[arg(long, short, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

/// Flags of `hunt show`.
#[derive(Debug, Args)]
pub struct Show {
    /// The hunt, or the unique beginning of its id.
    pub hunt: String,
    /// List every agent, not only those that did not finish.
    #[arg(long)]
    pub agents: bool,
    /// List the agents in these states, joined by commas.
    #[arg(long, value_name = "STATES", value_delimiter = ',', value_parser = States::WORDS)]
    pub state: Vec<String>,
    /// What comes first; with `-` the greatest [default: agent].
    #[arg(long, value_name = "FIELD", allow_hyphen_values = true, value_parser = parse::sort(&PART_SORTS))]
    pub sort: Option<String>,
    /// Show the part of this agent alone, with every attempt.
    #[arg(long, value_name = "A", conflicts_with_all = ["agents", "state", "sort"])]
    pub agent: Option<String>,
}

/// Orders of a hunt's agents.
const PART_SORTS: [&str; 15] = [
    "agent",
    "host",
    "state",
    "rows",
    "matched",
    "errors",
    "seen",
    "cpu_ms",
    "bytes_read",
    "throttled_ms",
    "started",
    "ended",
    "age_ms",
    "silent_s",
    "attempts",
];

/// Orders of the list of hunts.
const HUNT_SORTS: [&str; 7] =
    ["issued", "targeted", "rows", "matched", "errors", "bytes", "cpu_ms"];

/// How far a hunt is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum HuntState {
    /// It waits, runs, or its results are coming in, on some agent.
    Running,
    /// A pause or a drain holds.
    Paused,
    /// Something may still come.
    Open,
    /// Nothing more is to come by itself.
    Closed,
    /// An operator cancelled it.
    Cancelled,
}

impl HuntState {
    /// Returns the word of the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Open => "open",
            Self::Closed => "closed",
            Self::Cancelled => "cancelled",
        }
    }
}

/// Flags of `hunt list`.
#[derive(Debug, Args)]
pub struct List {
    /// Only hunts in these states, joined by commas.
    #[arg(long, value_name = "STATES", value_enum, value_delimiter = ',')]
    pub state: Vec<HuntState>,
    /// Only hunts that this operator signed.
    #[arg(long, value_name = "NAME")]
    pub operator: Option<String>,
    /// Only hunts whose id begins so, or whose name, case, note, target, first root or operator holds this text.
    #[arg(long, value_name = "TEXT")]
    pub search: Option<String>,
    /// Only hunts whose name holds this text, letters of either case.
    #[arg(long, value_name = "TEXT")]
    pub name: Option<String>,
    /// Only hunts of a case whose id holds this text, letters of either case.
    #[arg(long, value_name = "TEXT")]
    pub case: Option<String>,
    /// Only hunts signed since then: `7d` ago, or a time.
    #[arg(long, value_name = "WHEN", value_parser = Moment::with_unit)]
    pub since: Option<Moment>,
    /// Only hunts signed before then.
    #[arg(long, value_name = "WHEN", value_parser = Moment::with_unit)]
    pub until: Option<Moment>,
    /// What comes first; with `-` the greatest [default: -issued].
    #[arg(long, value_name = "FIELD", allow_hyphen_values = true, value_parser = parse::sort(&HUNT_SORTS))]
    pub sort: Option<String>,
    /// How many hunts [default: all].
    #[arg(long, value_name = "N")]
    pub limit: Option<usize>,
}

/// Flags of `hunt watch`.
#[derive(Debug, Args)]
pub struct Watch {
    /// The hunt, or the unique beginning of its id.
    pub hunt: String,
    /// Stop waiting so long after the command began, with exit 124; the hunt goes on.
    #[arg(long, value_name = "TIME", value_parser = parse::seconds)]
    pub wait: Option<u32>,
}

/// What a hunt is called.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "What it is called")]
pub struct Naming {
    /// A name for people, of the hunt: hunt list --name.
    #[arg(long, value_name = "TEXT")]
    pub name: Option<String>,
    /// Why it is made, or what came of it.
    #[arg(long, value_name = "TEXT")]
    pub note: Option<String>,
    /// The case that it belongs to: hunt list --case.
    #[arg(long, value_name = "ID")]
    pub case: Option<String>,
}

/// Flags of `hunt targets`.
#[derive(Debug, Args)]
pub struct Targets {
    /// The target expression.
    #[arg(value_name = "EXPR")]
    pub target: String,
    /// A part of the agents that match; which ones, the id of the hunt decides.
    #[arg(long, value_name = "SHARE", value_parser = parse::share_ppm)]
    pub sample: Option<u32>,
}

/// Flags of `hunt copy`.
#[derive(Debug, Args)]
pub struct Copy {
    /// The hunt, or the unique beginning of its id.
    pub hunt: String,
    /// Launch it, to the agents that its target means now.
    #[arg(long)]
    pub run: bool,
}

/// Flags of `hunt note`.
#[derive(Debug, Args)]
pub struct NoteFlags {
    /// The hunt, or the unique beginning of its id.
    pub hunt: String,
    /// What is noted.
    #[command(flatten)]
    pub naming: Box<Naming>,
}

/// Flags of `hunt pause`, `hunt resume` and `hunt drain`.
#[derive(Debug, Args)]
pub struct Steer {
    /// The hunt, or the unique beginning of its id.
    pub hunt: String,
    /// Wait so long until the agents have applied it, then end with exit 124; `0` does not wait.
    #[arg(long, value_name = "TIME", default_value = "1m", value_parser = parse::wait_seconds)]
    pub wait: u32,
}

/// Flags of `hunt files`.
#[derive(Debug, Args)]
pub struct Files {
    /// The hunt, or the unique beginning of its id.
    pub hunt: String,
    /// Fetch them into this folder.
    #[arg(long, short, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Write each as a ZIP archive with a password, which programs that scan disks leave alone [default of PASSWORD: infected].
    #[arg(long, value_name = "PASSWORD", num_args = 0..=1, require_equals = true, default_missing_value = archive::PASSWORD,
          value_parser = archive::password, requires = "out")]
    pub zip: Option<String>,
}

/// Flags of `hunt results`.
#[derive(Debug, Args)]
pub struct Results {
    /// The hunt, or the unique beginning of its id.
    pub hunt: String,
    /// Write the rows to this file instead of stdout; `-` for stdout.
    #[arg(long, short, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// No more than so many rows.
    #[arg(long, value_name = "N")]
    pub limit: Option<u64>,
    /// Which rows.
    #[command(flatten)]
    pub filter: RowFilter,
}
