//! `processes`: what runs, and from which file.
//!
//! * [`Processes`]: the arguments. [`Process`]: one process. [`ProcessesFooter`]: what was done, in figures.

mod args;
mod footer;
mod row;

pub use self::args::Processes;
pub use self::footer::ProcessesFooter;
pub use self::row::{ExeState, Process, ProcessStatus, SCHEMA};
use super::ioc::SplitIocList;
use super::{Artifact, Asked, Figures, Schema};
use crate::limits::REQUEST_BYTES_MAX;
use crate::wire::{self, WireError};

/// The name of the artifact.
pub const PROCESSES: &str = "processes";

/// The artifact.
#[derive(Debug)]
pub struct Running;

impl Artifact for Running {
    fn schema(&self) -> &'static Schema {
        &SCHEMA
    }

    fn check(&self, args: &[u8]) -> Result<(), String> {
        let args = decode(args).map_err(|error| error.to_string())?;
        super::ioc::check_carried(&args.ioc, &args.list, &args.hashes)
    }

    fn asked(&self, args: &[u8]) -> Result<Asked, WireError> {
        let args = decode(args)?;
        Ok(Asked { hashes: args.hashes, ioc: args.ioc, list: *args.list, ..Asked::default() })
    }

    fn with_list(&self, args: &[u8], list: SplitIocList) -> Result<Vec<u8>, WireError> {
        wire::encode(&Processes { list: Box::new(list), ..decode(args)? })
    }

    fn figures(&self, footer: &[u8]) -> Result<Figures, WireError> {
        Ok(super::footer::opened::<ProcessesFooter>(footer)?.into())
    }

    fn footer_json(&self, footer: &[u8]) -> Result<serde_json::Value, WireError> {
        super::footer::json(&super::footer::opened::<ProcessesFooter>(footer)?)
    }

    fn cut(&self, footer: &[u8]) -> Result<Option<Vec<u8>>, WireError> {
        super::footer::cut::<ProcessesFooter>(footer)
    }
}

fn decode(args: &[u8]) -> Result<Processes, WireError> {
    wire::decode(args, REQUEST_BYTES_MAX)
}

#[cfg(test)]
mod tests;
