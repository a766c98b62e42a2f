//! Real processes, plain calls, a session that only remembers.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use muster_protocol::artifact::ioc::IocList;
use muster_protocol::artifact::processes::ExeState;
use muster_protocol::artifact::{Digest, HashKind};
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

use super::*;
use crate::files::Folders;
use crate::session::fake::FakeSession;
use crate::session::fake_cache::FakeCache;

/// A process that sleeps until it is dropped.
struct Sleeper(Child);

impl Sleeper {
    /// Runs a copy of `sleep` of its own, which no other process runs.
    fn start(file: &Path) -> Self {
        let sleep = ["/bin/sleep", "/usr/bin/sleep"]
            .iter()
            .find(|path| Path::new(path).try_exists().unwrap());
        let mut bytes = fs::read(sleep.unwrap()).unwrap();
        // What follows the program is not loaded.
        bytes.extend_from_slice(file.as_os_str().as_bytes());
        fs::write(file, bytes).unwrap();
        fs::set_permissions(file, fs::Permissions::from_mode(0o755)).unwrap();
        Self::run(file)
    }

    fn run(file: &Path) -> Self {
        let mut command = Command::new(file);
        command.args(["300", "0"]).stdout(Stdio::null());
        // Another test may be between writing a program and closing it, in a fork.
        for _ in 0..100 {
            match command.spawn() {
                Ok(child) => return Self(child).settled(file),
                Err(error) if error.raw_os_error() == Some(libc::ETXTBSY) => {
                    std::thread::park_timeout(std::time::Duration::from_millis(20));
                }
                Err(error) => panic!("{error}"),
            }
        }
        panic!("the program is busy")
    }

    /// Waits until the new process runs the file.
    fn settled(self, file: &Path) -> Self {
        let exe = format!("/proc/{}/exe", self.0.id());
        while fs::read_link(&exe).unwrap() != file {
            std::thread::park_timeout(std::time::Duration::from_millis(1));
        }
        self
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

fn hashing() -> Processes {
    Processes { hashes: vec![HashKind::Sha256], ..Processes::default() }
}

fn run(args: &Processes, machine: &Machine) -> (Vec<Process>, ProcessesFooter) {
    let session = FakeSession::new();
    let footer = collect(args, machine, &session).unwrap();
    assert_eq!(footer.accounted(), footer.seen);
    (session.seen().last.unwrap().0.records(), footer)
}

fn of<'a>(rows: &'a [Process], process: &Sleeper) -> &'a Process {
    rows.iter().find(|row| row.pid == process.0.id()).unwrap()
}

fn sha256(file: &[u8]) -> (HashKind, Digest) {
    (HashKind::Sha256, Digest::from_slice(&Sha256::digest(file)))
}

fn within(folder: &Path) -> (TempDir, PathBuf) {
    let temp = TempDir::new_in(folder).unwrap();
    let path = temp.path().canonicalize().unwrap();
    (temp, path)
}

#[test]
fn a_process_is_what_the_kernel_says_and_its_file_is_hashed() {
    let (_temp, folder) = within(Path::new("/tmp"));
    let file = folder.join("sl\u{e9}ep (deleted)");
    let process = Sleeper::start(&file);
    let (rows, footer) = run(&hashing(), &Machine::default());
    let row = of(&rows, &process);
    assert_eq!((row.status, row.errno), (ProcessStatus::Ok, 0));
    assert_eq!(row.exe.as_deref(), Some(file.as_os_str().as_bytes()));
    assert_eq!(row.exe_state, ExeState::Present, "its name merely ends so");
    assert_eq!(row.ppid, std::process::id());
    assert_eq!(row.uid, rustix::process::geteuid().as_raw());
    assert_eq!(row.comm, &file.file_name().unwrap().as_bytes()[..15]);
    assert_eq!(row.threads, 1);
    assert!(row.rss_bytes > 10_000 && row.rss_bytes < 100_000_000, "{row:?}");
    assert_eq!(row.digests.as_slice(), [sha256(&fs::read(&file).unwrap())]);
    assert_eq!(row.cmdline, None, "the policy does not show it");
    let started = row.started_ns.unwrap() / 1_000_000;
    let now = i128::from(muster_protocol::clock::Clock::system().now().0);
    assert!((now - 120_000..=now + 1_000).contains(&started), "{started} at {now}");
    assert_eq!(rows.len() as u64, footer.seen);
    assert!(rows.is_sorted_by_key(|row| row.pid));
    assert!(rows.iter().any(|row| row.pid == std::process::id()), "and this one");
}

#[test]
fn a_file_that_was_deleted_or_replaced_is_read_all_the_same() {
    let (_temp, folder) = within(Path::new("/tmp"));
    let (gone, replaced, moved) =
        (folder.join("gone"), folder.join("replaced"), folder.join("moved"));
    let processes = [&gone, &replaced, &moved].map(|file| Sleeper::start(file));
    let before = [&gone, &replaced, &moved].map(|file| fs::read(file).unwrap());
    fs::remove_file(&gone).unwrap();
    fs::write(folder.join("new"), b"another file").unwrap();
    fs::rename(folder.join("new"), &replaced).unwrap();
    fs::rename(&moved, folder.join("elsewhere")).unwrap();
    let (rows, _) = run(&hashing(), &Machine::default());
    let states = [ExeState::Deleted, ExeState::Replaced, ExeState::Present];
    let paths = [gone, replaced, folder.join("elsewhere")];
    for (n, process) in processes.iter().enumerate() {
        let row = of(&rows, process);
        assert_eq!((row.status, row.exe_state), (ProcessStatus::Ok, states[n]), "{row:?}");
        assert_eq!(row.exe.as_deref(), Some(paths[n].as_os_str().as_bytes()));
        assert_eq!(row.digests.as_slice(), [sha256(&before[n])]);
    }
}

#[test]
fn a_list_lets_only_those_through_that_run_a_file_of_it() {
    let (_temp, folder) = within(Path::new("/tmp"));
    let (bad, good) = (folder.join("bad"), folder.join("good"));
    let processes = [&bad, &bad, &good].map(|file| {
        if file.try_exists().unwrap() { Sleeper::run(file) } else { Sleeper::start(file) }
    });
    let listed = Sha256::digest(fs::read(&bad).unwrap());
    let ioc = vec![IocList::new(HashKind::Sha256, 32, [listed.as_slice()])];
    let (rows, footer) = run(&Processes { ioc, ..hashing() }, &Machine::default());
    let pids: Vec<_> =
        rows.iter().filter(|row| !row.digests.is_empty()).map(|row| row.pid).collect();
    let mut wanted = [processes[0].0.id(), processes[1].0.id()];
    wanted.sort_unstable();
    assert_eq!(pids, wanted);
    assert_eq!(footer.matched, 2);
    assert!(footer.unmatched >= 2, "this process and the good one: {footer:?}");
    assert!(rows.iter().all(|row| row.status != ProcessStatus::Kernel));
}

#[test]
fn what_the_policy_closes_shows_neither_path_nor_digest() {
    let (_temp, folder) = within(Path::new("/tmp"));
    let (open, closed) = (folder.join("open"), folder.join("closed"));
    for folder in [&open, &closed] {
        fs::create_dir(folder).unwrap();
    }
    let (one, other) = (Sleeper::start(&open.join("x")), Sleeper::start(&closed.join("x")));
    let only = Folders { allow: Some(vec![open]), deny: Vec::new() };
    let all_but = Folders { allow: None, deny: vec![closed] };
    for folders in [only, all_but] {
        let (rows, footer) = run(&hashing(), &Machine { folders, ..Machine::default() });
        assert_eq!(of(&rows, &one).status, ProcessStatus::Ok);
        let row = of(&rows, &other);
        assert_eq!((row.status, row.exe_state), (ProcessStatus::DeniedByPolicy, ExeState::Unknown));
        assert_eq!((&row.exe, row.digests.len()), (&None, 0));
        assert_eq!(row.comm, b"x", "what anybody may see is there");
        assert!(footer.failed["denied_by_policy"] > 0);
    }
}

#[test]
fn a_command_line_is_shown_where_the_policy_says_so() {
    let (_temp, folder) = within(Path::new("/tmp"));
    let file = folder.join("x");
    let process = Sleeper::start(&file);
    let machine = Machine { shows_cmdline: true, ..Machine::default() };
    let (rows, _) = run(&Processes::default(), &machine);
    let row = of(&rows, &process);
    let wanted = [file.as_os_str().as_bytes(), b"\x00300\x000\0"].concat();
    assert_eq!(row.cmdline.as_ref(), Some(&wanted));
    assert_eq!((row.status, row.digests.len()), (ProcessStatus::Ok, 0), "no digest was asked for");
}

#[test]
fn a_file_is_read_once_and_known_the_next_time() {
    let (_temp, folder) = within(Path::new("/tmp"));
    let file = folder.join("x");
    let _processes = [Sleeper::start(&file), Sleeper::run(&file)];
    let size = fs::metadata(&file).unwrap().len();
    let cache = Arc::new(FakeCache::new());
    let hunt = |args: &Processes| {
        let session = FakeSession::new().with_cache(&cache);
        let footer = collect(args, &Machine::default(), &session).unwrap();
        let rows: Vec<Process> = session.seen().last.unwrap().0.records();
        let status =
            rows.iter().find(|row| row.exe.as_deref() == Some(file.as_os_str().as_bytes()));
        (status.unwrap().status, footer)
    };
    let (status, first) = hunt(&hashing());
    assert_eq!(status, ProcessStatus::Ok);
    assert!(first.files < first.hashed && first.bytes_read >= size, "{first:?}");
    let (status, second) = hunt(&hashing());
    assert_eq!(status, ProcessStatus::Cached);
    assert!(second.bytes_read < first.bytes_read, "{second:?}");
    assert_eq!(hunt(&Processes { fresh: true, ..hashing() }).0, ProcessStatus::Ok);
}

#[test]
fn what_was_found_before_a_stop_counts_and_a_shutdown_leaves_it_to_the_next_run() {
    let session = FakeSession::new().cancelling_at(2);
    let ended = collect(&Processes::default(), &Machine::default(), &session).unwrap_err();
    assert_eq!(ended, CollectError::Stop(Stop::Cancelled));
    assert_eq!(session.seen().last.unwrap().0.len(), 1);
    let session = FakeSession::new().capped_at(2);
    let ended = collect(&Processes::default(), &Machine::default(), &session).unwrap_err();
    assert_eq!(ended, CollectError::Stop(Stop::Limit("rows")));
    assert_eq!(session.seen().last.unwrap().0.len(), 2);
    let session = FakeSession::new().suspending_at(2);
    let ended = collect(&Processes::default(), &Machine::default(), &session).unwrap_err();
    assert_eq!(ended, CollectError::Stop(Stop::Shutdown));
    assert!(session.seen().last.is_none() && session.seen().rows.is_empty());
}

#[test]
fn a_process_that_has_ended_and_was_not_waited_for_is_a_row_with_the_reason() {
    let (_temp, folder) = within(Path::new("/tmp"));
    let mut process = Sleeper::start(&folder.join("x"));
    process.0.kill().unwrap();
    let stat = format!("/proc/{}/stat", process.0.id());
    while !fs::read_to_string(&stat).unwrap().contains(") Z ") {
        std::thread::park_timeout(std::time::Duration::from_millis(1));
    }
    let (rows, _) = run(&hashing(), &Machine::default());
    let row = of(&rows, &process);
    assert_eq!((row.status, row.errno), (ProcessStatus::Vanished, libc::ENOENT));
    assert_eq!((row.comm.as_slice(), row.ppid), (&b"x"[..], std::process::id()));
}
