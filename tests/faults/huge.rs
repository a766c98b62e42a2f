//! A folder with half a million entries, against the second opinion, row by row as both say them.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};

use muster_protocol::request::Limits;
use serde_json::Value;
use tests::independent_oracle::{self, Figures};
use tests::once::{Once, Reader};

const ENTRIES: u32 = 500_000;

#[test]
fn a_folder_of_half_a_million_entries_is_told_row_by_row() {
    let once = Once::new();
    let tree = once.path("tree");
    fs::create_dir(&tree).unwrap();
    for n in 0..ENTRIES {
        // Names that the folder's own order mixes.
        let path = tree.join(format!("{:08x}-{n}", n.wrapping_mul(2_654_435_761)));
        match n % 1_000 {
            0 => fs::write(path, n.to_string()).unwrap(),
            1 => fs::create_dir(path).unwrap(),
            _ => drop(File::create(path).unwrap()),
        }
    }
    let spec = Once::spec(&[&tree]);
    let mut agent = once.start(&spec, Limits::default(), Reader::Tester);
    let mut oracle = independent_oracle::start(&once, &spec, Reader::Tester);
    let said = BufReader::new(agent.stdout.take().unwrap()).lines();
    let mut wanted = BufReader::new(oracle.stdout.take().unwrap()).lines();
    let read = |line: String| serde_json::from_str::<Value>(&line).unwrap();
    let mut rows = 0;
    for line in said {
        let wanted = wanted.next().map(|line| read(line.unwrap()));
        assert_eq!(Some(read(line.unwrap())), wanted, "row {rows}");
        rows += 1;
    }
    assert_eq!(rows, u64::from(ENTRIES - ENTRIES / 1_000));
    let last = wanted.next().map(|line| Figures::of(read(line.unwrap()))).unwrap();
    assert!(wanted.next().is_none() && oracle.wait().unwrap().success());
    let mut told = String::new();
    agent.stderr.take().unwrap().read_to_string(&mut told).unwrap();
    assert!(agent.wait().unwrap().success(), "{told}");
    let footer = read(told.lines().last().unwrap().to_owned());
    independent_oracle::figures_agree(&footer, &last, rows, "half a million");
}
