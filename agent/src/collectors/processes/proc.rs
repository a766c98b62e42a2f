//! One process, read from its folder of `/proc`. The folder stays open: what is read through it is of one process, though
//! the number should go to another one meanwhile.

use std::collections::BTreeSet;
use std::io;
use std::time::{SystemTime, UNIX_EPOCH};

use muster_protocol::artifact::processes::{Process, ProcessStatus};
use rustix::fd::OwnedFd;
use rustix::fs::{self, CWD, Mode, OFlags};
use rustix::io::{Errno, retry_on_intr};

/// What is read of one file of `/proc`; only command lines may be longer, and are cut.
const FILE_BYTES_MAX: usize = 16_384;
/// The same of a table of mounts.
const MOUNTS_BYTES_MAX: usize = 1_048_576;
/// Set in the flags of a thread of the kernel (`PF_KTHREAD`).
const KERNEL_THREAD: u64 = 0x0020_0000;
/// Hexadecimal digits of the id of a container.
const CONTAINER_DIGITS: usize = 64;

/// Returns the numbers of all processes, in order.
pub(super) fn pids() -> io::Result<BTreeSet<u32>> {
    let names = std::fs::read_dir("/proc")?.flatten().map(|entry| entry.file_name());
    Ok(names.filter_map(|name| name.to_str()?.parse().ok()).collect())
}

/// What the figures of processes are held against.
#[derive(Debug, Clone, Copy)]
pub(super) struct System {
    /// When the machine was started, nanoseconds since 1970; `None` where `/proc` does not say.
    booted_ns: Option<i128>,
    ticks_per_s: u64,
    page_bytes: u64,
}

impl System {
    pub(super) fn now() -> Self {
        Self {
            booted_ns: booted_ns(),
            ticks_per_s: rustix::param::clock_ticks_per_second().max(1),
            page_bytes: rustix::param::page_size() as u64,
        }
    }
}

fn booted_ns() -> Option<i128> {
    let uptime = std::fs::read_to_string("/proc/uptime").ok()?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
    let (seconds, hundredths) = uptime.split_whitespace().next()?.split_once('.')?;
    let up = seconds.parse::<i128>().ok()? * 100 + hundredths.parse::<i128>().ok()?;
    Some(i128::try_from(now.as_nanos()).ok()? - up * 10_000_000)
}

/// The folder of a process.
#[derive(Debug)]
pub(super) struct Folder {
    pid: u32,
    folder: OwnedFd,
}

impl Folder {
    pub(super) fn open(pid: u32) -> Result<Self, Errno> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let path = format!("/proc/{pid}");
        let folder = retry_on_intr(|| fs::openat(CWD, &path, flags, Mode::empty()))?;
        Ok(Self { pid, folder })
    }

    /// Opens a file of the folder.
    pub(super) fn file(&self, name: &str, flags: OFlags) -> Result<OwnedFd, Errno> {
        retry_on_intr(|| fs::openat(&self.folder, name, flags | OFlags::CLOEXEC, Mode::empty()))
    }

    /// Reads where a link of the folder points.
    pub(super) fn link(&self, name: &str) -> Result<Vec<u8>, Errno> {
        let link = retry_on_intr(|| fs::readlinkat(&self.folder, name, Vec::new()))?;
        Ok(link.into_bytes())
    }

    /// Reads the table of mounts in the view of the process.
    pub(super) fn mounts(&self) -> Result<Vec<u8>, Errno> {
        self.read_up_to("mountinfo", MOUNTS_BYTES_MAX)
    }

    fn read(&self, name: &str) -> Result<Vec<u8>, Errno> {
        self.read_up_to(name, FILE_BYTES_MAX)
    }

    fn read_up_to(&self, name: &str, most: usize) -> Result<Vec<u8>, Errno> {
        let file = self.file(name, OFlags::RDONLY)?;
        let mut bytes = vec![0; most];
        let mut length = 0;
        while let Some(rest) = bytes.get_mut(length..).filter(|rest| !rest.is_empty()) {
            match retry_on_intr(|| rustix::io::read(&file, &mut *rest))? {
                0 => break,
                count => length += count,
            }
        }
        bytes.truncate(length);
        Ok(bytes)
    }

    /// Reads all but the file that it runs.
    pub(super) fn row(&self, system: &System, shows_cmdline: bool) -> Process {
        let mut row = Process::bare(self.pid, ProcessStatus::Ok, 0);
        if let Err(errno) = self.fill(&mut row, system) {
            return failed(row, errno);
        }
        // An empty command line is that of a thread of the kernel, or of a process that has ended.
        let cmdline = shows_cmdline.then(|| self.read("cmdline").ok()).flatten();
        row.cmdline = cmdline.filter(|line| !line.is_empty());
        row
    }

    fn fill(&self, row: &mut Process, system: &System) -> Result<(), Errno> {
        let stat = Stat::read(&self.read("stat")?).ok_or(Errno::INVAL)?;
        row.ppid = u32::try_from(stat.ppid).unwrap_or_default();
        row.threads = u32::try_from(stat.threads).unwrap_or(u32::MAX);
        row.rss_bytes = stat.rss_pages.saturating_mul(system.page_bytes);
        row.cpu_ms = ms(stat.cpu_ticks, system.ticks_per_s);
        let after_boot_ns =
            i128::from(stat.started_ticks) * 1_000_000_000 / i128::from(system.ticks_per_s);
        row.started_ns = system.booted_ns.map(|booted| booted + after_boot_ns);
        row.comm = self.read("comm")?;
        row.comm.pop_if(|last| *last == b'\n');
        row.uid = effective_uid(&self.read("status")?).ok_or(Errno::INVAL)?;
        // A kernel without control groups has no such file.
        let groups = self.read("cgroup").unwrap_or_default();
        (row.cgroup, row.container) = (cgroup(&groups), container(&groups));
        if stat.flags & KERNEL_THREAD != 0 {
            row.status = ProcessStatus::Kernel;
        }
        Ok(())
    }
}

fn ms(ticks: u64, ticks_per_s: u64) -> u64 {
    ticks.saturating_mul(1_000) / ticks_per_s
}

/// Says in a row why the process could not be looked at whole.
pub(super) fn failed(row: Process, errno: Errno) -> Process {
    let status = match errno {
        Errno::ACCESS | Errno::PERM => ProcessStatus::Denied,
        Errno::NOENT | Errno::SRCH => ProcessStatus::Vanished,
        _ => ProcessStatus::IoError,
    };
    Process { status, errno: errno.raw_os_error(), ..row }
}

/// What is wanted of `/proc/PID/stat`.
#[derive(Debug, PartialEq, Eq)]
struct Stat {
    ppid: u64,
    flags: u64,
    cpu_ticks: u64,
    threads: u64,
    started_ticks: u64,
    rss_pages: u64,
}

impl Stat {
    /// Reads the fields behind the name, which may have brackets and blanks in it.
    fn read(line: &[u8]) -> Option<Self> {
        let end = line.iter().rposition(|byte| *byte == b')')?;
        let rest = std::str::from_utf8(line.get(end + 1..)?).ok()?;
        let fields: Vec<_> = rest.split_ascii_whitespace().collect();
        // The first of them, the state, is the third of the line.
        let field = |number: usize| fields.get(number - 3)?.parse::<i64>().ok();
        let count = |number| field(number).map(|value| u64::try_from(value).unwrap_or(0));
        Some(Self {
            ppid: count(4)?,
            flags: count(9)?,
            cpu_ticks: count(14)?.saturating_add(count(15)?),
            threads: count(20)?,
            started_ticks: count(22)?,
            rss_pages: count(24)?,
        })
    }
}

/// Finds the effective user in `/proc/PID/status`.
fn effective_uid(status: &[u8]) -> Option<u32> {
    let line = status.split(|byte| *byte == b'\n').find_map(|line| line.strip_prefix(b"Uid:"))?;
    std::str::from_utf8(line).ok()?.split_ascii_whitespace().nth(1)?.parse().ok()
}

/// Returns the paths of control groups, the one of version 2 (which has no name) first.
fn groups(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let path = |line: &&[u8]| line.splitn(3, |byte| *byte == b':').nth(2).map(<[u8]>::len);
    let lines = || text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let first = lines().filter(|line| line.starts_with(b"0::"));
    let others = lines().filter(|line| !line.starts_with(b"0::"));
    first.chain(others).filter_map(move |line| line.get(line.len() - path(&line)?..))
}

fn cgroup(text: &[u8]) -> Option<Vec<u8>> {
    groups(text).next().map(<[u8]>::to_vec)
}

/// Finds the id of a container: the innermost name in a path that ends with so many digits, whatever stands around them.
fn container(text: &[u8]) -> Option<Vec<u8>> {
    let is_digit = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    let id = |path: &[u8]| {
        let words = path.split(|byte| !is_digit(byte)).rev();
        words.into_iter().find(|word| word.len() == CONTAINER_DIGITS).map(<[u8]>::to_vec)
    };
    groups(text).find_map(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_brackets_moves_no_field() {
        let line =
            b"42 (a) b (c)) S 1 42 42 0 -1 4194560 9 0 0 0 7 5 0 0 20 0 3 0 1234 1000000 250 184 1";
        let wanted = Stat {
            ppid: 1,
            flags: 4_194_560,
            cpu_ticks: 12,
            threads: 3,
            started_ticks: 1_234,
            rss_pages: 250,
        };
        assert_eq!(Stat::read(line), Some(wanted));
        for broken in [
            &b""[..],
            b"42 (a",
            b"42 (a) S 1",
            b"42 (a) S x 42 42 0 -1 1 9 0 0 0 7 5 0 0 20 0 3 0 1 1 1",
        ] {
            assert_eq!(Stat::read(broken), None);
        }
    }

    #[test]
    fn the_effective_user_is_the_second() {
        assert_eq!(effective_uid(b"Name:\tx\nUid:\t1000\t0\t0\t1000\nGid:\t1\t1\t1\t1\n"), Some(0));
        assert_eq!(effective_uid(b"Name:\tUid:\n"), None);
    }

    #[test]
    fn groups_of_both_versions_and_the_containers_in_them() {
        let id = "0123456789abcdef".repeat(4);
        for path in [
            format!("/docker/{id}"),
            format!("/system.slice/docker-{id}.scope"),
            format!(
                "/kubepods.slice/kubepods-burstable.slice/kubepods-pod1.slice/cri-containerd-{id}.scope"
            ),
            format!("/machine.slice/libpod-{id}.scope/container"),
        ] {
            for text in
                [format!("0::{path}\n"), format!("12:memory:{path}\n1:name=systemd:{path}\n")]
            {
                assert_eq!(cgroup(text.as_bytes()), Some(path.clone().into_bytes()));
                assert_eq!(container(text.as_bytes()), Some(id.clone().into_bytes()), "{text}");
            }
        }
        let plain = b"0::/user.slice/user-0.slice/session-1.scope\n";
        assert_eq!(
            (cgroup(plain).unwrap().as_slice(), container(plain)),
            (&plain[3..plain.len() - 1], None)
        );
        assert_eq!((cgroup(b""), container(b"")), (None, None));
        let odd = b"0::/a:b\n";
        assert_eq!(cgroup(odd).unwrap(), b"/a:b");
    }
}
