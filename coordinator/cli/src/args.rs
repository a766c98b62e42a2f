//! What was typed: the command line and its environment, not yet what it means.
//!
//! This module alone reads the environment. A flag of the design that this version cannot keep does not
//! exist here.

pub mod agents;
pub mod console;
pub mod hunt;
pub mod profile;
mod profile_kind;
pub mod rows;
pub mod select;
pub mod telemetry;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use muster_protocol::address::{self, Address};
use muster_protocol::when::Moment;

use super::parse;
use crate::output::Format;

/// Hashes files and profiles agents on a whole fleet, and accounts for every agent.
#[derive(Debug, Parser)]
#[command(
    name = "muster",
    version,
    max_term_width = 100,
    subcommand_required = true,
    arg_required_else_help = true,
    after_help = "Examples:\n  muster init && muster broker apply && muster serve\n  \
                  muster hunt run --target label:db --root /usr/bin\n  \
                  muster profile take --agent web-1 --seconds 30\n\n\
                  Exit codes: 0 all finished · 2 partial · 3 nothing matched · 64 usage · \
                  69 unavailable · 75 try again · 77 refused · 124 timed out · 130 detached"
)]
pub struct Typed {
    /// What holds for every verb.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
}

/// Flags of every verb.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Everywhere")]
pub struct Global {
    /// Shape of the data on stdout.
    #[arg(long, global = true, env = "MUSTER_OUTPUT", value_enum, default_value_t)]
    pub output: Format,
    /// Address of the coordinator [default: the one in DIR/coordinator.toml, or 127.0.0.1:7411].
    #[arg(long, global = true, env = "MUSTER_URL", value_name = "URL")]
    pub url: Option<String>,
    /// File with the API token [default: DIR/token]. The token itself may be in `MUSTER_TOKEN`.
    #[arg(long, global = true, env = "MUSTER_TOKEN_FILE", value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// Certificate authority of the coordinator, PEM, beside the system's [default: DIR/ca.pem, where it is there].
    #[arg(long, global = true, env = "MUSTER_CA_FILE", value_name = "FILE")]
    pub ca_file: Option<PathBuf>,
    /// The operator's key, which signs requests [default: DIR/operator.key].
    #[arg(long, global = true, env = "MUSTER_OPERATOR_KEY", value_name = "FILE")]
    pub operator_key: Option<PathBuf>,
    /// Folder of the fleet's files [default: ~/.config/muster].
    #[arg(long, global = true, env = "MUSTER_DIR", value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// No colour (also `NO_COLOR`).
    #[arg(long, global = true)]
    pub no_color: bool,
    /// No notes and no progress on stderr; errors stay.
    #[arg(long, short, global = true)]
    pub quiet: bool,
}

/// What the environment says beside the flags.
#[derive(Debug, Clone)]
pub struct Environment {
    /// `MUSTER_TOKEN`: never a flag, for a flag is visible to every user of the machine.
    pub token: Option<String>,
    /// `HOME`.
    pub home: Option<OsString>,
    /// `NO_COLOR` is there and not empty.
    pub is_colourless: bool,
    /// `TERM` says that the cursor cannot be moved.
    pub is_dumb: bool,
    /// `MUSTER_LOG`.
    pub log: String,
}

impl Environment {
    /// Reads the process's environment.
    pub fn read() -> Self {
        let full = |name| std::env::var_os(name).filter(|value| !value.is_empty());
        Self {
            token: full("MUSTER_TOKEN").map(|token| token.to_string_lossy().trim().to_owned()),
            home: full("HOME"),
            is_colourless: full("NO_COLOR").is_some(),
            is_dumb: full("TERM").is_none_or(|term| term == "dumb"),
            log: full("MUSTER_LOG")
                .map_or_else(|| "info".to_owned(), |filter| filter.to_string_lossy().into_owned()),
        }
    }
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Make a fleet: its root key, an operator's key, a token and the coordinator's configuration.
    #[command(after_help = "Examples:\n  muster init\n  \
        muster init --broker-host mq.example.org --broker-ca-file ca.pem --broker-password-file ./password\n  \
        muster --dir /etc/muster init --listen 0.0.0.0:7411 --host muster.example.org \\\n      \
        --tls-cert muster.pem --tls-key muster.key --ca-file ca.pem")]
    Init(Init),
    /// Serve the pages of the fleet to the browser of this machine, until ctrl-C: key and token stay here.
    #[command(
        after_help = "Examples:\n  muster console\n  muster console --open --source ~/src/muster\n  \
        muster console --read-only\n  muster console --confirm terminal\n  \
        ssh -L 7412:127.0.0.1:7412 HOST muster console     # from another machine"
    )]
    Console(console::Console),
    /// Run the coordinator until it is told to stop.
    #[command(after_help = "Examples:\n  muster serve\n  \
        muster serve --config /etc/muster/coordinator.toml\n  \
        MUSTER_LOG=debug muster serve --log-json")]
    Serve(Serve),
    /// The broker: declare what the fleet needs; see what waits in it.
    #[command(subcommand)]
    Broker(Broker),
    /// Agents: enrol, list, show, requests, uploads, preview, quarantine, release, revoke.
    #[command(subcommand)]
    Agents(Agents),
    /// Hunts: ask many agents for the same files.
    #[command(subcommand)]
    Hunt(hunt::Hunt),
    /// Profiles: where an agent (or the coordinator) spends its CPU time.
    #[command(subcommand)]
    Profile(profile::Profile),
    /// Symbols: the files that profiles of other builds get their function names and lines from.
    #[command(subcommand)]
    Symbols(Symbols),
    /// What agents cost: CPU and memory over time.
    #[command(subcommand)]
    Telemetry(telemetry::Telemetry),
    /// Which agents hold a file with this digest, in any hunt that has landed.
    #[command(after_help = "Examples:\n  \
        muster who-has e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\n  \
        muster who-has $(cat iocs.txt) --output csv")]
    WhoHas(WhoHas),
    /// Keys: take one back, permanently.
    #[command(subcommand)]
    Trust(Trust),
    /// What is wrong, and what to do about it.
    #[command(after_help = "Examples:\n  muster doctor\n  muster doctor --limits\n  \
        muster doctor --dead\n  muster doctor --rebuild\n  muster doctor --output json")]
    Doctor(Doctor),
    /// What operators did: who launched, enrolled, revoked what, and when.
    #[command(
        after_help = "Examples:\n  muster audit\n  muster audit --since 7d --action request\n  \
        muster audit --subject 0199 --output json\n  muster audit --search web-1 --limit 20\n  \
        muster audit verify"
    )]
    Audit(Audit),
    /// Print completions for a shell.
    #[command(after_help = "Examples:\n  \
        muster completions bash > ~/.local/share/bash-completion/completions/muster\n  \
        muster completions zsh > ~/.zfunc/_muster")]
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

/// Flags of `init`.
#[derive(Debug, Args)]
pub struct Init {
    /// Name of the operator, for the audit log.
    #[arg(long, default_value = "operator", value_name = "NAME")]
    pub operator: String,
    /// Where the coordinator listens.
    #[arg(long, default_value = "127.0.0.1:7411", value_name = "ADDRESS", value_parser = muster_api::address::listening)]
    pub listen: String,
    /// Name under which clients reach the coordinator, beside the loopback ones; may be repeated.
    #[arg(long = "host", value_name = "NAME", value_parser = muster_api::address::host_name)]
    pub hosts: Vec<String>,
    /// Certificate of the coordinator, PEM: the API is served over TLS. `--ca-file` is kept as DIR/ca.pem.
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,
    /// The certificate's private key, PEM.
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,
    /// Host of RabbitMQ, also with its port. TLS is spoken to every host but this machine's own.
    #[arg(long, default_value = "127.0.0.1", value_name = "HOST")]
    pub broker_host: Address,
    /// AMQP port [default: 5672, with TLS 5671].
    #[arg(long, value_name = "PORT")]
    pub broker_port: Option<u16>,
    /// Virtual host.
    #[arg(long, default_value = "/", value_name = "VHOST")]
    pub broker_vhost: String,
    /// The coordinator's user at the broker; an administrator, for it makes the agents' users.
    #[arg(long, default_value = "muster", value_name = "USER")]
    pub broker_user: String,
    /// File with that user's password [default: a new password is made].
    #[arg(long, value_name = "FILE")]
    pub broker_password_file: Option<PathBuf>,
    /// Speak TLS to a broker on this machine, too.
    #[arg(long)]
    pub broker_tls: bool,
    /// Speak to the broker in the clear, also over a network: passwords and results can be read on the way.
    #[arg(long, conflicts_with_all = ["broker_tls", "broker_ca_file"])]
    pub broker_plain: bool,
    /// Certificate authority of the broker, PEM, beside the system's; agents get it, too. Implies TLS.
    #[arg(long, value_name = "FILE")]
    pub broker_ca_file: Option<PathBuf>,
    /// RabbitMQ's management API [default: `https://HOST:15671`, without TLS `http://HOST:15672`].
    #[arg(long, value_name = "URL", value_parser = address::url)]
    pub management_url: Option<String>,
}

/// Flags of `serve`.
#[derive(Debug, Args)]
pub struct Serve {
    /// The configuration [default: DIR/coordinator.toml].
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Log one JSON object a line.
    #[arg(long)]
    pub log_json: bool,
}

/// Verbs of `broker`.
#[derive(Debug, Subcommand)]
pub enum Broker {
    /// Make or change the stream, the exchange and the queues, with their bounds; bring queue, rights and limits of every
    /// enrolled agent up to date. Safe to repeat.
    #[command(after_help = "Examples:\n  muster broker apply\n  \
        muster broker apply --config /etc/muster/coordinator.toml\n  \
        muster broker apply --remove-stale")]
    Apply(Apply),
    /// Try on the live broker everything that an agent's credentials should not allow. Makes a user of its own with the
    /// rights of the agents and removes it; nothing that the fleet uses is changed. Exit 2 when something is otherwise than
    /// it should be.
    #[command(after_help = "Examples:\n  muster broker audit\n  \
        muster broker audit --output json\n  \
        muster broker audit --output csv > audit.csv")]
    Audit(BrokerConfig),
    /// Show queues: what waits, who consumes, dead letters.
    #[command(
        after_help = "Examples:\n  muster broker status\n  muster broker status --output json"
    )]
    Status(BrokerConfig),
}

/// Flags of `broker apply`.
#[derive(Debug, Args)]
pub struct Apply {
    /// Where the broker is.
    #[command(flatten)]
    pub config: BrokerConfig,
    /// Remove users and queues that revoked agents have left behind; else they are reported.
    #[arg(long)]
    pub remove_stale: bool,
}

/// Flags of the verbs that talk to the broker themselves.
#[derive(Debug, Args)]
pub struct BrokerConfig {
    /// The configuration [default: DIR/coordinator.toml].
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// Verbs of `agents`.
#[derive(Debug, Subcommand)]
pub enum Agents {
    /// Make the bundle of a new agent: configuration, broker user, the fleet's root key.
    #[command(after_help = "Examples:\n  muster agents enrol web-1 --out bundles\n  \
        muster agents enrol db-1 --label role=db --label site=fra --out bundles\n  \
        muster agents enrol --from hosts.txt --out bundles     # lines: NAME [k=v …]")]
    Enrol(Enrol),
    /// List agents.
    #[command(after_help = "Examples:\n  muster agents list\n  \
        muster agents list --target 'label:role=db and not os:windows'\n  \
        muster agents list --state silent,quarantined --sort last_seen\n  \
        muster agents list --search web --sort -cpu --limit 10\n  \
        muster agents list --revoked\n  \
        muster agents list --output jsonl")]
    List(agents::List),
    /// Show one agent.
    #[command(after_help = "Examples:\n  muster agents show web-1\n  \
        muster agents show web-1 --output json")]
    Show {
        /// The agent, or the unique beginning of its id.
        agent: String,
    },
    /// List the hunts and profiles that an agent was asked for, the latest first, with what became of each on it.
    #[command(after_help = "Examples:\n  muster agents requests web-1\n  \
        muster agents requests web-1 --kind hunt --state failed,incomplete\n  \
        muster agents requests web-1 --limit 20 --output jsonl")]
    Requests(agents::Requests),
    /// List the files and profiles that an agent has sent.
    #[command(after_help = "Examples:\n  muster agents uploads web-1\n  \
        muster agents uploads web-1 --output csv")]
    Uploads(agents::Uploads),
    /// Show which agents a target means now. Nothing is launched, and the audit log has no line of it.
    #[command(
        after_help = "Examples:\n  muster agents preview --target 'label:role=db and os:linux'\n  \
        muster agents preview --target all --sample 5% --output json"
    )]
    Preview(agents::Preview),
    /// Shut an agent out of the broker until it is released. Nothing of it is lost: what it had sent is set aside, what
    /// it has not sent stays in its outbox.
    #[command(after_help = "Examples:\n  \
        muster agents quarantine web-1 --reason 'sends rubbish'\n  \
        muster agents quarantine web-1 --reason 'under investigation' --yes")]
    Quarantine {
        /// The agent, or the unique beginning of its id.
        agent: String,
        /// Why, for the other operators.
        #[arg(long, value_name = "TEXT")]
        reason: String,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
    },
    /// Lift an agent's quarantine: it may connect again, and what was set aside is taken back.
    #[command(after_help = "Examples:\n  muster agents release web-1\n  \
        muster agents release web-1 --output json")]
    Release {
        /// The agent, or the unique beginning of its id.
        agent: String,
    },
    /// Take an agent out of the fleet: its user is deleted and its connections are closed at once.
    #[command(after_help = "Examples:\n  muster agents revoke web-1\n  \
        muster agents revoke web-1 --yes")]
    Revoke {
        /// The agent, or the unique beginning of its id.
        agent: String,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
    },
}

/// Flags of `agents enrol`.
#[derive(Debug, Args)]
pub struct Enrol {
    /// Name of the new agent.
    #[arg(required_unless_present = "from", conflicts_with = "from")]
    pub name: Option<String>,
    /// File with a line for each new agent: `NAME [k=v …]`; `#` begins a comment.
    #[arg(long, value_name = "FILE")]
    pub from: Option<PathBuf>,
    /// Folder for the bundles: one folder an agent.
    #[arg(long, short, value_name = "DIR")]
    pub out: PathBuf,
    /// Enrol a second agent under a name, without asking.
    #[arg(long)]
    pub yes: bool,
    /// A label, `key=value`; with `--from`, on every line's agent.
    #[arg(long = "label", value_name = "K=V", value_parser = parse::label)]
    pub labels: Vec<(String, String)>,
}

/// Flags of `who-has`.
#[derive(Debug, Args)]
pub struct WhoHas {
    /// Digests in hexadecimal, as lists have them: md5, sha1, sha256, sha512 or blake3, also `sha256:HEX`.
    #[arg(required = true, value_name = "HASH")]
    pub hashes: Vec<String>,
}

/// Verbs of `trust`.
#[derive(Debug, Subcommand)]
pub enum Trust {
    /// Revoke keys permanently. Signed by the fleet root, which must be at hand for it.
    #[command(after_help = "Examples:\n  \
        muster trust revoke 0123456789abcdef0123456789abcdef --root-key /media/usb/root.key\n  \
        muster trust revoke KEY1 KEY2 --yes")]
    Revoke {
        /// Ids of keys, as the audit log shows them.
        #[arg(required = true, value_name = "KEY")]
        keys: Vec<String>,
        /// The fleet's root key [default: DIR/root.key].
        #[arg(long, value_name = "FILE")]
        root_key: Option<PathBuf>,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
    },
}

/// Verbs of `symbols`.
#[derive(Debug, Subcommand)]
pub enum Symbols {
    /// Add programs, libraries or their debug companions. Profiles find them by their build id.
    #[command(after_help = "Examples:\n  muster symbols add muster-agent-0.2.debug\n  \
        muster symbols add target/release/muster-agent /usr/lib/debug/.build-id/7f/*.debug")]
    Add {
        /// The files.
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// List what was added. The coordinator's own build needs nothing.
    #[command(after_help = "Examples:\n  muster symbols list\n  \
        muster symbols list --output json")]
    List,
}

/// Verbs of `audit`.
#[derive(Debug, Subcommand)]
pub enum AuditVerb {
    /// Check that no line of the log was changed, taken out or cut off, also since it was last verified from here.
    #[command(
        after_help = "Each line carries the SHA-256 of itself and of the line before it. What was verified last is \
        kept in audit.head beside the operator's key: a log that was rewritten as a whole shows, too.\n\n\
        Examples:\n  muster audit verify\n  muster audit verify --output json"
    )]
    Verify,
}

/// Flags of `audit`; every condition must hold.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Audit {
    /// What to do, where it is not listing.
    #[command(subcommand)]
    pub verb: Option<AuditVerb>,
    /// At this time or later: `7d` ago, `2026-11-25`, `2026-11-25T10:00:00Z`.
    #[arg(long, value_name = "WHEN", value_parser = Moment::with_unit)]
    pub since: Option<Moment>,
    /// Before this time.
    #[arg(long, value_name = "WHEN", value_parser = Moment::with_unit)]
    pub until: Option<Moment>,
    /// With the token of this name in coordinator.toml.
    #[arg(long, value_name = "NAME")]
    pub token_name: Option<String>,
    /// Signed by this operator.
    #[arg(long, value_name = "NAME")]
    pub operator: Option<String>,
    /// This was done: `request`, `enrol`, `revoke`, …
    #[arg(long, value_name = "WORD")]
    pub action: Option<String>,
    /// To what begins so: the beginning of an id.
    #[arg(long, value_name = "ID")]
    pub subject: Option<String>,
    /// With this text in any of the words.
    #[arg(long, value_name = "TEXT")]
    pub search: Option<String>,
    /// How many lines, the latest first [default: all].
    #[arg(long, value_name = "N")]
    pub limit: Option<usize>,
}

/// Flags of `doctor`.
#[derive(Debug, Args)]
pub struct Doctor {
    /// Print every limit of the system, and what happens when it is reached.
    #[arg(long)]
    pub limits: bool,
    /// Have the coordinator make what it keeps for lists again from the results themselves; prints how many records differed.
    /// Exit 2 where any did.
    #[arg(long, conflicts_with = "limits")]
    pub rebuild: bool,
    /// List what was set aside, by class and reason.
    #[arg(long, conflicts_with_all = ["limits", "rebuild"])]
    pub dead: bool,
}

#[cfg(test)]
mod tests;
