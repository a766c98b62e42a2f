//! Files that are not still while they are read, and files that lie about their size.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{FileExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use muster_protocol::artifact::file_hash;
use muster_protocol::request::Limits;
use rustix::fs::{CWD, FileType, Mode, mknodat};
use tests::eventually::{eventually, pause};
use tests::once::{Ended, Once, Reader};
use tests::tree::sha256_of_bytes;

/// Takes some seconds at one megabyte a second, and holds up the files behind it: below the size from which another
/// thread may take a file.
const SLOW_BYTES: usize = 6_000_000;

#[test]
fn what_moves_while_it_is_read_says_so() {
    let once = Once::new();
    let root = once.path("tree");
    fs::create_dir_all(root.join("3-folder")).unwrap();
    let file = |name: &str, bytes: usize| {
        let path = root.join(name);
        fs::write(&path, vec![b'x'; bytes]).unwrap();
        path
    };
    let slow = file("1-slow", SLOW_BYTES);
    let rewritten = file("2-rewritten", 2_000_000);
    // Files of more than one buffer are opened in groups of 16: these are open when the first is read, and what is behind
    // them is not.
    let opened: Vec<_> = (0..14).map(|n| file(&format!("2-with-them-{n:02}"), 70_000)).collect();
    let within = file("3-folder/in", 10);
    let unlinked = file("4-unlinked", 10);
    let (fifo, link, folder) = (file("5-fifo", 10), file("6-link", 10), file("7-folder", 10));
    let still = file("8-still", 10);

    let limits = Limits { max_mbps: Some(1), ..Limits::default() };
    let mut agent = once.start(&Once::spec(&[&root]), limits, Reader::Tester);
    let mut growing = OpenOptions::new().append(true).open(&slow).unwrap();
    let overwritten = OpenOptions::new().write(true).open(&rewritten).unwrap();
    let is_open = |path: &Path| {
        if has_open(&agent, path) { Ok(()) } else { Err("it is not".to_owned()) }
    };
    eventually("the slow file is open", Duration::from_mins(1), || is_open(&slow));
    growing.write_all(b"more").unwrap();
    eventually("so is the other big one", Duration::from_mins(1), || is_open(&rewritten));
    overwritten.write_all_at(b"other", 1_000).unwrap();
    eventually("those behind it are open", Duration::from_mins(1), || is_open(&opened[13]));
    // Its folder has been read by now.
    fs::remove_file(&opened[13]).unwrap();
    fs::remove_dir_all(within.parent().unwrap()).unwrap();
    for path in [&unlinked, &fifo, &link, &folder] {
        fs::remove_file(path).unwrap();
    }
    mknodat(CWD, &fifo, FileType::Fifo, Mode::RWXU, 0).unwrap();
    symlink("8-still", &link).unwrap();
    fs::create_dir(&folder).unwrap();
    while agent.try_wait().unwrap().is_none() {
        growing.write_all(b"more").unwrap();
        overwritten.write_all_at(b"other", 1_000).unwrap();
        pause(Duration::from_millis(5));
    }

    let ended = Ended::of(&agent.wait_with_output().unwrap());
    assert_eq!(ended.state, "finished");
    let row = |path: &Path| {
        let row = ended.row(path);
        let text = |field: &str| row[field].as_str().unwrap_or_default().to_owned();
        let has_digest = row["sha256"].is_string();
        (text("kind"), text("status"), row["errno"].as_i64().unwrap_or(-1), has_digest)
    };
    let is = |kind: &str, status: &str, errno: i32, has_digest: bool| {
        (kind.to_owned(), status.to_owned(), i64::from(errno), has_digest)
    };
    assert_eq!(row(&slow), is("file", "changed", 0, true));
    assert!(ended.row(&slow)["size"].as_u64() >= Some(SLOW_BYTES as u64), "what was there is read");
    assert_eq!(row(&rewritten), is("file", "changed", 0, true));
    assert_eq!(row(&opened[13]), is("file", "changed", 0, true), "gone, but read to its end");
    assert_eq!(row(&opened[1]), is("file", "ok", 0, true));
    assert_eq!(row(&within), is("file", "vanished", libc::ENOENT, false));
    assert_eq!(row(&unlinked), is("file", "vanished", libc::ENOENT, false));
    assert_eq!(row(&fifo), is("fifo", "skipped_kind", 0, false), "and nobody waited for a writer");
    assert_eq!(row(&link), is("symlink", "skipped_kind", 0, false), "and it was not followed");
    assert_eq!(row(&folder), is("dir", "io_error", libc::EISDIR, false));
    assert_eq!(row(&still), is("file", "ok", 0, true));
    assert_eq!(ended.figure("/failed/vanished"), 2, "{}", ended.footer);
    let read = [&slow, &rewritten, &still].into_iter().chain(&opened);
    assert_eq!(
        ended.figure("/bytes_hashed"),
        read.map(|path| ended.row(path)["size"].as_u64().unwrap()).sum::<u64>(),
        "sizes are what was hashed"
    );
}

/// Returns whether a process has a file open.
fn has_open(process: &Child, path: &Path) -> bool {
    let files = fs::read_dir(format!("/proc/{}/fd", process.id())).into_iter().flatten().flatten();
    files.filter_map(|file| fs::read_link(file.path()).ok()).any(|target| target == path)
}

/// A process with far more in its environment than one read or one permit takes.
struct Stuffed(Child);

impl Stuffed {
    fn start() -> Self {
        let mut command = Command::new("sleep");
        command.arg("600").env_clear().stdin(Stdio::null());
        for n in 0..14 {
            command.env(format!("V{n:02}"), format!("{n:02}").repeat(50_000));
        }
        Self(command.spawn().expect("sleep"))
    }
}

impl Drop for Stuffed {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[test]
fn files_that_claim_to_be_empty_are_read_to_their_end() {
    let stuffed = Stuffed::start();
    let environment = PathBuf::from(format!("/proc/{}/environ", stuffed.0.id()));
    let content = eventually("the program runs", Duration::from_secs(20), || {
        // Until then it is what this test was started with.
        let content = fs::read(&environment).map_err(|error| error.to_string())?;
        if content.starts_with(b"V00=") { Ok(content) } else { Err("not yet".to_owned()) }
    });
    assert!(content.len() > 1_400_000 && fs::metadata(&environment).unwrap().len() == 0);

    let once = Once::new();
    let settings = Path::new("/proc/sys/vm");
    let spec = Once::spec(&[&environment, settings]);
    let ended =
        once.run(&file_hash::Args { all_file_systems: true, ..spec.clone() }, Reader::Tester);
    assert_eq!(ended.state, "finished");
    let row = ended.row(&environment);
    assert_eq!((&row["status"], &row["size"]), (&"ok".into(), &content.len().into()));
    assert_eq!(row["sha256"], sha256_of_bytes(&content));

    let mut hashed = 0;
    for entry in fs::read_dir(settings).unwrap().flatten() {
        let row = ended.row(&entry.path());
        let read = || -> std::io::Result<Vec<u8>> {
            let mut content = Vec::new();
            std::io::Read::read_to_end(&mut File::open(entry.path())?, &mut content)?;
            Ok(content)
        };
        match (read(), read()) {
            (Err(error), _) => {
                assert_eq!(row["errno"].as_i64(), error.raw_os_error().map(i64::from), "{row}");
            }
            (Ok(one), Ok(two)) if one == two => {
                assert_eq!(
                    (&row["status"], &row["size"]),
                    (&"ok".into(), &one.len().into()),
                    "{row}"
                );
                assert_eq!(row["sha256"], sha256_of_bytes(&one), "{row}");
                hashed += 1;
            }
            // One that changes from read to read.
            (Ok(_), _) => assert_eq!(row["status"], "ok", "{row}"),
        }
    }
    assert!(hashed > 10, "only {hashed}");
    // And without being asked to, nobody goes there.
    let ended = once.run(&spec, Reader::Tester);
    assert!(ended.rows.values().all(|row| row["status"] == "skipped_fs"), "{:?}", ended.rows);
    assert_eq!(ended.figure("/bytes_read"), 0);
}
