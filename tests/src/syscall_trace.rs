//! What a process asked of the kernel, in the order in which it happened, by `strace`.
//!
//! A kill leaves the page cache as it is, so no kill shows a missing `fdatasync`; only the calls themselves do.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::eventually::eventually;

/// The calls that write to files and sockets, read from sockets, and make durable.
const CALLS: &str =
    "write,pwrite64,writev,pwritev,sendto,sendmsg,recvfrom,recvmsg,read,readv,fsync,fdatasync";
/// Far more than any buffer of one call here.
const STRING_BYTES: &str = "4194304";

/// One call that has returned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// Its name.
    pub name: String,
    /// The path or the socket behind its first argument: `/a/b`, `TCP:[127.0.0.1:5->127.0.0.1:6]`.
    pub on: String,
    /// The bytes that were written or read.
    pub bytes: Vec<u8>,
    /// Its place in the order, when it was made and when it returned. A call that returned before another was made
    /// has the smaller number.
    pub began: usize,
    /// See `began`.
    pub ended: usize,
}

impl Call {
    /// Returns whether it makes a file durable.
    pub fn is_sync(&self) -> bool {
        matches!(self.name.as_str(), "fsync" | "fdatasync")
    }

    /// Returns whether it reads.
    pub fn is_read(&self) -> bool {
        matches!(self.name.as_str(), "recvfrom" | "recvmsg" | "read" | "readv")
    }
}

/// Returns what to start a program under so that its calls are written to `file`. The program stays our child.
///
/// # Panics
/// When there is no `strace` or it may not trace.
pub fn traced(file: &Path) -> Vec<OsString> {
    let mut command = strace(file);
    command.extend(["-yy", "-xx", "-s", STRING_BYTES, "-e"].map(OsString::from));
    command.push(format!("trace={CALLS}").into());
    command
}

/// Returns what to start a program under so that it dies by SIGKILL when one of its threads asks for the `nth` time
/// to make the file `path` durable. Each thread is counted by itself.
///
/// # Panics
/// When there is no `strace` or it may not trace.
pub fn killed_at_sync(file: &Path, path: &Path, nth: usize) -> Vec<OsString> {
    at_sync(file, path, &format!("signal=SIGKILL:when={nth}"))
}

/// Returns what to start a program under so that making the file `path` durable takes its time: see [`await_sync`].
///
/// # Panics
/// When there is no `strace` or it may not trace.
pub fn slow_syncs(file: &Path, path: &Path) -> Vec<OsString> {
    at_sync(file, path, &format!("delay_enter={SYNC_US}"))
}

/// How long a slow sync takes: a multiple of the rhythm of [`eventually`].
const SYNC_US: u32 = 500_000;

fn at_sync(file: &Path, path: &Path, what: &str) -> Vec<OsString> {
    let mut command = strace(file);
    command.push("-P".into());
    command.push(path.into());
    command.push("-e".into());
    command.push("trace=fsync,fdatasync".into());
    command.push("-e".into());
    command.push(format!("inject=fsync,fdatasync:{what}").into());
    command
}

/// Waits until the process `pid`, started under [`slow_syncs`], is within its `nth` sync, of whatever thread: what is
/// to be made durable has been written, and nothing that follows has happened.
///
/// # Panics
/// When it does not come to that.
pub fn await_sync(file: &Path, pid: u32, nth: usize) {
    eventually(&format!("sync number {nth} begins"), Duration::from_mins(1), || {
        let text = fs::read_to_string(file).unwrap_or_default();
        let done = text.lines().filter(|line| line.contains(" = 0")).count();
        if done + 1 >= nth && is_in_sync(pid) { Ok(()) } else { Err(format!("{done} are done")) }
    });
}

/// Returns whether a thread of the process is asking the kernel to make a file durable.
fn is_in_sync(pid: u32) -> bool {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    tasks.filter_map(|task| fs::read_to_string(task.path().join("syscall")).ok()).any(|call| {
        let number = call.split(' ').next().and_then(|number| number.parse().ok());
        [Some(libc::SYS_fsync), Some(libc::SYS_fdatasync)].contains(&number)
    })
}

fn strace(file: &Path) -> Vec<OsString> {
    let probe = Command::new("strace")
        .args(["-qq", "-e", "trace=none", "true"])
        .stdin(Stdio::null())
        .output();
    let probe = probe.expect("this test needs strace: apt-get install strace");
    let said = String::from_utf8_lossy(&probe.stderr);
    assert!(
        probe.status.success(),
        "strace may not trace here (a container needs SYS_PTRACE): {said}"
    );
    let mut command: Vec<OsString> = ["strace", "-D", "-f", "-o"].map(OsString::from).to_vec();
    command.push(PathBuf::from(file).into());
    command
}

/// Reads what [`traced`] has written; `None` while the tracer has not seen the end of `pid`.
///
/// # Panics
/// When the file cannot be read.
pub fn read(file: &Path, pid: u32) -> Option<Vec<Call>> {
    let text = fs::read_to_string(file).expect("what strace wrote");
    let end = |word: &str| format!("{pid} +++ {word}");
    let is_over = |line: &str| {
        let line = squeezed(line);
        line.starts_with(&end("exited")) || line.starts_with(&end("killed"))
    };
    text.lines().any(is_over).then(|| parse(&text))
}

fn squeezed(line: &str) -> String {
    line.split_whitespace().take(4).collect::<Vec<_>>().join(" ")
}

fn parse(text: &str) -> Vec<Call> {
    let mut open: Vec<(&str, usize, &str)> = Vec::new();
    let mut calls = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let Some((pid, rest)) = line.split_once(' ') else { continue };
        let rest = rest.trim_start();
        if let Some(head) = rest.strip_suffix("<unfinished ...>") {
            open.push((pid, number, head));
        } else if rest.starts_with("<... ") {
            let Some(at) = open.iter().position(|(owner, ..)| *owner == pid) else { continue };
            let (_, began, head) = open.swap_remove(at);
            let tail = rest.split_once(" resumed>").map_or("", |(_, tail)| tail);
            calls.extend(call(&format!("{head}{tail}"), began, number));
        } else {
            calls.extend(call(rest, number, number));
        }
    }
    calls.sort_by_key(|call| call.ended);
    calls
}

/// Reads `name(3<path>, "\x00…", …) = 5`; what failed or says nothing of the kind is left out.
fn call(text: &str, began: usize, ended: usize) -> Option<Call> {
    let (name, rest) = text.split_once('(')?;
    let (arguments, result) = rest.rsplit_once(" = ")?;
    let length: usize = result.split_whitespace().next()?.parse().ok()?;
    let (number, rest) = arguments.split_once('<')?;
    if !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    // A socket's own `->` stands between brackets.
    let end = match rest.find("]>") {
        Some(at) if rest.starts_with("TCP") || rest.starts_with("UNIX") => at + 1,
        _ => rest.find('>')?,
    };
    let on = String::from_utf8_lossy(&unescaped(&rest[..end])).into_owned();
    let strings = rest[end..].split('"').skip(1).step_by(2);
    let mut bytes: Vec<u8> = strings.flat_map(unescaped).collect();
    bytes.truncate(length);
    Some(Call { name: name.to_owned(), on, bytes, began, ended })
}

/// Turns `\x41` into its byte; everything else stays.
fn unescaped(text: &str) -> Vec<u8> {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len() / 4);
    let mut at = 0;
    while at < bytes.len() {
        let hex = bytes.get(at + 2..at + 4).filter(|_| bytes[at..].starts_with(b"\\x"));
        let byte = hex.and_then(|hex| u8::from_str_radix(str::from_utf8(hex).ok()?, 16).ok());
        out.push(byte.unwrap_or(bytes[at]));
        at += if byte.is_some() { 4 } else { 1 };
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_read_in_order_also_when_threads_interrupt_each_other() {
        let text = r#"7  write(3<\x2f\x61>, "\x41\x42"..., 9) = 2
8  sendto(4<TCP:[127.0.0.1:5->127.0.0.1:6]>, "\x41", 1, MSG_NOSIGNAL, NULL, 0 <unfinished ...>
7  fdatasync(3<\x2f\x61>) = 0
8  <... sendto resumed>) = 1
7  writev(3<\x2f\x61>, [{iov_base="\x41", iov_len=1}, {iov_base="\x42\x43", iov_len=2}], 2) = 3
7  recvfrom(4<TCP:[127.0.0.1:5->127.0.0.1:6]>, 0x55, 9, 0, NULL, NULL) = -1 EAGAIN (Resource temporarily unavailable)
7  +++ exited with 0 +++"#;
        let calls = parse(text);
        let short: Vec<_> = calls
            .iter()
            .map(|c| (c.name.as_str(), c.on.as_str(), c.bytes.len(), c.began))
            .collect();
        assert_eq!(
            short,
            [
                ("write", "/a", 2, 0),
                ("fdatasync", "/a", 0, 2),
                ("sendto", "TCP:[127.0.0.1:5->127.0.0.1:6]", 1, 1),
                ("writev", "/a", 3, 4),
            ]
        );
    }
}
