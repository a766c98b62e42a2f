//! `muster telemetry`: what agents cost.

mod curve;
mod fleet;
mod show;
mod table;
mod top;

use super::Context;
use super::args::telemetry::Telemetry;
use super::failure::{Exit, Failure};

pub(super) fn run(context: &Context, verb: &Telemetry) -> Result<Exit, Failure> {
    match verb {
        Telemetry::Show(flags) => show::run(context, flags),
        Telemetry::Top(flags) => top::run(context, flags),
        Telemetry::Fleet(flags) => curve::run(context, flags),
    }
}
