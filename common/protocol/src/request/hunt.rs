//! The arguments of `hunt.start`.

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use crate::artifact::file_hash::{self, FILE_HASH};
use crate::artifact::{self, Artifact, Asked};
use crate::limits;
use crate::wire::{self, WireError};

/// Asks many agents for one artifact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Carried")]
pub struct HuntStart {
    /// Always 0: the revision that a control must exceed.
    pub revision: u64,
    /// What to collect: the name of an artifact.
    pub artifact: String,
    /// The version of the artifact's schema that the answer is to be written in.
    pub schema: u32,
    /// Named MessagePack of the artifact's own arguments.
    pub args: ByteBuf,
    /// Agents begin at a moment of their own within so many seconds.
    pub spread_s: u32,
    /// Seconds between progress statuses; 0 for none (progress then rides on telemetry).
    pub progress_s: u32,
    /// An agent whose part makes no progress for so many seconds profiles it and sends that by itself; 0 for never.
    #[serde(skip_serializing_if = "is_zero")]
    pub on_stall_s: u32,
}

impl HuntStart {
    /// Makes a start of an artifact's present version, with nothing but its arguments.
    pub fn new<T: Serialize>(artifact: &dyn Artifact, args: &T) -> Result<Self, WireError> {
        let schema = artifact.schema();
        Ok(Self {
            revision: 0,
            artifact: schema.artifact.to_owned(),
            schema: schema.version,
            args: ByteBuf::from(wire::encode(args)?),
            spread_s: 0,
            progress_s: 0,
            on_stall_s: 0,
        })
    }

    /// Makes a start of `file_hash`.
    pub fn files(spec: &file_hash::Args) -> Result<Self, WireError> {
        Self::new(&artifact::file_hash::Files, spec)
    }

    /// Returns the artifact.
    pub fn known(&self) -> Result<&'static dyn Artifact, String> {
        artifact::find(&self.artifact).ok_or_else(|| {
            let known = artifact::ALL.map(|artifact| artifact.schema().artifact).join(", ");
            let name: String = self.artifact.chars().take(40).collect();
            format!("unknown artifact {name:?}; known are {known}")
        })
    }

    /// Returns what others than the collector ask of the arguments.
    pub fn asked(&self) -> Result<Asked, WireError> {
        self.known().map_err(WireError::Malformed)?.asked(&self.args)
    }

    /// Returns the same as it is shown: nothing of an artifact that only a later version knows.
    pub fn shown(&self) -> Result<Asked, WireError> {
        if self.known().is_ok() { self.asked() } else { Ok(Asked::default()) }
    }

    /// Decodes the arguments of `file_hash`.
    pub fn file_hash(&self) -> Result<file_hash::Args, WireError> {
        if self.artifact != FILE_HASH {
            return Err(WireError::Malformed(format!("a hunt of {:?}", self.artifact)));
        }
        wire::decode(&self.args, limits::REQUEST_BYTES_MAX)
    }

    /// Checks the bounds; the error names what is out of them.
    pub(super) fn check(&self) -> Result<(), String> {
        let artifact = self.known()?;
        let known = artifact.schema().version;
        if self.schema == 0 || self.schema > known {
            return Err(format!("version {} of {}, not 1 to {known}", self.schema, self.artifact));
        }
        artifact.check(&self.args)
    }
}

/// A start on the wire. Before artifacts had versions it carried the arguments of `file_hash` as a field of its own:
/// such hunts are on record.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Carried {
    revision: u64,
    artifact: String,
    schema: Option<u32>,
    args: Option<ByteBuf>,
    file_hash: Option<file_hash::Args>,
    spread_s: u32,
    progress_s: u32,
    #[serde(default)]
    on_stall_s: u32,
}

impl TryFrom<Carried> for HuntStart {
    type Error = String;

    fn try_from(start: Carried) -> Result<Self, String> {
        let Carried { revision, artifact, spread_s, progress_s, on_stall_s, .. } = start;
        let (schema, args) = match (start.schema, start.args, start.file_hash) {
            (Some(schema), Some(args), None) => (schema, args),
            (None, None, Some(spec)) if artifact == FILE_HASH => {
                let args = wire::encode(&spec).map_err(|error| error.to_string())?;
                (1, ByteBuf::from(args))
            }
            _ => return Err("a start has `schema` and `args`, and nothing else".to_owned()),
        };
        Ok(Self { revision, artifact, schema, args, spread_s, progress_s, on_stall_s })
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A start as it was before artifacts had versions.
    #[derive(Serialize)]
    struct Before<'a> {
        revision: u64,
        artifact: &'a str,
        file_hash: file_hash::Args,
        spread_s: u32,
        progress_s: u32,
    }

    fn read<T: Serialize>(start: &T) -> Result<HuntStart, WireError> {
        wire::decode(&wire::encode(start)?, limits::REQUEST_BYTES_MAX)
    }

    #[test]
    fn a_start_from_before_artifacts_had_versions_is_read() {
        let spec =
            file_hash::Args { roots: vec![ByteBuf::from("/a")], ..file_hash::Args::default() };
        let before = |artifact| {
            let file_hash = spec.clone();
            read(&Before { revision: 0, artifact, file_hash, spread_s: 7, progress_s: 2 })
        };
        let start = before(FILE_HASH).unwrap();
        let wanted = HuntStart::files(&spec).unwrap();
        assert_eq!(start, HuntStart { spread_s: 7, progress_s: 2, ..wanted });
        assert_eq!(start.file_hash().unwrap(), spec);
        before("registry").unwrap_err();
    }

    #[test]
    fn a_start_has_its_arguments_once() {
        #[derive(Serialize)]
        struct Both {
            #[serde(flatten)]
            start: HuntStart,
            file_hash: file_hash::Args,
        }
        let start = HuntStart::files(&file_hash::Args::default()).unwrap();
        assert_eq!(read(&start).unwrap(), start);
        read(&Both { start, file_hash: file_hash::Args::default() }).unwrap_err();
    }
}
