//! `muster-agent`: takes hunts and profiles from the fleet's broker, or one sealed request from a file.

use std::process::ExitCode;

use agent::cli;

/// A profile of memory samples what it hands out.
#[global_allocator]
static ALLOCATOR: muster_profiler::Allocator = muster_profiler::Allocator;

fn main() -> ExitCode {
    let filter = std::env::var("MUSTER_LOG").unwrap_or_else(|_| "info".to_owned());
    match cli::run(&filter) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            cli::complain(&error);
            ExitCode::from(cli::exit_code(&error))
        }
    }
}
