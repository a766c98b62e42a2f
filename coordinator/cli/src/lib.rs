//! The command line: what was typed ([`args`]) becomes what it means, is done, and ends with a code.
//!
//! All verbs but `init`, `serve`, `broker` and `hunt seal` are clients of the coordinator's API and know
//! the fleet through nothing else. `console` serves pages, which do the same through it.

mod agents;
pub mod args;
mod audit;
mod bundle;
mod client;
mod console;
mod control;
mod doctor;
mod draft;
pub mod failure;
mod hunt;
mod keys;
mod listed;
mod local;
pub mod output;
pub mod parse;
mod picture;
mod place;
mod private;
mod profile;
mod settings;
mod sign;
mod symbols;
mod telemetry;
mod trust;
mod watch;
mod who_has;

use std::time::{Duration, Instant};

use clap::CommandFactory;

use self::args::{Environment, Typed, Verb};
use self::client::Client;
use self::failure::{Exit, Failure};
use self::output::Out;
use self::settings::Settings;

/// What every verb gets.
#[derive(Debug)]
struct Context {
    out: Out,
    settings: Settings,
    environment: Environment,
    began: Instant,
}

impl Context {
    fn client(&self) -> Result<Client, Failure> {
        Client::new(&self.settings)
    }

    /// Returns what is left of `--wait`, which counts from the beginning of the command.
    fn left(&self, wait_s: Option<u32>) -> Option<u32> {
        wait_s.map(|wait_s| left(wait_s, self.began.elapsed()))
    }
}

fn left(wait_s: u32, elapsed: Duration) -> u32 {
    wait_s.saturating_sub(u32::try_from(elapsed.as_secs()).unwrap_or(u32::MAX))
}

/// Does what was typed.
pub fn run(typed: Typed, environment: Environment, out: Out) -> Result<Exit, Failure> {
    let settings = Settings::new(&typed.global, &environment);
    let context = Context { out, settings, environment, began: Instant::now() };
    match typed.verb {
        Verb::Init(flags) => local::init::run(&context, &flags),
        Verb::Console(flags) => console::run(&context, &flags),
        Verb::Serve(flags) => local::serve::run(&context, &flags),
        Verb::Broker(verb) => local::broker::run(&context, &verb),
        Verb::Agents(verb) => agents::run(&context, &verb),
        Verb::Hunt(verb) => hunt::run(&context, &verb),
        Verb::Profile(verb) => profile::run(&context, &verb),
        Verb::Symbols(verb) => symbols::run(&context, &verb),
        Verb::Telemetry(verb) => telemetry::run(&context, &verb),
        Verb::WhoHas(flags) => who_has::run(&context, &flags),
        Verb::Trust(verb) => trust::run(&context, &verb),
        Verb::Audit(flags) => audit::run(&context, &flags),
        Verb::Doctor(flags) => doctor::run(&context, &flags),
        Verb::Completions { shell } => completions(&context, shell),
    }
}

fn completions(context: &Context, shell: clap_complete::Shell) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Typed::command(), "muster", &mut script);
    context.out.bytes(&script)?;
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Typed::command().debug_assert();
    }

    #[test]
    fn what_a_launch_takes_is_a_part_of_the_wait() {
        assert_eq!(left(12, Duration::from_millis(900)), 12);
        assert_eq!(left(12, Duration::from_secs(10)), 2);
        assert_eq!(left(12, Duration::from_secs(30)), 0);
    }

    #[test]
    fn every_verb_has_examples() {
        fn check(command: &clap::Command, path: &str) {
            let name = format!("{path} {}", command.get_name());
            if command.has_subcommands() {
                for verb in command.get_subcommands() {
                    check(verb, &name);
                }
            } else {
                let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
                assert!(help.lines().filter(|line| line.contains("muster")).count() >= 2, "{name}");
            }
        }
        check(&Typed::command(), "");
    }
}
