//! A coordinator that is killed while it puts files together: each arrives whole, and no piece stays beside it.

use std::fs;
use std::time::Duration;

use tests::eventually::pause;
use tests::fleet::Fleet;
use tests::seed::seed;
use tests::swarm::trees::Numbers;
use tests::tree::sha256_of_bytes;

const FILES: u64 = 40;
const FILE_BYTES: usize = 2_000_000;
const KILLS: u32 = 15;

#[test]
fn a_coordinator_killed_between_pieces_and_file_keeps_one_copy_of_each() {
    let seed = seed();
    eprintln!("MUSTER_SEED={seed}");
    let mut numbers = Numbers::new(seed);
    let mut fleet = Fleet::start_with(1, |bundle| {
        fs::write(bundle.join("policy.toml"), "max_upload_bytes = 1000000000\n").expect("a policy");
    });
    let (root, list) = (fleet.path("tree"), fleet.path("list.txt"));
    fs::create_dir(&root).expect("a folder");
    let mut digests = Vec::new();
    for number in 0..FILES {
        let mut content = Vec::with_capacity(FILE_BYTES);
        while content.len() < FILE_BYTES {
            content.extend(numbers.draw().to_le_bytes());
        }
        fs::write(root.join(format!("{number}")), &content).expect("a file");
        digests.push(sha256_of_bytes(&content));
    }
    digests.sort();
    fs::write(&list, digests.join("\n")).expect("a list");
    let (root, list) = (root.to_string_lossy().into_owned(), list.to_string_lossy().into_owned());
    let words = ["hunt", "launch", "--root", &root, "--ioc", &list, "--upload-matches"];
    let limits = ["--upload-max", "200M", "--max-mbps", "8"];
    let launched = fleet.json(&words.into_iter().chain(limits).collect::<Vec<_>>());
    let hunt = launched["id"].as_str().expect("an id").to_owned();
    let store = fleet.path("home").join("data").join("muster.sqlite");
    let count = |sql: &str| -> u64 {
        let db = rusqlite::Connection::open(&store).expect("the store");
        let count: i64 = db.query_row(sql, [], |row| row.get(0)).expect("a count");
        count.unsigned_abs()
    };
    for _ in 0..KILLS {
        pause(Duration::from_millis(200 + numbers.below(600)));
        fleet.kill_coordinator();
        fleet.start_coordinator();
    }
    assert!(count("SELECT count(*) FROM blob") < FILES, "all had come before the last kill");
    let shown = fleet.await_hunt(&hunt, Duration::from_mins(5));
    assert_eq!(shown["states"]["finished"], 1, "{shown}");

    let listed = "chunk JOIN blob USING (request, agent, origin, journal, blob)";
    let kept = count(&format!("SELECT count(*) FROM {listed} WHERE body IS NOT NULL"));
    let keys = count(&format!("SELECT count(*) FROM {listed}"));
    assert_eq!((kept, count("SELECT count(*) FROM piece")), (0, 0), "pieces beside the file");
    assert_eq!((count("SELECT count(*) FROM blob"), keys), (FILES, FILES * 8));
    let out = fleet.path("evidence");
    fleet.muster_ok(["hunt", "files", &hunt, "--out", &out.to_string_lossy()]);
    let mut found: Vec<_> = fs::read_dir(&out)
        .expect("a folder")
        .flatten()
        .map(|entry| sha256_of_bytes(&fs::read(entry.path()).expect("a file")))
        .collect();
    found.sort();
    assert_eq!(found, digests);
}
