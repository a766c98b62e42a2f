//! The command line: what was typed ([`args`]) becomes what it means, is done, and ends with a code.
//!
//! All verbs but `init`, `serve`, `broker` and `hunt seal` are clients of the coordinator's API and know
//! the fleet through nothing else.

mod agents;
pub mod args;
mod broker;
mod bundle;
mod client;
mod control;
mod doctor;
pub mod failure;
mod hunt;
mod init;
mod keys;
mod listed;
pub mod parse;
mod private;
mod profile;
mod serve;
mod settings;
mod sign;
mod symbols;
mod telemetry;
mod trust;
mod watch;
mod who_has;

use clap::CommandFactory;

use self::args::{Environment, Typed, Verb};
use self::client::Client;
use self::failure::{Exit, Failure};
use self::settings::Settings;
use crate::output::Out;

/// What every verb gets.
#[derive(Debug)]
struct Context {
    out: Out,
    settings: Settings,
    environment: Environment,
}

impl Context {
    fn client(&self) -> Result<Client, Failure> {
        Client::new(&self.settings)
    }
}

/// Does what was typed.
pub fn run(typed: Typed, environment: Environment, out: Out) -> Result<Exit, Failure> {
    let settings = Settings::new(&typed.global, &environment);
    let context = Context { out, settings, environment };
    match typed.verb {
        Verb::Init(flags) => init::run(&context, &flags),
        Verb::Serve(flags) => serve::run(&context, &flags),
        Verb::Broker(verb) => broker::run(&context, &verb),
        Verb::Agents(verb) => agents::run(&context, &verb),
        Verb::Hunt(verb) => hunt::run(&context, &verb),
        Verb::Profile(verb) => profile::run(&context, &verb),
        Verb::Symbols(verb) => symbols::run(&context, &verb),
        Verb::Telemetry(verb) => telemetry::run(&context, &verb),
        Verb::WhoHas(flags) => who_has::run(&context, &flags),
        Verb::Trust(verb) => trust::run(&context, &verb),
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
