//! What a newcomer meets first, through the real commands: each mistake is three useful lines and its documented exit code.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use muster_broker::Password;
use muster_protocol::ids::AgentId;
use muster_server::broker::{Management, apply, enrol};
use serde_json::Value;
use tests::broker::{Broker, shared};
use tests::eventually::eventually;
use tests::fleet::Fleet;
use tests::program::{assert_three_lines, program, ran};

const SOON: Duration = Duration::from_mins(1);

fn muster(home: &Path) -> Command {
    let mut command = program("muster");
    command.env("MUSTER_DIR", home);
    command
}

/// An address where nobody listens.
fn nobody() -> String {
    TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a port").to_string()
}

/// Where a coordinator finds its broker.
struct At<'a> {
    port: u16,
    management: &'a str,
    password: &'a str,
    vhost: &'a str,
}

impl<'a> At<'a> {
    fn broker(broker: &'a Broker, management: &'a str, vhost: &'a str) -> Self {
        Self { port: broker.port(), management, password: broker.password(), vhost }
    }
}

/// Makes a fleet's folder with `muster init`; returns it and the address of its coordinator.
fn init(folder: &Path, at: &At<'_>) -> (PathBuf, String) {
    let (home, password, listen) = (folder.join("home"), folder.join("password"), nobody());
    fs::write(&password, at.password).expect("a password file");
    let port = at.port.to_string();
    let mut command = muster(&home);
    command.args(["init", "--broker-user", "admin", "--listen", &listen, "--broker-port", &port]);
    command.args(["--broker-vhost", at.vhost, "--management-url", at.management]);
    let (code, _, stderr) = ran(command.arg("--broker-password-file").arg(&password));
    assert_eq!(code, 0, "{stderr}");
    let config = home.join("coordinator.toml");
    let text = fs::read_to_string(&config).expect("coordinator.toml");
    fs::write(&config, format!("reconnect_base_ms = 200\n{text}")).expect("coordinator.toml");
    (home, listen)
}

/// A process that does not outlive its test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

fn spawned(command: &mut Command, log: &Path) -> Running {
    let log = File::create(log).expect("a log");
    Running(command.stdout(Stdio::null()).stderr(log).spawn().expect("it starts"))
}

/// Starts `muster serve` and waits until it answers.
fn serve(home: &Path, listen: &str, log: &Path) -> Running {
    let running = spawned(muster(home).arg("serve"), log);
    let url = format!("http://{listen}/healthz");
    eventually("the coordinator answers", SOON, || {
        ureq::get(&url).call().map(drop).map_err(|error| error.to_string())
    });
    running
}

#[test]
fn broker_apply_without_a_usable_broker_is_three_lines() {
    let broker = shared();
    let (url, old) = (broker.management_url(), answering(OLD));
    let away = format!("http://{}", nobody());
    let good = At::broker(broker, &url, "/");
    let cases = [
        (69, At { management: &away, ..good }, ["cannot reach the broker", "rabbitmq_management"]),
        (77, At { password: "wrong", ..good }, ["refuses the coordinator's user", "password_file"]),
        (69, At { vhost: "no/such", ..good }, ["no/such", "rabbitmqctl add_vhost"]),
        (69, At { management: &old, ..good }, ["too old", "RabbitMQ 3.8.9"]),
    ];
    for (expected, at, said) in cases {
        let folder = tempfile::tempdir().expect("a folder");
        let (home, _) = init(folder.path(), &at);
        for verb in ["apply", "status"] {
            let (code, stdout, stderr) = ran(muster(&home).args(["broker", verb]));
            assert_eq!(code, expected, "broker {verb}: {stderr}");
            assert!(stdout.is_empty(), "{stdout}");
            assert_three_lines(&stderr, &said);
            assert!(!stderr.contains(broker.password()), "a secret: {stderr}");
        }
    }
}

/// What an old broker's management API says of itself.
const OLD: &str =
    r#"{"management_version":"3.8.9","rabbitmq_version":"3.8.9","node":"rabbit@old"}"#;

/// Answers every call with the same document, until the tests end.
fn answering(document: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("its address"));
    std::thread::spawn(move || {
        for connection in listener.incoming().flatten() {
            let mut reader = BufReader::new(connection);
            let mut line = String::new();
            while reader.read_line(&mut line).is_ok_and(|bytes| bytes > 2) {
                line.clear();
            }
            let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close";
            let length = document.len();
            let answer = format!("{head}\r\nContent-Length: {length}\r\n\r\n{document}");
            // A client that has seen enough closes its end early.
            drop(reader.into_inner().write_all(answer.as_bytes()));
        }
    });
    url
}

#[test]
fn a_coordinator_without_its_broker_says_why_and_goes_on() {
    let broker = shared();
    let vhost = broker.vhost();
    let (url, away) = (broker.management_url(), nobody());
    let away_url = format!("http://{away}");
    let away_port = away.rsplit(':').next().and_then(|p| p.parse().ok()).expect("a port");
    let good = At::broker(broker, &url, &vhost);
    let cases = [
        (69, At { port: away_port, management: &away_url, ..good }, "no broker at 127.0.0.1"),
        (77, At { password: "wrong", ..good }, "wrong password"),
    ];
    for (expected, at, why) in cases {
        let folder = tempfile::tempdir().expect("a folder");
        let (home, listen) = init(folder.path(), &at);
        let log = folder.path().join("log");
        let mut running = serve(&home, &listen, &log);
        eventually("doctor says why", SOON, || {
            let (code, stdout, stderr) = ran(muster(&home).args(["doctor", "--output", "json"]));
            let report: Value = serde_json::from_str(&stdout).map_err(|_| stderr)?;
            let check = report["checks"].as_array().expect("checks").iter();
            let check = check.into_iter().find(|check| check["name"] == "broker").expect("broker");
            let is_said = check["message"].as_str().is_some_and(|text| text.contains(why));
            if is_said && code == 2 { Ok(()) } else { Err(check.to_string()) }
        });
        let logged = fs::read_to_string(&log).expect("a log");
        assert!(logged.contains("cannot connect; trying on") && logged.contains(why), "{logged}");
        let bundles = folder.path().join("bundles");
        let enrol = ran(muster(&home).args(["agents", "enrol", "web-1", "--out"]).arg(&bundles));
        assert_eq!(enrol.0, expected, "{}", enrol.2);
        assert_three_lines(&enrol.2, &["does not make the agents' users"]);
        assert!(running.0.try_wait().expect("a state").is_none(), "it goes on");
        assert!(!logged.contains(broker.password()), "a secret: {logged}");
    }
}

/// What the agent would refuse at its start is refused before its user exists at the broker.
#[test]
fn labels_that_no_agent_could_send_are_refused_at_enrolment() {
    let broker = shared();
    let (url, vhost) = (broker.management_url(), broker.vhost());
    let folder = tempfile::tempdir().expect("a folder");
    let (home, listen) = init(folder.path(), &At::broker(broker, &url, &vhost));
    let _running = serve(&home, &listen, &folder.path().join("log"));
    let many: Vec<_> = (0..65).map(|n| format!("l{n}=x")).collect();
    let long = vec![format!("tier={}", "x".repeat(600))];
    for (labels, said) in [(many, "65 labels, at most 64"), (long, "tier")] {
        let bundles = folder.path().join("bundles");
        let mut enrol = muster(&home);
        enrol.args(["agents", "enrol", "web-1", "--out"]).arg(&bundles);
        enrol.args(labels.iter().flat_map(|label| ["--label", label]));
        let (code, _, stderr) = ran(&mut enrol);
        assert_eq!(code, 64, "{stderr}");
        assert_three_lines(&stderr, &["cannot enrol", said]);
        assert_eq!(fs::read_dir(&bundles).map_or(0, Iterator::count), 0, "no bundle");
    }
}

#[test]
fn a_wrong_token_is_refused_in_three_lines() {
    let broker = shared();
    let (url, vhost) = (broker.management_url(), broker.vhost());
    let folder = tempfile::tempdir().expect("a folder");
    let (home, listen) = init(folder.path(), &At::broker(broker, &url, &vhost));
    let _running = serve(&home, &listen, &folder.path().join("log"));
    let (code, _, stderr) = ran(muster(&home).args(["hunt", "list"]));
    assert_eq!(code, 0, "the right one: {stderr}");
    for verb in [&["hunt", "list"][..], &["agents", "list"], &["doctor"], &["who-has", DIGEST]] {
        let (code, stdout, stderr) = ran(muster(&home).env("MUSTER_TOKEN", "guessed").args(verb));
        assert_eq!((code, stdout.as_str()), (77, ""), "{verb:?}: {stderr}");
        assert_three_lines(&stderr, &["refuses the token", "--token-file"]);
        assert!(!stderr.contains("guessed"), "a secret: {stderr}");
    }
}

const DIGEST: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

#[test]
fn a_root_that_does_not_exist_is_named_and_nobody_is_told_so() {
    let fleet = Fleet::start(1);
    let agent = fleet.agents[0].id.clone();
    let tree = fleet.path("tree");
    tests::swarm::trees::write(&tree, 5, 1).expect("a tree");
    let tree = tree.to_string_lossy().into_owned();
    let run = |roots: &[&str]| {
        let roots = roots.iter().flat_map(|root| ["--root", root]);
        let words = ["hunt", "run", "--target", "label:test", "--output", "jsonl"];
        let Output { status, stdout, stderr } =
            fleet.muster(words.into_iter().chain(roots).collect::<Vec<_>>());
        let rows: Vec<Value> = String::from_utf8_lossy(&stdout)
            .lines()
            .map(|line| serde_json::from_str(line).expect("a row"))
            .collect();
        (status.code(), rows, String::from_utf8_lossy(&stderr).into_owned())
    };
    let (code, rows, stderr) = run(&["/no/such"]);
    assert_eq!(code, Some(2), "{stderr}");
    let statuses: Vec<_> = rows.iter().map(|row| (&row["path"], &row["status"])).collect();
    assert_eq!(statuses, [(&Value::from("/no/such"), &Value::from("vanished"))]);
    let said = format!("failed 1 · no_root: /no/such does not exist · {agent}");
    assert!(stderr.contains(&said), "{stderr}");
    assert!(stderr.contains("0 of 1 agents finished, 1 failed"), "{stderr}");

    // What is there is collected all the same, and the missing one is not hidden behind it.
    let (code, rows, stderr) = run(&["/no/such", &tree]);
    assert_eq!((code, rows.len()), (Some(2), 6), "{stderr}");
    assert!(stderr.contains("no_root: /no/such does not exist"), "{stderr}");
    let (code, rows, stderr) = run(&[&tree]);
    assert_eq!((code, rows.len()), (Some(0), 5), "{stderr}");
    assert!(stderr.contains("1 of 1 agents finished ·"), "{stderr}");

    let nobody = fleet.muster(["hunt", "run", "--root", "/etc", "--target", "label:tset"]);
    let stderr = String::from_utf8_lossy(&nobody.stderr).into_owned();
    assert_eq!(nobody.status.code(), Some(3), "{stderr}");
    assert!(nobody.stdout.is_empty(), "nothing was launched");
    assert_three_lines(
        &stderr,
        &["no agent matches `label:tset`", "0 of 1", "`label:test=yes` (1)"],
    );
}

/// Makes an agent at the broker and its bundle, as enrolment does; returns its agent.toml.
fn bundle(folder: &Path, broker: &Broker, vhost: &str) -> PathBuf {
    let password = Password::new(broker.password());
    let management = Management::new(&broker.management_url(), broker.admin(), password, vhost);
    apply(&management).expect("the topology");
    let id: AgentId = format!("n-{}", &vhost[2..12]).parse().expect("an id");
    let made = enrol(&management, std::slice::from_ref(&id)).expect("a user");
    write_bundle(folder, &id, broker.port(), vhost, made[0].password.reveal())
}

fn write_bundle(folder: &Path, id: &AgentId, port: u16, vhost: &str, password: &str) -> PathBuf {
    let root = "ab".repeat(32);
    let fleet = muster_protocol::ids::FleetId::new();
    let text = format!(
        "agent = \"{id}\"\nfleet = \"{fleet}\"\nroot = \"{root}\"\n\
         [broker]\nhost = \"127.0.0.1\"\nport = {port}\nvhost = \"{vhost}\"\nuser = \"{id}\"\n\
         password_file = \"broker.password\"\n[tuning]\nreconnect_base_ms = 200\n"
    );
    fs::write(folder.join("broker.password"), password).expect("a password");
    let path = folder.join("agent.toml");
    fs::write(&path, text).expect("agent.toml");
    path
}

fn agent(verb: &str, config: impl AsRef<OsStr>) -> Command {
    let mut command = program("muster-agent");
    command.arg(verb).arg("--config").arg(config);
    command
}

#[test]
fn the_agents_doctor_says_what_is_wrong_with_the_code_for_it() {
    let broker = shared();
    let vhost = broker.vhost();
    let folder = tempfile::tempdir().expect("a folder");
    let config = bundle(folder.path(), broker, &vhost);
    let (code, stdout, stderr) = ran(&mut agent("doctor", &config));
    assert_eq!(code, 0, "{stderr}");
    assert!(stdout.lines().filter(|line| line.starts_with("ok ")).count() >= 4, "{stdout}");

    let good = fs::read_to_string(&config).expect("agent.toml");
    let port = format!("port = {}", broker.port());
    let away = nobody().replace("127.0.0.1:", "port = ");
    let queue = format!("agent = \"n-{}\"", &vhost[2..12]);
    let cases = [
        (69, good.replace(&port, &away), ["cannot reach the broker", "Connection refused"]),
        (69, good.replace(&vhost, "no-such"), ["no-such", "vhost in [broker]"]),
        (
            69,
            good.replace(&queue, "agent = \"other\""),
            ["lacks what this agent", "enrolled again"],
        ),
        (64, good.replace("fleet =", "flet ="), ["does not parse", "line 2"]),
        (64, good.replace("broker.password", "gone"), ["credentials cannot be used", "gone"]),
    ];
    for (expected, text, said) in cases {
        fs::write(&config, text).expect("agent.toml");
        let (code, _, stderr) = ran(&mut agent("doctor", &config));
        assert_eq!(code, expected, "{said:?}: {stderr}");
        assert_three_lines(&stderr, &said);
    }
    fs::write(&config, good).expect("agent.toml");
    fs::write(folder.path().join("broker.password"), "wrong").expect("a password");
    let (code, _, stderr) = ran(&mut agent("doctor", &config));
    assert_eq!(code, 77, "{stderr}");
    assert_three_lines(&stderr, &["refuses this agent", "wrong password", "muster agents enrol"]);
    let (code, _, stderr) = ran(&mut agent("run", "/no/such/agent.toml"));
    assert_eq!(code, 64, "{stderr}");
    assert_three_lines(&stderr, &["/no/such/agent.toml", "muster agents enrol"]);
}

#[test]
fn an_agent_that_cannot_connect_says_so_and_tries_on() {
    let broker = shared();
    let id: AgentId = "lone-1".parse().expect("an id");
    let away = nobody().rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port");
    for (port, said) in [(away, "no broker at"), (broker.port(), "wrong password")] {
        let folder = tempfile::tempdir().expect("a folder");
        let config = write_bundle(folder.path(), &id, port, "/", "wrong");
        let log = folder.path().join("log");
        let mut running = spawned(agent("run", &config).env("MUSTER_LOG", "debug"), &log);
        eventually("it says so, and tries again", SOON, || {
            let log = fs::read_to_string(&log).expect("a log");
            let is_said = log.contains("cannot connect; trying on") && log.contains(said);
            // The first failure of a kind is said aloud, the next ones only in the debug log.
            let tries_on = said == "wrong password" || log.contains("still not connected");
            if is_said && tries_on && log.contains("next=") { Ok(()) } else { Err(log) }
        });
        assert!(running.0.try_wait().expect("a state").is_none(), "it goes on");
    }
}
