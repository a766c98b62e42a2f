//! `muster-agent once` on a request that is sealed here: the real program with its limits, policy and session, but
//! without a broker, as any user, among any mounts.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use base64::Engine;
use muster_protocol::artifact::HashKind;
use muster_protocol::artifact::file_hash;
use muster_protocol::clock::Clock;
use muster_protocol::hex;
use muster_protocol::ids::FleetId;
use muster_protocol::request::hunt::HuntStart;
use muster_protocol::request::sign::{Draft, SigningKey};
use muster_protocol::request::trust::Grant;
use muster_protocol::request::{Args, Capability, Limits, Sealed, Target};
use muster_protocol::wire;
use serde_bytes::ByteBuf;
use serde_json::Value;

use crate::fleet::binary;

/// A user without rights, on every system.
const NOBODY: u32 = 65_534;

/// Whose eyes see a tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reader {
    /// Whoever runs the test; root may read everything.
    Tester,
    /// Somebody who may not.
    Nobody,
}

impl Reader {
    /// Lets a command see with these eyes. Who is not root already is a user without rights.
    pub fn dress(self, command: &mut Command) {
        if self == Self::Nobody && rustix::process::geteuid().is_root() {
            command.uid(NOBODY).gid(NOBODY);
        }
    }

    /// Makes a command that sees with these eyes; `within` are the words before it that put it into a place of its own.
    pub fn command(self, within: &[String], program: impl AsRef<OsStr>) -> Command {
        let Some((first, rest)) = within.split_first() else {
            let mut command = Command::new(program);
            self.dress(&mut command);
            return command;
        };
        let mut command = Command::new(first);
        command.args(rest);
        if self == Self::Nobody {
            let (user, group) = (format!("--reuid={NOBODY}"), format!("--regid={NOBODY}"));
            command.args(["setpriv", &user, &group, "--clear-groups", "--"]);
        }
        command.arg(program);
        command
    }
}

/// A folder that everybody may enter, with the program and the keys of a fleet of its own.
#[derive(Debug)]
pub struct Once {
    folder: tempfile::TempDir,
    fleet: FleetId,
    root: SigningKey,
    operator: SigningKey,
    within: Vec<String>,
}

/// What came of a run.
#[derive(Debug)]
pub struct Ended {
    /// The rows as they were printed, by path.
    pub rows: BTreeMap<Vec<u8>, Value>,
    /// The same in the order in which they came.
    pub in_order: Vec<Value>,
    /// The state, with its reason where it has one.
    pub state: String,
    /// The figures.
    pub footer: Value,
}

impl Once {
    /// Puts everything into a folder.
    ///
    /// # Panics
    /// When the program was not built, or the folder cannot be made.
    pub fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("muster-once-").tempdir().expect("a folder");
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).expect("a mode");
        // Where another user may reach it.
        fs::copy(binary("muster-agent"), folder.path().join("muster-agent")).expect("a copy");
        let key = || SigningKey::generate().expect("a key");
        let (root, operator) = (key(), key());
        Self { folder, fleet: FleetId::new(), root, operator, within: Vec::new() }
    }

    /// Runs the program behind these words, which put it into a place of its own.
    #[must_use]
    pub fn within(self, words: Vec<String>) -> Self {
        Self { within: words, ..self }
    }

    /// Returns the words before every command.
    pub fn place(&self) -> &[String] {
        &self.within
    }

    /// Returns a path in the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Returns the arguments that hash everything below some roots.
    pub fn spec(roots: &[&Path]) -> file_hash::Args {
        let bytes = |root: &&Path| ByteBuf::from(root.as_os_str().as_encoded_bytes());
        let roots = roots.iter().map(bytes).collect();
        file_hash::Args { roots, hashes: vec![HashKind::Sha256], ..file_hash::Args::default() }
    }

    /// Returns the fleet root's public key.
    pub fn root(&self) -> [u8; 32] {
        self.root.public()
    }

    /// Seals a request.
    ///
    /// # Panics
    /// When that does not work.
    pub fn seal(&self, spec: &file_hash::Args, limits: Limits) -> Sealed {
        let now = Clock::system().now();
        let certificate = self.root.certify(&Grant {
            fleet: self.fleet,
            key: ByteBuf::from(self.operator.public()),
            name: "test".to_owned(),
            capabilities: Capability::ALL.map(|it| it.as_str().to_owned()).to_vec(),
            issued: now,
            not_after: now.plus_ms(3_600_000),
        });
        let args = Args::HuntStart(HuntStart::files(spec).expect("arguments"));
        let target = Target::all();
        let draft = Draft { fleet: self.fleet, target, limits, issued: now, valid_ms: 3_600_000 };
        let body = draft.body(self.operator.id(), &args).expect("a body");
        let certificate = certificate.expect("a certificate");
        self.operator.seal(&body, Some(&certificate)).expect("a sealed request")
    }

    /// Returns the command that runs the program on a request.
    ///
    /// # Panics
    /// When the request cannot be sealed.
    pub fn command(&self, spec: &file_hash::Args, limits: Limits, reader: Reader) -> Command {
        let sealed = self.seal(spec, limits);
        let file = self.path(&format!("{}.sealed", sealed.id));
        fs::write(&file, wire::encode(&sealed).expect("its bytes")).expect("a file");
        let mut command = reader.command(&self.within, self.path("muster-agent"));
        command.arg("once").arg(file).args(["--output", "jsonl", "--trust"]);
        command.arg(hex::encode(&self.root.public())).current_dir("/").env("MUSTER_LOG", "error");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Starts the program on a request.
    ///
    /// # Panics
    /// As [`Once::command`], or when the program cannot be started.
    pub fn start(&self, spec: &file_hash::Args, limits: Limits, reader: Reader) -> Child {
        self.command(spec, limits, reader).spawn().expect("muster-agent once")
    }

    /// Runs the program on a request to its end.
    ///
    /// # Panics
    /// As [`Once::start`] and [`Ended::of`].
    pub fn run(&self, spec: &file_hash::Args, reader: Reader) -> Ended {
        let child = self.start(spec, Limits::default(), reader);
        Ended::of(&child.wait_with_output().expect("its end"))
    }
}

impl Default for Once {
    fn default() -> Self {
        Self::new()
    }
}

impl Ended {
    /// Reads what the program printed.
    ///
    /// # Panics
    /// When a path came twice, or when that is not rows, a state and figures.
    pub fn of(output: &Output) -> Self {
        let said = String::from_utf8_lossy(&output.stderr);
        let mut last = said.lines().rev();
        let footer = last.next().and_then(|line| serde_json::from_str(line).ok());
        let footer = footer.unwrap_or_else(|| panic!("no figures: {} {said}", output.status));
        let state = last.next().unwrap_or_default().to_owned();
        let mut rows = BTreeMap::new();
        let mut in_order = Vec::new();
        for line in output.stdout.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            let row: Value = serde_json::from_slice(line).expect("a JSON object");
            let path = exact(&row, "path").expect("a path");
            in_order.push(row.clone());
            assert!(rows.insert(path, row).is_none(), "a path came twice");
        }
        Self { rows, in_order, state, footer }
    }

    /// Returns the row of a path.
    ///
    /// # Panics
    /// When there is none.
    pub fn row(&self, path: &Path) -> &Value {
        let found = self.rows.get(path.as_os_str().as_encoded_bytes());
        found.unwrap_or_else(|| panic!("no row of {}", path.display()))
    }

    /// Returns the figures of the files.
    pub fn figures(&self) -> &Value {
        &self.footer["artifact"]["footer"]
    }

    /// Returns a figure of the files, by the way to it; 0 when it is not there.
    pub fn figure(&self, pointer: &str) -> u64 {
        self.figures().pointer(pointer).and_then(Value::as_u64).unwrap_or(0)
    }
}

/// Returns a text of a row byte for byte.
pub fn exact(row: &Value, field: &str) -> Option<Vec<u8>> {
    match row[format!("{field}_b64")].as_str() {
        Some(b64) => base64::engine::general_purpose::STANDARD.decode(b64).ok(),
        None => row[field].as_str().map(|text| text.as_bytes().to_vec()),
    }
}
