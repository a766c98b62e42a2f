//! Rows of a hunt, as the API and the CLI show them: who found it, and the columns that the artifact's schema names.

pub(crate) mod page;

use std::io;

use muster_protocol::artifact::{self, HashKind, RowRef, Schema, json};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
#[cfg(test)]
use utoipa::ToSchema;

/// One row of one agent.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ToSchema))]
pub struct RowView {
    /// What it is a row of, `file_hash`.
    pub artifact: String,
    /// The hunt that found it.
    pub hunt: String,
    /// The agent.
    pub agent: String,
    /// Name of the machine that the run was on.
    pub host: String,
    /// Two machines answered under the agent's id meanwhile: the row is of one of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clone: Option<bool>,
    /// The digests that are in the list of hashes of the hunt, `md5,sha256`; nothing where none is, or there is no list.
    #[serde(default, rename = "match", skip_serializing_if = "Option::is_none")]
    pub matched: Option<String>,
    /// Its content was sent and can be fetched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uploaded: Option<bool>,
    /// The columns of its artifact, by their names: see `GET /api/v1/artifacts`.
    #[serde(flatten)]
    #[cfg_attr(test, schema(value_type = std::collections::HashMap<String, Value>))]
    pub columns: Map<String, Value>,
}

/// The answer to `who-has`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ToSchema))]
pub struct WhoHas {
    /// The files, and the processes that run one, that have one of the digests.
    pub rows: Vec<RowView>,
    /// Asked-for digests that no file has.
    pub absent: Vec<String>,
    /// How many rows were looked at.
    pub scanned_rows: u64,
    /// How many agents they are of.
    pub scanned_agents: u64,
    /// There is more than is shown.
    pub truncated: bool,
}

/// What a hunt can collect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ToSchema))]
pub struct ArtifactView {
    /// Its name.
    pub artifact: String,
    /// The version of its columns.
    pub version: u32,
    /// The columns of its rows.
    pub columns: Vec<ColumnView>,
    /// Those that a table for people shows.
    pub table: Vec<String>,
}

/// One column of the rows of an artifact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ToSchema))]
pub struct ColumnView {
    /// Its name in every output.
    pub name: String,
    /// `bytes`, `word`, `i32`, `u32`, `u64`, `bool`, `time` or `digest`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The unit of its numbers; an empty text where they have none.
    pub unit: String,
    /// What it says.
    pub about: String,
    /// Whether a row may have none.
    pub optional: bool,
    /// The version of the artifact that it joined with.
    pub since: u32,
}

impl ArtifactView {
    /// Shows everything that can be collected.
    pub fn all() -> Vec<Self> {
        artifact::ALL.iter().map(|artifact| Self::new(artifact.schema())).collect()
    }

    fn new(schema: &Schema) -> Self {
        let column = |column: &artifact::Column| ColumnView {
            name: column.name.to_owned(),
            kind: column.kind.as_str().to_owned(),
            unit: column.unit.to_owned(),
            about: column.about.to_owned(),
            optional: column.kind.is_optional() || !column.known_by.is_empty(),
            since: column.since,
        };
        Self {
            artifact: schema.artifact.to_owned(),
            version: schema.version,
            columns: schema.columns.iter().map(column).collect(),
            table: schema.table.iter().map(|name| (*name).to_owned()).collect(),
        }
    }
}

/// What is shown of a row beside its columns.
#[derive(Debug, Clone, Copy, Default)]
pub struct Found<'a> {
    /// The hunt that found it.
    pub hunt: &'a str,
    /// The agent.
    pub agent: &'a str,
    /// Name of the machine that the run was on.
    pub host: &'a str,
    /// Two machines answered under the agent's id meanwhile.
    pub is_clone: bool,
    /// Its content was sent.
    pub is_uploaded: bool,
}

/// The members of [`RowView`] that stand before the columns.
#[derive(Serialize)]
struct Head<'a> {
    artifact: &'a str,
    hunt: &'a str,
    agent: &'a str,
    host: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    clone: Option<bool>,
}

impl Found<'_> {
    /// Writes a row as one JSON object, which reads as a [`RowView`]. `matched` are the digests that are in the list of the
    /// hunt, whatever the agent made of it.
    pub fn write(
        &self,
        row: &RowRef<'_>,
        matched: &[HashKind],
        line: &mut Vec<u8>,
    ) -> io::Result<()> {
        let head = Head {
            artifact: row.schema().artifact,
            hunt: self.hunt,
            agent: self.agent,
            host: self.host,
            clone: self.is_clone.then_some(true),
        };
        serde_json::to_writer(&mut *line, &head)?;
        // The columns follow within the same braces.
        line.pop();
        line.push(b',');
        json::members(row, line)?;
        if !matched.is_empty() {
            let kinds: Vec<_> = matched.iter().map(|kind| kind.as_str()).collect();
            line.extend_from_slice(format!(",\"match\":\"{}\"", kinds.join(",")).as_bytes());
        }
        if self.is_uploaded {
            line.extend_from_slice(b",\"uploaded\":true");
        }
        line.push(b'}');
        Ok(())
    }

    /// Shows a row.
    pub fn view(&self, row: &RowRef<'_>, matched: &[HashKind]) -> io::Result<RowView> {
        let mut line = Vec::new();
        self.write(row, matched, &mut line)?;
        Ok(serde_json::from_slice(&line)?)
    }
}

impl RowView {
    /// Returns the schema of the row, where this program knows it.
    pub fn schema(&self) -> Option<&'static Schema> {
        artifact::find(&self.artifact).map(artifact::Artifact::schema)
    }

    /// Returns a column that is text, a word or a digest.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.columns.get(name).and_then(Value::as_str)
    }

    /// Returns a column that is a number.
    pub fn number(&self, name: &str) -> Option<u64> {
        self.columns.get(name).and_then(Value::as_u64)
    }
}

#[cfg(test)]
mod tests {
    use muster_protocol::artifact::file_hash::{FileKind, FileStatus, Row};
    use muster_protocol::artifact::{Digest, Digests, Rows};
    use serde_json::json;

    use super::*;

    fn written(found: Found<'_>, row: Row, matched: &[HashKind]) -> Value {
        let rows = Rows::of([row]);
        let row = rows.iter().next().unwrap();
        let mut line = Vec::new();
        found.write(&row, matched, &mut line).unwrap();
        let view: RowView = serde_json::from_slice(&line).unwrap();
        assert_eq!(view, found.view(&row, matched).unwrap());
        let json: Value = serde_json::from_slice(&line).unwrap();
        assert_eq!(serde_json::to_value(&view).unwrap(), json);
        json
    }

    fn row() -> Row {
        let digests = Digests::from_iter([
            (HashKind::Md5, Digest::from_elem(1, 16)),
            (HashKind::Sha256, Digest::from_elem(2, 32)),
        ]);
        let bare = Row::bare(b"/a".to_vec(), FileKind::Regular, FileStatus::Ok, 0);
        Row { digests, size: 7, ..bare }
    }

    #[test]
    fn a_row_says_who_found_what() {
        let found = Found { hunt: "h", agent: "a\"", host: "m", ..Found::default() };
        let json = written(found, row(), &[]);
        assert_eq!((&json["artifact"], &json["agent"]), (&json!("file_hash"), &json!("a\"")));
        assert_eq!((&json["path"], &json["size"]), (&json!("/a"), &json!(7)));
        assert_eq!(json["md5"], "01".repeat(16));
        for absent in ["clone", "match", "uploaded", "sha512", "path_b64"] {
            assert!(json.get(absent).is_none(), "{absent}");
        }
    }

    #[test]
    fn what_is_known_beside_the_columns_is_said() {
        let found = Found { is_clone: true, is_uploaded: true, ..Found::default() };
        let json = written(found, row(), &[HashKind::Md5, HashKind::Sha256]);
        assert_eq!(json["match"], "md5,sha256");
        assert_eq!((&json["clone"], &json["uploaded"]), (&json!(true), &json!(true)));
    }

    #[test]
    fn every_artifact_is_described() {
        let all = ArtifactView::all();
        assert_eq!(all.len(), artifact::ALL.len());
        for artifact in all {
            assert!(
                artifact.columns.iter().all(|column| column.about.ends_with('.')),
                "{artifact:?}"
            );
            let names: Vec<_> = artifact.columns.iter().map(|column| &column.name).collect();
            let is_named = |name: &String| name == "digest" || names.contains(&name);
            assert!(artifact.table.iter().all(is_named), "{artifact:?}");
            // The names beside the columns are taken.
            for taken in ["artifact", "hunt", "agent", "host", "clone", "match", "uploaded"] {
                assert!(names.iter().all(|name| *name != taken), "{taken}");
            }
        }
    }
}
