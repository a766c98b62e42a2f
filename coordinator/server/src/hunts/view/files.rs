//! The files of a hunt whose content was sent.

use std::collections::{BTreeMap, BTreeSet};

use muster_protocol::artifact::{HashKind, Value};
use muster_protocol::ids::AgentId;
use muster_protocol::result::FILE_BLOB;

use super::RequestSnapshot;
use crate::state::Collection;
use crate::store::{Reader, StoreError, StoredBlob};
use muster_api::HuntFile;

/// Names that are shown of one file.
const PATHS_MAX: usize = 100;

impl RequestSnapshot {
    /// Returns the SHA-256 of the files that an agent has sent whole.
    pub fn uploaded(&self, agent: &AgentId) -> BTreeSet<Vec<u8>> {
        let run = self.collections.parts.get(agent).and_then(Collection::counting);
        let blobs = run.map_or(&[][..], |(run, _)| self.blobs_of(agent, run));
        let files = blobs.iter().filter(|blob| blob.kind == FILE_BLOB);
        files.map(|blob| blob.sha256.clone()).collect()
    }

    /// Returns the size of a file that some agent has sent whole.
    pub fn has_file(&self, sha256: &[u8]) -> bool {
        self.blobs().any(|blob| blob.kind == FILE_BLOB && blob.sha256 == sha256)
    }

    /// Returns the files that were sent, each once of each agent.
    pub fn sent(&self) -> Vec<StoredBlob> {
        let files = self.blobs().filter(|blob| blob.kind == FILE_BLOB);
        let files = files.map(|blob| ((blob.agent.clone(), blob.sha256.clone()), blob));
        files.collect::<BTreeMap<_, _>>().into_values().collect()
    }

    /// Shows files that were sent, each with where it lay.
    pub fn files(
        &self,
        reader: &Reader,
        sent: Vec<StoredBlob>,
    ) -> Result<Vec<HuntFile>, StoreError> {
        let mut files: BTreeMap<(AgentId, Vec<u8>), HuntFile> = BTreeMap::new();
        for blob in sent {
            let part = self.collections.parts.get(&blob.agent);
            let run = part.and_then(|part| part.runs.get(&blob.attempt));
            let file = HuntFile {
                hunt: self.request.id.to_string(),
                agent: blob.agent.to_string(),
                host: self.host(&blob.agent, run),
                sha256: muster_protocol::hex::encode(&blob.sha256),
                size: blob.bytes,
                paths: Vec::new(),
            };
            files.insert((blob.agent, blob.sha256), file);
        }
        for (agent, _, run) in self.counting() {
            if !files.keys().any(|(of, _)| *of == agent) {
                continue;
            }
            reader.rows(&self.request.id, &agent, &run, |rows| {
                for row in rows.iter() {
                    let Some(sha256) = row.digest(HashKind::Sha256) else { continue };
                    let file = files.get_mut(&(agent.clone(), sha256.to_vec()));
                    if let Some(file) = file.filter(|file| file.paths.len() < PATHS_MAX)
                        && let Value::Bytes(path) = row.get("path")
                    {
                        file.paths.push(String::from_utf8_lossy(path).into_owned());
                    }
                }
                Ok(true)
            })?;
        }
        Ok(files.into_values().collect())
    }
}
