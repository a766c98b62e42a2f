//! A whole fleet as an operator has it: a broker, `muster serve`, agents, each a process that can be killed and
//! started again. Everything is driven through the `muster` command.
//!
//! The fleets of one test process live in virtual hosts of one broker, which none of them may stop: a test that does so
//! starts its fleet with a broker of its own.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::net::TcpListener;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::authority::Authority;
use crate::broker::{Broker, shared};
use crate::eventually::eventually;

/// Everything here waits at most so long for a process to be ready.
const READY: Duration = Duration::from_mins(1);

/// One agent of a fleet.
#[derive(Debug)]
pub struct Member {
    /// The id that enrolment minted.
    pub id: String,
    /// Its bundle: configuration, password, state.
    pub bundle: PathBuf,
    process: Option<Child>,
}

/// The broker of a fleet.
#[derive(Debug)]
pub enum OwnOrShared {
    /// One that this fleet may stop and kill.
    Own(Box<Broker>),
    /// The one of this process.
    Shared(&'static Broker),
}

impl std::ops::Deref for OwnOrShared {
    type Target = Broker;

    fn deref(&self) -> &Broker {
        match self {
            Self::Own(broker) => broker,
            Self::Shared(broker) => broker,
        }
    }
}

/// A broker, a coordinator and some agents, in a folder of their own.
#[derive(Debug)]
pub struct Fleet {
    /// The broker.
    pub broker: OwnOrShared,
    /// The virtual host of this fleet.
    pub vhost: String,
    /// The agents, in the order of enrolment.
    pub agents: Vec<Member>,
    speaks_tls: bool,
    folder: tempfile::TempDir,
    listen: String,
    coordinator: Option<Child>,
}

/// Returns a binary that was built beside the test.
///
/// # Panics
/// When it is not there: `tests/run` builds it first.
pub fn binary(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("the path of this test");
    let found =
        test.ancestors().skip(1).take(3).map(|dir| dir.join(name)).find(|path| path.is_file());
    found.unwrap_or_else(|| {
        panic!("no {name} beside {}: build it with `cargo build`", test.display())
    })
}

fn free_address() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("its address").to_string()
}

impl Fleet {
    /// Starts a fleet with agents `agent-1` to `agent-N`; returns when the coordinator has heard of all.
    ///
    /// # Panics
    /// When a part does not come up; the message holds what it said.
    pub fn start(agents: usize) -> Self {
        Self::start_with(agents, |_| {})
    }

    /// The same, with a look at each agent's bundle before the agent first runs.
    pub fn start_with(agents: usize, prepare: impl Fn(&Path)) -> Self {
        let broker = shared();
        Self::start_on(OwnOrShared::Shared(broker), broker.vhost(), false, agents, prepare)
    }

    /// The same, with TLS to the broker and to the coordinator, by an authority that only its own files know.
    pub fn start_tls(agents: usize) -> Self {
        let broker = shared();
        Self::start_on(OwnOrShared::Shared(broker), broker.vhost(), true, agents, |_| {})
    }

    /// The same with a broker of its own, for a test that stops it, looks at its connections or measures it.
    pub fn start_with_broker(agents: usize) -> Self {
        Self::start_with_this(Broker::start(), agents)
    }

    /// The same with a broker that was made for it.
    pub fn start_with_this(broker: Broker, agents: usize) -> Self {
        let broker = OwnOrShared::Own(Box::new(broker));
        Self::start_on(broker, "/".to_owned(), false, agents, |_| {})
    }

    fn start_on(
        broker: OwnOrShared,
        vhost: String,
        speaks_tls: bool,
        agents: usize,
        prepare: impl Fn(&Path),
    ) -> Self {
        let folder = tempfile::Builder::new().prefix("muster-fleet-").tempdir().expect("a folder");
        let listen = free_address();
        let mut fleet = Self {
            broker,
            vhost,
            agents: Vec::new(),
            speaks_tls,
            folder,
            listen,
            coordinator: None,
        };
        fleet.init();
        // Tests do not wait for a fleet's worth of jitter.
        let config = fleet.path("home").join("coordinator.toml");
        let text = fs::read_to_string(&config).expect("coordinator.toml");
        fs::write(&config, format!("reconnect_base_ms = 200\n{text}")).expect("coordinator.toml");
        fleet.muster_ok(["broker", "apply"]);
        fleet.start_coordinator();
        let bundles = fleet.path("bundles");
        let names: Vec<_> = (1..=agents).map(|n| format!("agent-{n} test=yes\n")).collect();
        fs::write(fleet.path("names"), names.concat()).expect("a list of names");
        if agents > 0 {
            let names = fleet.path("names");
            fleet.muster_ok([
                OsStr::new("agents"),
                "enrol".as_ref(),
                "--from".as_ref(),
                names.as_ref(),
                "--out".as_ref(),
                bundles.as_ref(),
            ]);
        }
        for n in 1..=agents {
            let prefix = format!("agent-{n}-");
            let found =
                fs::read_dir(&bundles).expect("bundles").flatten().map(|entry| entry.path());
            let bundle = found
                .filter(|path| {
                    path.file_name().is_some_and(|f| f.to_string_lossy().starts_with(&prefix))
                })
                .min_by_key(|path| path.as_os_str().len())
                .unwrap_or_else(|| panic!("no bundle {prefix}*"));
            tune(&bundle);
            prepare(&bundle);
            let id = bundle.file_name().expect("a name").to_string_lossy().into_owned();
            fleet.agents.push(Member { id, bundle, process: None });
            fleet.start_agent(n - 1);
        }
        fleet.await_agents();
        fleet
    }

    /// Makes the fleet's files.
    fn init(&self) {
        let (home, password) = (self.path("home"), self.path("admin.password"));
        fs::write(&password, self.broker.password()).expect("a password file");
        let mut words: Vec<OsString> = vec!["init".into(), "--dir".into(), home.into()];
        let mut add = |flag: &str, value: &OsStr| words.extend([flag.into(), value.to_owned()]);
        add("--listen", self.listen.as_ref());
        add("--broker-vhost", self.vhost.as_ref());
        add("--broker-user", self.broker.admin().as_ref());
        add("--broker-password-file", password.as_ref());
        if self.speaks_tls {
            let authority = Authority::make(&self.path("authority")).expect("an authority");
            let (cert, key) =
                authority.issue("coordinator", "DNS:localhost").expect("a certificate");
            add("--tls-cert", cert.as_ref());
            add("--tls-key", key.as_ref());
            add("--ca-file", authority.file().as_ref());
            add("--broker-host", "localhost".as_ref());
            add("--broker-port", self.broker.tls_port().to_string().as_ref());
            add("--broker-ca-file", self.broker.ca_file().as_ref());
            add("--management-url", self.broker.management_tls_url().as_ref());
        } else {
            add("--broker-host", "127.0.0.1".as_ref());
            add("--broker-port", self.broker.port().to_string().as_ref());
            add("--management-url", self.broker.management_url().as_ref());
        }
        self.muster_ok(words);
    }

    /// Returns the address of the coordinator; its certificate is for `localhost`.
    pub fn url(&self) -> String {
        if self.speaks_tls {
            self.listen.replace("127.0.0.1", "https://localhost")
        } else {
            format!("http://{}", self.listen)
        }
    }

    /// Returns a path in the fleet's folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Returns the path of one of its queues in the management API.
    pub fn queue(&self, name: &str) -> String {
        format!("/api/queues/{}/{name}", self.vhost.replace('/', "%2F"))
    }

    /// Returns what makes `muster` talk to this fleet.
    pub fn environment(&self) -> BTreeMap<&'static str, String> {
        let home = self.path("home").to_string_lossy().into_owned();
        BTreeMap::from([("MUSTER_DIR", home), ("MUSTER_URL", self.url())])
    }

    /// Runs `muster` to its end.
    pub fn muster<I, S>(&self, arguments: I) -> Output
    where
        I: IntoIterator<Item = S>,
        S: AsRef<OsStr>,
    {
        let mut command = Command::new(binary("muster"));
        command.args(arguments).envs(self.environment()).stdin(Stdio::null());
        command.output().expect("muster runs")
    }

    /// Runs `muster`, which must end with 0; returns what it printed.
    #[track_caller]
    pub fn muster_ok<I, S>(&self, arguments: I) -> String
    where
        I: IntoIterator<Item = S>,
        S: AsRef<OsStr>,
    {
        let arguments: Vec<_> = arguments.into_iter().map(|a| a.as_ref().to_owned()).collect();
        let output = self.muster(&arguments);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "muster {arguments:?}: {}\n{stderr}", output.status);
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Runs `muster … --output jsonl`, which must end with 0; returns the objects.
    #[track_caller]
    pub fn json_lines(&self, arguments: &[&str]) -> Vec<Value> {
        let text = self.muster_ok(arguments.iter().chain(&["--output", "jsonl"]));
        text.lines().map(|line| serde_json::from_str(line).expect("a JSON object")).collect()
    }

    /// Runs `muster … --output json`, which must end with 0; returns the document.
    #[track_caller]
    pub fn json(&self, arguments: &[&str]) -> Value {
        let text = self.muster_ok(arguments.iter().chain(&["--output", "json"]));
        serde_json::from_str(&text).expect("a JSON document")
    }

    /// Starts the coordinator and waits until it answers.
    pub fn start_coordinator(&mut self) {
        self.start_coordinator_under(&[]);
    }

    /// The same, as the last arguments of another program, which must become it: `strace -D …`, `unshare …`.
    pub fn start_coordinator_under(&mut self, wrapper: &[OsString]) {
        self.spawn_coordinator_under(wrapper);
        let url = format!("{}/healthz", self.url());
        eventually("the coordinator answers", READY, || {
            if self.speaks_tls {
                let doctor = self.muster(["doctor"]);
                let code = doctor.status.code();
                let said = || String::from_utf8_lossy(&doctor.stderr).into_owned();
                return if code == Some(69) { Err(said()) } else { Ok(()) };
            }
            ureq::get(&url).call().map(drop).map_err(|error| error.to_string())
        });
    }

    /// The same, for one that is not expected to live long: does not wait.
    pub fn spawn_coordinator_under(&mut self, wrapper: &[OsString]) {
        let log = self.log("coordinator");
        let mut command = wrapped(wrapper, "muster");
        command.arg("serve").envs(self.environment()).stdin(Stdio::null());
        self.coordinator =
            Some(command.stdout(Stdio::null()).stderr(log).spawn().expect("muster serve"));
    }

    /// Starts an agent (by index); does not wait.
    pub fn start_agent(&mut self, index: usize) {
        self.start_agent_under(index, &[]);
    }

    /// The same, as the last arguments of another program, which must become it: `strace -D …`, `unshare …`.
    pub fn start_agent_under(&mut self, index: usize, wrapper: &[OsString]) {
        let log = self.log(&self.agents[index].id);
        let member = &mut self.agents[index];
        let mut command = wrapped(wrapper, "muster-agent");
        command
            .args(["run", "--config"])
            .arg(member.bundle.join("agent.toml"))
            .stdin(Stdio::null());
        command.env("MUSTER_LOG", "info").stdout(Stdio::null()).stderr(log);
        member.process = Some(command.spawn().expect("muster-agent run"));
    }

    /// Waits until the coordinator shows every agent as live.
    pub fn await_agents(&self) {
        if self.agents.is_empty() {
            return;
        }
        eventually("all agents are live", READY, || {
            let live = self.json_lines(&["agents", "list"]);
            let live = live.iter().filter(|agent| agent["state"] == "live").count();
            if live >= self.agents.len() { Ok(()) } else { Err(format!("{live} are")) }
        });
    }

    /// Kills an agent with SIGKILL.
    pub fn kill_agent(&mut self, index: usize) {
        kill(&mut self.agents[index].process);
    }

    /// Kills the coordinator with SIGKILL.
    pub fn kill_coordinator(&mut self) {
        kill(&mut self.coordinator);
    }

    /// Asks an agent to end, and waits until it has.
    ///
    /// # Panics
    /// When it does not end, or not well.
    pub fn stop_agent(&mut self, index: usize) {
        stop("the agent ends", &mut self.agents[index].process);
    }

    /// Asks the coordinator to end, and waits until it has.
    ///
    /// # Panics
    /// When it does not end, or not well.
    pub fn stop_coordinator(&mut self) {
        stop("the coordinator ends", &mut self.coordinator);
    }

    /// Waits until the coordinator was killed by somebody else.
    ///
    /// # Panics
    /// When it is not, or ends in another way.
    pub fn await_kill_of_coordinator(&mut self) {
        killed("the coordinator is killed", &mut self.coordinator);
    }

    /// Returns what an agent, or `coordinator`, has logged.
    pub fn said(&self, name: &str) -> String {
        fs::read_to_string(self.path(&format!("{name}.log"))).expect("a log file")
    }

    /// Returns the process id of an agent.
    pub fn agent_pid(&self, index: usize) -> u32 {
        self.agents[index].process.as_ref().expect("it runs").id()
    }

    /// Returns the process id of the coordinator.
    pub fn coordinator_pid(&self) -> u32 {
        self.coordinator.as_ref().expect("it runs").id()
    }

    /// Waits until a hunt has ended everywhere and returns its document; all agents must have finished.
    #[track_caller]
    pub fn await_hunt(&self, hunt: &str, limit: Duration) -> Value {
        eventually("the hunt ends", limit, || {
            let output = self.muster(["hunt", "show", hunt, "--output", "json"]);
            let shown: Value = serde_json::from_slice(&output.stdout)
                .map_err(|_| String::from_utf8_lossy(&output.stderr).into_owned())?;
            let states = &shown["states"];
            let ended = ["finished", "failed", "cancelled", "declined", "expired", "incomplete"];
            let ended: u64 = ended.iter().filter_map(|state| states[state].as_u64()).sum();
            if Some(ended) == shown["targeted"].as_u64() {
                Ok(shown)
            } else {
                Err(states.to_string())
            }
        })
    }

    /// Returns the rows of a hunt: per agent, path and sha256.
    #[track_caller]
    pub fn rows(&self, hunt: &str) -> BTreeMap<String, Vec<(Vec<u8>, String)>> {
        use base64::Engine;
        let mut rows: BTreeMap<String, Vec<_>> = BTreeMap::new();
        for row in self.json_lines(&["hunt", "results", hunt]) {
            let path = match row["path_b64"].as_str() {
                Some(b64) => base64::engine::general_purpose::STANDARD.decode(b64).expect("base64"),
                None => row["path"].as_str().expect("a path").as_bytes().to_vec(),
            };
            let digest = row["sha256"].as_str().unwrap_or_default().to_owned();
            rows.entry(row["agent"].as_str().expect("an agent").to_owned())
                .or_default()
                .push((path, digest));
        }
        rows
    }

    fn log(&self, name: &str) -> File {
        let path = self.path(&format!("{name}.log"));
        File::options().create(true).append(true).open(path).expect("a log file")
    }
}

fn kill(process: &mut Option<Child>) {
    if let Some(mut child) = process.take() {
        child.kill().expect("SIGKILL");
        child.wait().expect("its end");
    }
}

fn wrapped(wrapper: &[OsString], name: &str) -> Command {
    match wrapper {
        [] => Command::new(binary(name)),
        [program, arguments @ ..] => {
            let mut command = Command::new(program);
            command.args(arguments).arg(binary(name));
            command
        }
    }
}

#[track_caller]
fn stop(what: &str, process: &mut Option<Child>) {
    let Some(mut child) = process.take() else { return };
    kill_process(Pid::from_child(&child), Signal::TERM).expect("SIGTERM");
    let status = ended(what, &mut child);
    assert!(status.success(), "{what}: {status}");
}

#[track_caller]
fn killed(what: &str, process: &mut Option<Child>) {
    let Some(child) = process else { return };
    let status = ended(what, child);
    assert_eq!(status.signal(), Some(9), "{what}: {status}");
    *process = None;
}

#[track_caller]
fn ended(what: &str, child: &mut Child) -> ExitStatus {
    eventually(what, READY, || {
        child.try_wait().expect("a child").ok_or_else(|| "not yet".to_owned())
    })
}

impl Drop for Fleet {
    fn drop(&mut self) {
        self.agents.iter_mut().for_each(|member| kill(&mut member.process));
        kill(&mut self.coordinator);
        if std::thread::panicking() {
            eprintln!("{}", tails(self.folder.path()));
        } else if let OwnOrShared::Shared(broker) = self.broker {
            broker.drop_vhost(&self.vhost);
        }
    }
}

/// Makes an agent quick to come back and to speak: tests do not wait for a fleet's worth of jitter.
pub fn tune(bundle: &Path) {
    let config = bundle.join("agent.toml");
    let mut text = fs::read_to_string(&config).expect("agent.toml");
    text.push_str("\n[tuning]\nreconnect_base_ms = 200\ntelemetry_ms = 1000\n");
    fs::write(&config, text).expect("agent.toml");
}

/// Returns the last lines of every log, for the report of a failure.
fn tails(folder: &Path) -> String {
    let mut parts = Vec::new();
    for path in fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()) {
        if path.extension().is_some_and(|ending| ending == "log") {
            let log = fs::read_to_string(&path).unwrap_or_default();
            let lines: Vec<_> = log.lines().rev().take(15).collect();
            let lines: Vec<_> = lines.into_iter().rev().collect();
            parts.push(format!("--- {}\n{}\n", path.display(), lines.join("\n")));
        }
    }
    parts.concat()
}
