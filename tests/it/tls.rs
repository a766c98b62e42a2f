//! TLS on all three ways: agents and coordinator to the broker, coordinator to the management API, clients to the API;
//! with an authority of the test's own, and refused in three useful lines where it should be.

use std::collections::BTreeSet;
use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use muster_protocol::limits::HTTP_CONNECTIONS_MAX;
use serde_json::json;
use tests::authority::Authority;
use tests::eventually::eventually;
use tests::fleet::Fleet;
use tests::program::{assert_three_lines, program, ran};

const SOON: Duration = Duration::from_mins(1);

/// A way to be wrong: the code, what is put for what, and what is said.
type Case<'a> = (i32, &'a str, String, [&'a str; 2]);

const UNKNOWN: &str = "signed by no authority that is known here";

fn stranger(fleet: &Fleet) -> String {
    let other = Authority::make(&fleet.path("stranger")).expect("another authority");
    other.file().to_string_lossy().into_owned()
}

/// Runs a command on a configuration that is wrong in one place each time; then sets it right again.
#[track_caller]
fn each_is_refused(file: &Path, cases: &[Case<'_>], run: impl Fn() -> (i32, String, String)) {
    let good = fs::read_to_string(file).expect("a configuration");
    for (code, right, wrong, said) in cases {
        assert!(good.contains(right), "{right:?} is not in {good}");
        fs::write(file, good.replace(right, wrong)).expect("a configuration");
        let (ended, stdout, stderr) = run();
        assert_eq!(ended, *code, "{wrong}: {stdout}{stderr}");
        assert_three_lines(&stderr, said);
    }
    fs::write(file, good).expect("a configuration");
    let (ended, _, stderr) = run();
    assert_eq!(ended, 0, "set right again: {stderr}");
}

#[test]
fn a_hunt_over_tls_with_an_authority_of_ones_own() {
    let fleet = Fleet::start_tls(1);
    let (agent, bundle) = (&fleet.agents[0].id, &fleet.agents[0].bundle);
    let ca = fs::read(fleet.broker.ca_file()).expect("the authority");
    assert_eq!(fs::read(bundle.join("broker-ca.pem")).expect("the bundle's"), ca);
    eventually("the broker lists the connections, all over TLS", SOON, || {
        let all = fleet.broker.call("GET", "/api/connections", &json!({}));
        let ours = all.as_array().expect("a list").iter();
        let mut ours: Vec<_> = ours.filter(|one| one["vhost"] == fleet.vhost.as_str()).collect();
        ours.retain(|one| one["ssl"] == true);
        let users: BTreeSet<_> = ours.iter().filter_map(|one| one["user"].as_str()).collect();
        let expected = BTreeSet::from([agent.as_str(), fleet.broker.admin()]);
        if users == expected { Ok(()) } else { Err(all.to_string()) }
    });

    let tree = fleet.path("tree");
    tests::swarm::trees::write(&tree, 5, 1).expect("a tree");
    let tree = tree.to_string_lossy().into_owned();
    // Whoever connects and says nothing holds nobody up, however many they are.
    let address = fleet.url().replace("https://localhost", "127.0.0.1");
    let silent: Vec<_> = (0..HTTP_CONNECTIONS_MAX + 8)
        .map(|_| TcpStream::connect(&address).expect("a port"))
        .collect();
    let rows = fleet.json_lines(&["hunt", "run", "--target", "all", "--root", &tree]);
    assert_eq!(rows.len(), 5, "{rows:?}");
    assert!(rows.iter().all(|row| row["status"] == "ok"), "{rows:?}");
    drop(silent);
}

#[test]
fn on_every_way_a_stranger_is_refused_in_three_lines() {
    let fleet = Fleet::start_tls(1);
    let stranger = stranger(&fleet);
    let broker = &fleet.broker;
    let (tls, plain) =
        (format!("port = {}", broker.tls_port()), format!("port = {}", broker.port()));

    let config = fleet.agents[0].bundle.join("agent.toml");
    let ca = "broker-ca.pem";
    let cases: [Case<'_>; 5] = [
        (77, ca, stranger.clone(), [UNKNOWN, "ca_file in [broker]"]),
        (
            77,
            "localhost",
            "127.0.0.1".to_owned(),
            ["127.0.0.1", "a name that the certificate holds"],
        ),
        (69, &tls, plain.clone(), ["does not speak TLS", "host, port and tls"]),
        (69, "tls = true", "tls = false".to_owned(), ["no broker at", "host, port and tls"]),
        (64, ca, "gone.pem".to_owned(), ["gone.pem", "[broker]"]),
    ];
    each_is_refused(&config, &cases, || {
        ran(program("muster-agent").args(["doctor", "--config"]).arg(&config))
    });

    let home = fleet.path("home");
    let config = home.join("coordinator.toml");
    let (url, plain) = (broker.management_tls_url(), broker.management_url());
    let ca = broker.ca_file().to_string_lossy().into_owned();
    let by_address = url.replace("localhost", "127.0.0.1");
    let cases: [Case<'_>; 5] = [
        (77, &ca, stranger.clone(), [UNKNOWN, "ca_file in [broker]"]),
        (77, &url, by_address, ["127.0.0.1", "a name that the certificate holds"]),
        (69, &url, plain.replace("http:", "https:"), ["does not speak TLS", "management_url"]),
        (
            69,
            &url,
            url.replace("https:", "http:"),
            ["cannot reach the broker", "begins with https://"],
        ),
        (64, &ca, "gone.pem".to_owned(), ["gone.pem", "ca_file"]),
    ];
    each_is_refused(&config, &cases, || {
        ran(program("muster").env("MUSTER_DIR", &home).args(["broker", "apply"]))
    });

    let url = fleet.url();
    let clients = [
        (0, url.clone(), None, None),
        (77, url.clone(), Some(&stranger), Some([UNKNOWN, "--ca-file"])),
        (77, url.replace("localhost", "127.0.0.1"), None, Some(["127.0.0.1", "--url"])),
        (69, plain.replace("http:", "https:"), None, Some(["does not speak TLS", "http://"])),
        (69, url.replace("https:", "http:"), None, Some(["not a coordinator", "https://"])),
        (64, url.clone(), Some(&"gone.pem".to_owned()), Some(["gone.pem", "--ca-file"])),
    ];
    for (code, url, ca, said) in clients {
        let mut command = program("muster");
        command.env("MUSTER_DIR", &home).args(["agents", "list", "--url", &url]);
        if let Some(ca) = ca {
            command.args(["--ca-file", ca]);
        }
        let (ended, stdout, stderr) = ran(&mut command);
        assert_eq!(ended, code, "{url} {ca:?}: {stdout}{stderr}");
        if let Some(said) = said {
            assert_three_lines(&stderr, &said);
        }
    }
}

#[test]
fn a_certificate_that_is_its_own_authority_is_refused_with_advice() {
    let folder = tempfile::tempdir().expect("a folder");
    let authority = Authority::make(&folder.path().join("ca")).expect("an authority");
    let (cert, key) = authority.self_signed("quick", "DNS:localhost").expect("a certificate");
    let port = TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr());
    let port = port.expect("a free port").port();
    let mut server = Command::new("openssl")
        .args(["s_server", "-quiet", "-accept", &port.to_string()])
        .arg("-cert")
        .arg(&cert)
        .arg("-key")
        .arg(&key)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("openssl s_server");
    eventually("openssl listens", SOON, || {
        TcpStream::connect(("127.0.0.1", port)).map(drop).map_err(|error| error.to_string())
    });
    let url = format!("https://localhost:{port}");
    let mut command = program("muster");
    command.env("MUSTER_TOKEN", "x").env("MUSTER_DIR", folder.path());
    let (code, _, stderr) =
        ran(command.args(["agents", "list", "--url", &url, "--ca-file"]).arg(&cert));
    server.kill().and_then(|()| server.wait()).expect("the server's end");
    assert_eq!(code, 77, "{stderr}");
    assert_three_lines(&stderr, &["CA:TRUE", "CA:FALSE"]);
}

#[test]
fn a_machine_without_a_store_of_authorities_does_with_the_one_it_was_given() {
    let fleet = Fleet::start_tls(1);
    let bare = |name: &str| {
        let mut command = program(name);
        command.env("SSL_CERT_FILE", "/no/such/store").env("SSL_CERT_DIR", "/no/such");
        command
    };
    let config = fleet.agents[0].bundle.join("agent.toml");
    let doctor = || ran(bare("muster-agent").args(["doctor", "--config"]).arg(&config));
    let (code, _, stderr) = doctor();
    assert_eq!(code, 0, "{stderr}");
    let home = fleet.path("home");
    for verb in [&["broker", "apply"][..], &["agents", "list"]] {
        let url = fleet.url();
        let (code, _, stderr) =
            ran(bare("muster").env("MUSTER_DIR", &home).env("MUSTER_URL", &url).args(verb));
        assert_eq!(code, 0, "{verb:?}: {stderr}");
    }

    let text = fs::read_to_string(&config).expect("agent.toml");
    fs::write(&config, text.replace("ca_file = \"broker-ca.pem\"\n", "")).expect("agent.toml");
    let (code, _, stderr) = doctor();
    assert_eq!(code, 64, "{stderr}");
    assert_three_lines(&stderr, &["no certificate authorities", "ca-certificates", "ca_file"]);
    fs::remove_file(home.join("ca.pem")).expect("ca.pem");
    let (code, _, stderr) = ran(bare("muster").env("MUSTER_DIR", &home).args([
        "agents",
        "list",
        "--url",
        &fleet.url(),
    ]));
    assert_eq!(code, 64, "{stderr}");
    assert_three_lines(&stderr, &["no certificate authorities", "--ca-file"]);
}
