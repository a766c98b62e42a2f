//! The command line: what was typed, and what it means.

use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};

use crate::config::{self, Config, ConfigError};
use crate::doctor::Finding;
use crate::once::{self, OnceError, Trusted};
use crate::{AgentError, policy::Policy};
use clap::{CommandFactory, Parser, Subcommand, ValueEnum};
use muster_broker::AmqpError;
use muster_protocol::ids::{AgentId, FleetId};
use muster_runtime::{escape, trace};
use serde::Deserialize;
use tokio::signal::unix::{SignalKind, signal};

/// Files that may be open at a time, as the systemd unit says; a hunt takes some 400.
const OPEN_FILES: u64 = 4_096;

const EXAMPLES: &str = "Examples:
  muster-agent run --config /etc/muster/agent.toml
  muster-agent doctor --config /etc/muster/agent.toml
  muster-agent once hunt.sealed --trust operator.key --output jsonl > rows.jsonl
  muster-agent once hunt.sealed --trust operator.key --cache ~/.cache/muster

Exit codes: 0 done, 1 a bug, 2 partial, 3 the request is not for this machine, 64 usage, 69 no broker, or this agent runs already,
75 the journal cannot be used, 77 refused (key, policy, password), 124 timed out. MUSTER_LOG filters the log on stderr (info, agent=debug).";

#[derive(Debug, Parser)]
#[command(name = "muster-agent", version, about = "Muster's agent: runs signed hunts and profiles.", after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Serves the fleet until SIGTERM or ctrl-c.
    Run {
        /// agent.toml of the bundle that `muster agents enrol` wrote.
        #[arg(long, env = "MUSTER_AGENT_CONFIG")]
        config: PathBuf,
    },
    /// Runs one sealed request without a broker; rows go to stdout.
    Once {
        /// A file that `muster hunt seal --out` wrote.
        request: PathBuf,
        /// The fleet root: an operator.key, an agent.toml, or 64 hexadecimal digits.
        #[arg(long, env = "MUSTER_OPERATOR_KEY")]
        trust: String,
        /// How rows are printed: a table on a terminal, else one JSON object a line.
        #[arg(long)]
        output: Option<Output>,
        /// A policy.toml to obey.
        #[arg(long)]
        policy: Option<PathBuf>,
        /// A folder that remembers what was hashed: files that have not changed since are not read again.
        #[arg(long, value_name = "DIR")]
        cache: Option<PathBuf>,
        /// The id that targets are matched on.
        #[arg(long, default_value = "once")]
        agent: AgentId,
    },
    /// Says what is wrong, and what to do.
    Doctor {
        /// agent.toml of the bundle that `muster agents enrol` wrote.
        #[arg(long, env = "MUSTER_AGENT_CONFIG")]
        config: PathBuf,
    },
    /// Prints completions for a shell.
    Completions {
        /// Which shell.
        shell: clap_complete::Shell,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Output {
    Table,
    Jsonl,
}

/// Parses and runs; the number is the exit code.
pub fn run(log_filter: &str) -> anyhow::Result<u8> {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(usage) => {
            let code = if usage.use_stderr() { 64 } else { 0 };
            usage.print()?;
            return Ok(code);
        }
    };
    crate::memory::bound();
    muster_runtime::process::allow_open_files(OPEN_FILES);
    trace::start(log_filter, trace::Format::Text, muster_broker::LOG_TARGET);
    match cli.verb {
        Verb::Run { config } => {
            let config = Config::load(&config)?;
            on_runtime(async { Ok(Box::pin(crate::run(config, stopped())).await?) })?;
            Ok(0)
        }
        Verb::Once { request, trust, output, policy, cache, agent } => {
            let policy = policy.map_or(Ok(Policy::default()), |path| config::load_policy(&path))?;
            let (root, fleet) = trusted(&trust)?;
            run_once(&request, Trusted { agent, fleet, root, policy, cache }, output)
        }
        Verb::Doctor { config } => doctor(&config),
        Verb::Completions { shell } => {
            let mut command = Cli::command();
            clap_complete::generate(shell, &mut command, "muster-agent", &mut io::stdout());
            Ok(0)
        }
    }
}

fn on_runtime<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(work)
}

/// Ready on SIGTERM or ctrl-c; never, when signals cannot be caught.
async fn stopped() {
    let (Ok(mut term), Ok(mut int)) =
        (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        return std::future::pending().await;
    };
    tokio::select! { _ = term.recv() => {}, _ = int.recv() => {} }
}

/// The two fields that an operator key file and an agent.toml share.
#[derive(Debug, Deserialize)]
struct Root {
    root: String,
    fleet: FleetId,
}

fn trusted(text: &str) -> anyhow::Result<([u8; 32], Option<FleetId>)> {
    if let Some(root) = config::root_key(text) {
        return Ok((root, None));
    }
    let file: Root = config::read_toml(
        Path::new(text),
        "pass the operator.key or agent.toml of the fleet, or its root as 64 hexadecimal digits",
    )?;
    let root = config::root_key(&file.root).ok_or_else(|| {
        Usage(format!(
            "root in {text} is no key\n  cause: it must be 64 hexadecimal digits\n  try:   pass the operator.key or agent.toml of the fleet"
        ))
    })?;
    Ok((root, Some(file.fleet)))
}

fn run_once(request: &Path, trusted: Trusted, output: Option<Output>) -> anyhow::Result<u8> {
    let file = File::open(request)
        .map_err(|error| Usage(format!("cannot read {}\n  cause: {error}\n  try:   make one with `muster hunt seal … --out FILE`", request.display())))?;
    let mut out = io::stdout().lock();
    let is_screen = out.is_terminal();
    let default = if is_screen { Output::Table } else { Output::Jsonl };
    let format = match output.unwrap_or(default) {
        Output::Jsonl if is_screen => once::jsonl_on_screen,
        Output::Jsonl => once::jsonl,
        Output::Table => once::table,
    };
    let ended = on_runtime(async {
        Ok(Box::pin(once::once(file, trusted, stopped(), format, &mut out)).await)
    })?;
    let status = match ended {
        Err(OnceError::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(0),
        ended => ended?,
    };
    match out.flush() {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(0),
        flushed => flushed?,
    }
    let mut err = io::stderr().lock();
    let (code, reason) = (&status.code, &status.reason);
    writeln!(
        err,
        "{}{}",
        status.state.as_str(),
        if code.is_empty() { String::new() } else { format!(": {code}: {}", escape::text(reason)) }
    )?;
    if let Some(footer) = &status.footer {
        writeln!(err, "{}", escape::json(&once::footer_json(footer)?.to_string()))?;
    }
    Ok(once::exit_code(&status))
}

/// Prints every finding; the first that is bad is the error that the command ends with.
fn doctor(path: &Path) -> anyhow::Result<u8> {
    let config = Config::load(path)?;
    let mut findings = Vec::new();
    on_runtime(async {
        Box::pin(crate::doctor::doctor(&config, |finding| findings.push(finding))).await;
        Ok(())
    })?;
    let mut out = io::stdout().lock();
    let mut worst = None;
    for finding in findings {
        match finding {
            Finding::Ok(text) => writeln!(out, "ok     {text}")?,
            Finding::Note(text) => writeln!(out, "note   {text}")?,
            Finding::Bad(error) => {
                let text = told(&error);
                writeln!(out, "bad    {}", text.replace('\n', "\n       "))?;
                worst = worst.or(Some(error));
            }
        }
    }
    worst.map_or(Ok(0), Err)
}

/// A mistake on the command line: what failed, why, what to do next.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Usage(String);

/// Prints what failed, why, and what to do next.
pub fn complain(error: &anyhow::Error) {
    if !is_closed_pipe(error) {
        drop(writeln!(io::stderr(), "error: {}", escape::laid_out(&told(error))));
    }
}

/// Returns the three lines of an error, less the word `error`.
fn told(error: &anyhow::Error) -> String {
    if let Some(problem) = error.downcast_ref::<AmqpError>() {
        let what = match problem {
            AmqpError::NoBroker { .. } | AmqpError::Gone(_) => "cannot reach the broker",
            AmqpError::Untrusted { .. } => "the broker is not trusted",
            AmqpError::WrongPassword { .. } | AmqpError::Denied(_) => {
                "the broker refuses this agent"
            }
            AmqpError::NoVhost { .. } | AmqpError::Missing { .. } => {
                "the broker lacks what this agent needs"
            }
            AmqpError::Config(_) => "[broker] in agent.toml cannot be used",
        };
        return format!("{what}\n  cause: {problem}\n  try:   {}", problem.hint());
    }
    let text = error.to_string();
    if text.lines().count() == 3 {
        return text;
    }
    format!(
        "muster-agent failed\n  cause: {text}\n  try:   report this with the command that led to it"
    )
}

/// Whoever read our output has seen enough: that is success.
fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

/// Returns the documented exit code of an error.
pub fn exit_code(error: &anyhow::Error) -> u8 {
    if is_closed_pipe(error) {
        return 0;
    }
    if error.is::<ConfigError>() || error.is::<Usage>() {
        return 64;
    }
    match error.downcast_ref::<AmqpError>() {
        Some(
            AmqpError::WrongPassword { .. } | AmqpError::Untrusted { .. } | AmqpError::Denied(_),
        ) => return 77,
        Some(AmqpError::Config(_)) => return 64,
        Some(_) => return 69,
        None => {}
    }
    match (error.downcast_ref::<OnceError>(), error.downcast_ref::<AgentError>()) {
        (Some(OnceError::NotSealed(_)), _) => 64,
        (Some(OnceError::Output(_)), _) | (_, Some(AgentError::Running { .. })) => 69,
        (_, Some(_)) => 75,
        _ => 1,
    }
}
