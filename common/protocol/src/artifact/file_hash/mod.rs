//! `file_hash`: files below some folders, with digests.
//!
//! * [`Args`]: the arguments, with [`pattern`]s and conditions ([`select`]).
//! * [`Row`]: one file. [`Footer`]: what was done, in figures.

mod args;
mod check;
mod footer;
pub mod pattern;
mod row;
pub mod select;

pub use self::args::{Args, Upload};
pub use self::check::patterns;
pub use self::footer::Footer;
pub use self::row::{FileKind, FileStatus, Row, SCHEMA};
use super::ioc::SplitIocList;
use super::{Artifact, Asked, Figures, Schema};
use crate::limits::REQUEST_BYTES_MAX;
use crate::wire::{self, WireError};

/// The name of the artifact.
pub const FILE_HASH: &str = "file_hash";

/// The artifact.
#[derive(Debug)]
pub struct Files;

impl Artifact for Files {
    fn schema(&self) -> &'static Schema {
        &SCHEMA
    }

    fn check(&self, args: &[u8]) -> Result<(), String> {
        check::check(&decode(args).map_err(|error| error.to_string())?)
    }

    fn asked(&self, args: &[u8]) -> Result<Asked, WireError> {
        let spec = decode(args)?;
        Ok(Asked {
            roots: spec.roots,
            hashes: spec.hashes,
            ioc: spec.ioc,
            list: *spec.list,
            max_upload_bytes: spec.upload.map(|upload| upload.max_file_bytes),
        })
    }

    fn with_list(&self, args: &[u8], list: SplitIocList) -> Result<Vec<u8>, WireError> {
        wire::encode(&Args { list: Box::new(list), ..decode(args)? })
    }

    fn figures(&self, footer: &[u8]) -> Result<Figures, WireError> {
        Ok(super::footer::opened::<Footer>(footer)?.into())
    }

    fn footer_json(&self, footer: &[u8]) -> Result<serde_json::Value, WireError> {
        let footer = super::footer::opened::<Footer>(footer)?;
        let mut shown = super::footer::json(&footer)?;
        if let Some(members) = shown.as_object_mut() {
            super::json::insert_bytes("slowest_path", &footer.slowest_path, members);
        }
        Ok(shown)
    }

    fn cut(&self, footer: &[u8]) -> Result<Option<Vec<u8>>, WireError> {
        super::footer::cut::<Footer>(footer)
    }
}

fn decode(args: &[u8]) -> Result<Args, WireError> {
    wire::decode(args, REQUEST_BYTES_MAX)
}

#[cfg(test)]
mod row_tests;
