//! `muster profile bundle`: everything that was taken in one archive, with a manifest.

use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use flate2::Compression;
use flate2::write::GzEncoder;
use muster_api::ProfileView;
use muster_protocol::request::profile::ProfileKind;
use muster_protocol::result::rows::sha256;
use serde::Serialize;
use serde_json::json;

use super::views::Of;
use super::{agent_part, find, has_blob, kinds_of};
use crate::args::profile::Bundle;
use crate::client::Client;
use crate::failure::{Exit, Failure};
use crate::output::{Document, json_of, units};
use crate::place::Place;
use crate::{Context, private};

/// What is put in of a kind that has stacks: the view, the ending of its file, and what it is good for.
const OF_STACKS: [(&str, &str, &str); 3] = [
    ("pprof", "pb.gz", "with names and lines: go tool pprof FILE"),
    ("flame.svg", "svg", "a flame graph: open it in a browser"),
    ("raw", "raw.pb.gz", "as the agent sent it: addresses without names"),
];
/// The same of a document.
const OF_DOCUMENT: [(&str, &str, &str); 1] = [("raw", "json", "as the agent sent it")];

pub(super) fn run(context: &Context, flags: &Bundle) -> Result<Exit, Failure> {
    let client = context.client()?;
    let (id, mut profile) = find(&client, &flags.profile)?;
    if let Some(agent) = &flags.agent {
        let only = client.agent_id(agent)?;
        profile.view.agents.retain(|agent| agent.agent == only.as_str());
        if let Some(fields) = profile.json.as_object_mut() {
            fields.insert("agents".to_owned(), json_of(&profile.view.agents)?);
        }
    }
    if !profile.view.agents.iter().any(|agent| has_blob(agent, None)) {
        let next = format!("muster profile show {id}");
        let what = "there is nothing to put together";
        let why = "no agent has sent its part (yet)";
        return Err(Failure::new(Exit::NothingMatched, what, why, &next));
    }
    let usual = || PathBuf::from(format!("{id}.tar.gz"));
    let Place::File(out) = Place::of(context.out, flags.out.as_deref(), usual) else {
        let (bytes, _) = write(Vec::new(), &client, &profile, Path::new("stdout"))?;
        context.out.bytes(&bytes)?;
        return Ok(Exit::Done);
    };
    let file = BufWriter::new(private::create(&out)?);
    let (mut file, said) = write(file, &client, &profile, &out)?;
    let size = file.flush().and_then(|()| file.get_ref().metadata());
    let size = size.map_err(|error| Failure::file("write", &out, &error))?.len();
    context.out.note(&format!("{} ({}): {said}", out.display(), units::bytes(size)));
    Ok(Exit::Done)
}

/// Writes the archive; returns what it was written to, and how much it holds, for people.
fn write<W: Write>(
    to: W,
    client: &Client,
    profile: &Document<ProfileView>,
    out: &Path,
) -> Result<(W, String), Failure> {
    let ProfileView { id, agents, .. } = &profile.view;
    let mut archive = Archive::new(to, id);
    for shown in agents {
        let agent = agent_part(&shown.agent)?;
        for kind in kinds_of(shown) {
            archive.take(client, id, &agent, kind, out)?;
        }
    }
    let said = match (archive.files.len(), archive.problems.len()) {
        (files, 0) => format!("{files} files"),
        (files, problems) => format!("{files} files, {problems} cannot be made"),
    };
    let to = archive.end(profile).map_err(|error| Failure::file("write", out, &error))?;
    Ok((to, said))
}

/// An archive that is being written: one file in memory at a time.
struct Archive<W: Write> {
    tar: tar::Builder<GzEncoder<W>>,
    folder: String,
    made_s: u64,
    files: Vec<Archived>,
    problems: Vec<Problem>,
}

/// A file of the archive, as the manifest lists it.
#[derive(Debug, Serialize)]
struct Archived {
    name: String,
    agent: String,
    kind: ProfileKind,
    what: &'static str,
    bytes: usize,
    sha256: String,
}

/// A file that could not be made.
#[derive(Debug, Serialize)]
struct Problem {
    name: String,
    why: String,
}

impl<W: Write> Archive<W> {
    fn new(to: W, id: &str) -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self {
            tar: tar::Builder::new(GzEncoder::new(to, Compression::default())),
            folder: format!("muster-profile-{id}"),
            made_s: since.as_secs(),
            files: Vec::new(),
            problems: Vec::new(),
        }
    }

    /// Puts in all that is to be had of one kind of one agent.
    fn take(
        &mut self,
        client: &Client,
        id: &str,
        agent: &str,
        kind: ProfileKind,
        out: &Path,
    ) -> Result<(), Failure> {
        let of = Of::new(id, agent).with("kind", Some(kind.as_str()));
        let views = if kind.has_stacks() { &OF_STACKS[..] } else { &OF_DOCUMENT[..] };
        for (view, ending, what) in views {
            let name = format!("{agent}/{kind}.{ending}");
            match client.bytes(&of.view(view)) {
                Ok(bytes) => {
                    self.add(&name, &bytes).map_err(|error| Failure::file("write", out, &error))?;
                    self.files.push(Archived {
                        name,
                        agent: agent.to_owned(),
                        kind,
                        what,
                        bytes: bytes.len(),
                        sha256: muster_protocol::hex::encode(&sha256(&bytes)),
                    });
                }
                // What cannot be made is no reason to lose the rest; a coordinator that is gone is.
                Err(failure) if failure.exit == Exit::Unavailable => return Err(failure),
                Err(failure) => {
                    self.problems.push(Problem { name, why: failure.to_string() });
                }
            }
        }
        Ok(())
    }

    fn add(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let mut header = tar::Header::new_gnu();
        header.set_size(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        header.set_mode(0o600);
        header.set_mtime(self.made_s);
        self.tar.append_data(&mut header, format!("{}/{name}", self.folder), bytes)
    }

    /// Puts the manifest in, and returns what was written to.
    fn end(mut self, profile: &Document<ProfileView>) -> io::Result<W> {
        let manifest = json!({
            "muster": env!("CARGO_PKG_VERSION"),
            "profile": profile.json,
            "files": self.files,
            "problems": self.problems,
        });
        self.add("manifest.json", format!("{manifest:#}\n").as_bytes())?;
        self.tar.into_inner()?.finish()
    }
}
