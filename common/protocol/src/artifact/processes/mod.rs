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
use crate::limits::{FOOTER_BYTES_MAX, REQUEST_BYTES_MAX};
use crate::result::Bounded;
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
        Ok(wire::decode::<ProcessesFooter>(footer, FOOTER_BYTES_MAX)?.into())
    }

    fn footer_json(&self, footer: &[u8]) -> Result<serde_json::Value, WireError> {
        let footer: ProcessesFooter = wire::decode(footer, FOOTER_BYTES_MAX)?;
        serde_json::to_value(footer).map_err(|error| WireError::Encode(error.to_string()))
    }

    fn cut(&self, footer: &[u8]) -> Result<Option<Vec<u8>>, WireError> {
        let mut footer: ProcessesFooter = wire::decode(footer, FOOTER_BYTES_MAX)?;
        if footer.cut() { wire::encode(&footer).map(Some) } else { Ok(None) }
    }
}

fn decode(args: &[u8]) -> Result<Processes, WireError> {
    wire::decode(args, REQUEST_BYTES_MAX)
}

#[cfg(test)]
mod tests;
