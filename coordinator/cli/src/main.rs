//! `muster`: the operator's program and the coordinator. Parses, runs, says how it ended.

use std::process::ExitCode;

use clap::Parser;
use muster_cli::args::{Environment, Typed};
use muster_cli::failure::Exit;
use muster_cli::output::{self, Out};

/// A profile of memory samples what it hands out.
#[global_allocator]
static ALLOCATOR: muster_profiler::Allocator = muster_profiler::Allocator;

fn main() -> ExitCode {
    let environment = Environment::read();
    let typed = match Typed::try_parse() {
        Ok(typed) => typed,
        Err(told) => return code(output::usage(&told, !environment.is_colourless)),
    };
    let may_colour = !typed.global.no_color && !environment.is_colourless;
    let out = Out::new(typed.global.output, typed.global.quiet, may_colour);
    code(match muster_cli::run(typed, environment, out) {
        Ok(exit) => exit,
        Err(failure) => {
            if failure.exit != Exit::Done {
                out.failure(&failure);
            }
            failure.exit
        }
    })
}

fn code(exit: Exit) -> ExitCode {
    ExitCode::from(exit as u8)
}
