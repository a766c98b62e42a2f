//! Clients that connect to the API and show no token: they keep nobody out and take no descriptors of the store.

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use muster_protocol::limits::HTTP_HEADER_MS_MAX;
use muster_runtime::process::allow_open_files;
use tests::eventually::eventually;
use tests::fleet::Fleet;

const DESCRIPTORS: usize = 1_024;

/// Connects until nothing more is accepted at once; what cannot connect is no failure here.
fn connect(fleet: &Fleet, count: usize, first: &[u8]) -> Vec<TcpStream> {
    let address = fleet.url().replace("http://", "").parse().expect("an address");
    let connect = || {
        let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(2)).ok()?;
        stream.write_all(first).ok()?;
        stream.set_nonblocking(true).ok()?;
        Some(stream)
    };
    (0..count).filter_map(|_| connect()).collect()
}

fn is_closed(mut stream: &TcpStream) -> bool {
    match stream.read(&mut [0; 4_096]) {
        Ok(0) => true,
        Ok(_) => false,
        Err(error) => error.kind() != ErrorKind::WouldBlock,
    }
}

#[test]
fn silent_and_slow_clients_keep_nobody_out() {
    allow_open_files(8_192);
    let mut fleet = Fleet::start(1);
    fleet.stop_coordinator();
    let limit = format!("--nofile={DESCRIPTORS}:{DESCRIPTORS}");
    fleet.start_coordinator_under(&["prlimit".into(), limit.into()]);
    fleet.await_agents();

    let half = b"POST /api/v1/requests HTTP/1.1\r\nHost: localhost\r\nContent-Le";
    let mut clients = connect(&fleet, DESCRIPTORS, b"");
    clients.extend(connect(&fleet, DESCRIPTORS, half));
    assert!(clients.len() > DESCRIPTORS, "only {} connected", clients.len());
    let health = ureq::get(format!("{}/healthz", fleet.url())).call().expect("an answer");
    assert_eq!(health.status(), 200);
    let tree = fleet.path("tree");
    tests::swarm::trees::write(&tree, 5, 1).expect("a tree");
    let tree = tree.to_string_lossy().into_owned();
    let rows = fleet.json_lines(&["hunt", "run", "--target", "all", "--root", &tree]);
    assert_eq!(rows.len(), 5, "{rows:?}");
    let open = fs::read_dir(format!("/proc/{}/fd", fleet.coordinator_pid())).expect("its files");
    let open = open.count();
    assert!(open < DESCRIPTORS / 2, "{open} descriptors");

    // Those that were not closed for want of room are closed when their header does not come.
    let limit = Duration::from_millis(3 * HTTP_HEADER_MS_MAX);
    eventually("every silent and every slow client is closed", limit, || {
        let open = clients.iter().filter(|client| !is_closed(client)).count();
        if open == 0 { Ok(()) } else { Err(format!("{open} are open")) }
    });
    assert_eq!(fleet.json_lines(&["agents", "list"]).len(), 1);
}
