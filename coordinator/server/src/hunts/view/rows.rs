//! Where the rows of a hunt come from: the runs that count, as `rows` takes them.

use muster_protocol::artifact;
use muster_protocol::request::hunt::HuntStart;

use super::RequestSnapshot;
use crate::rows::held::HeldRows;
use crate::rows::source::{Run, Source};
use crate::store::{DataDir, StoreError};

impl RequestSnapshot {
    /// Returns where its rows come from. A long list of hashes is read once for all who ask.
    pub fn source(&self, place: &DataDir, held: &HeldRows) -> Result<Source, StoreError> {
        let args: HuntStart = self.args()?;
        let schema = artifact::find(&args.artifact).map(artifact::Artifact::schema);
        let schema = schema.ok_or_else(|| {
            StoreError::Broken(format!("rows of {} need a newer coordinator", args.artifact))
        })?;
        let runs = self.counting().into_iter().map(|(agent, host, attempt)| Run {
            is_clone: self.is_clone(&agent),
            uploaded: self.uploaded(&agent),
            rows: self.volume.get(&(agent.clone(), attempt)).map_or(0, |stored| stored.rows),
            agent,
            host,
            attempt,
        });
        Ok(Source {
            hunt: self.request.id,
            named: self.request.id.to_string(),
            schema,
            roots: args.asked()?.roots.into_iter().map(serde_bytes::ByteBuf::into_vec).collect(),
            ioc: held.list(self.request.id, || self.ioc(place))?,
            runs: runs.collect(),
        })
    }
}
