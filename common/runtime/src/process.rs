//! What this process costs, as the kernel tells: agent and coordinator say it of themselves.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Over less than this a share of CPU or a rate says nothing: the figures of the last time are repeated.
const SPAN_MIN: Duration = Duration::from_secs(1);

/// What a process costs.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Cost {
    /// CPU since the last time, percent of one core, one decimal.
    pub cpu_percent: f64,
    /// Resident memory.
    pub rss_bytes: u64,
    /// Threads.
    pub threads: u32,
    /// Open file descriptors.
    pub fds: u32,
    /// Bytes read (`rchar`) since the start of the process; 0 where the system does not tell.
    pub read_bytes: u64,
    /// Bytes written (`wchar`) since the start of the process.
    pub written_bytes: u64,
    /// Bytes read a second since the last time.
    pub read_bytes_per_s: u64,
    /// Bytes written a second since the last time.
    pub written_bytes_per_s: u64,
}

/// Measures one process again and again, by a clock that never jumps.
#[derive(Debug)]
pub struct Meter {
    at: Instant,
    cpu: Duration,
    read_bytes: u64,
    written_bytes: u64,
    shares: Option<Shares>,
}

/// What is measured over a span.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Shares {
    cpu_percent: f64,
    read_bytes_per_s: u64,
    written_bytes_per_s: u64,
}

/// Where an agent's figures of its process come from.
#[derive(Debug)]
pub enum CostSource {
    /// The process is the agent's own.
    Own(Meter),
    /// Many agents share the process: its figures are read once per [`SPAN_MIN`] for all of them. Each of them
    /// counting the descriptors of all is quadratic, and stops a test fleet of 2,000.
    Shared,
}

impl CostSource {
    /// Returns the figures of the process: now, or of less than [`SPAN_MIN`] ago where they are shared.
    pub fn read(&mut self) -> Cost {
        match self {
            Self::Own(meter) => meter.read(),
            Self::Shared => shared(&SHARED),
        }
    }
}

/// The figures that the agents of one process share, and when they were read.
type SharedCost = Mutex<Option<(Instant, Meter, Cost)>>;

static SHARED: SharedCost = Mutex::new(None);

fn shared(figures: &SharedCost) -> Cost {
    let mut figures = figures.lock().unwrap_or_else(PoisonError::into_inner);
    let mut meter = match figures.take() {
        Some((at, meter, cost)) if at.elapsed() < SPAN_MIN => {
            *figures = Some((at, meter, cost));
            return cost;
        }
        Some((_, meter, _)) => meter,
        None => Meter::default(),
    };
    let cost = meter.read();
    *figures = Some((Instant::now(), meter, cost));
    cost
}

impl Default for Meter {
    fn default() -> Self {
        let (read_bytes, written_bytes) = transferred();
        Self { at: Instant::now(), cpu: cpu(), read_bytes, written_bytes, shares: None }
    }
}

impl Meter {
    /// Measures now.
    pub fn read(&mut self) -> Cost {
        let shares = match self.shares {
            Some(last) if self.at.elapsed() < SPAN_MIN => last,
            _ => self.span(),
        };
        let (read_bytes, written_bytes) = transferred();
        Cost {
            cpu_percent: shares.cpu_percent,
            rss_bytes: rss_bytes(),
            threads: narrow(field(&read("/proc/self/status"), "Threads:")),
            fds: fds(),
            read_bytes,
            written_bytes,
            read_bytes_per_s: shares.read_bytes_per_s,
            written_bytes_per_s: shares.written_bytes_per_s,
        }
    }

    /// Ends the span since the last time and begins the next.
    fn span(&mut self) -> Shares {
        let before = std::mem::take(self);
        // The first span may be a moment only; spread over a second it makes no peak that never was.
        let span = self.at.duration_since(before.at).max(SPAN_MIN);
        let share = self.cpu.saturating_sub(before.cpu).as_secs_f64() * 100.0;
        let shares = Shares {
            cpu_percent: (share / span.as_secs_f64() * 10.0).round() / 10.0,
            read_bytes_per_s: rate(self.read_bytes, before.read_bytes, span),
            written_bytes_per_s: rate(self.written_bytes, before.written_bytes, span),
        };
        self.shares = Some(shares);
        shares
    }
}

/// Returns the bytes that the process has read and written so far.
fn transferred() -> (u64, u64) {
    let io = read("/proc/self/io");
    (field(&io, "rchar:"), field(&io, "wchar:"))
}

fn rate(now: u64, before: u64, span: Duration) -> u64 {
    let ms = u64::try_from(span.as_millis()).unwrap_or(u64::MAX).max(1);
    now.saturating_sub(before).saturating_mul(1_000) / ms
}

/// Returns the CPU time of this process so far, user and kernel.
pub fn cpu() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    let part = |value: i64| u64::try_from(value).unwrap_or_default();
    Duration::from_secs(part(time.tv_sec)).saturating_add(Duration::from_nanos(part(time.tv_nsec)))
}

/// Returns when this process was started, in seconds since 1970; 0 where the system does not tell.
pub fn started_s() -> u64 {
    let stat = read("/proc/self/stat");
    // After the name in parentheses, which may hold anything: state is field 3, starttime 22.
    let rest = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks: Option<u64> = rest.split_whitespace().nth(19).and_then(|n| n.parse().ok());
    let since_boot = ticks.unwrap_or(0) / rustix::param::clock_ticks_per_second().max(1);
    match field(&read("/proc/stat"), "btime") {
        0 => 0,
        boot => boot.saturating_add(since_boot),
    }
}

/// Returns how many files this process may have open; 0 where there is no limit.
pub fn fds_max() -> u64 {
    rustix::process::getrlimit(rustix::process::Resource::Nofile).current.unwrap_or(0)
}

/// Lets this process have `wanted` files open, or as many as its hard limit allows; most systems start it with 1,024.
/// What select(2) cannot count is no matter here: nothing of ours calls it.
pub fn allow_open_files(wanted: u64) {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    let allowed = limit.maximum.map_or(wanted, |hard| hard.min(wanted));
    if limit.current.is_some_and(|soft| soft < allowed) {
        let raised = rustix::process::Rlimit { current: Some(allowed), ..limit };
        // Up to the hard limit this is not refused; and if it is, the limit stays as it was.
        rustix::process::setrlimit(rustix::process::Resource::Nofile, raised).unwrap_or(());
    }
}

/// A file of `/proc`, empty where it may not be read (`io` needs rights that a hardened unit takes away).
fn read(path: &str) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

fn field(text: &str, name: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let word = line.and_then(|rest| rest.split_whitespace().next());
    word.and_then(|word| word.parse().ok()).unwrap_or_default()
}

fn narrow(value: u64) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

/// Returns the resident memory of the process, bytes.
pub fn rss_bytes() -> u64 {
    let pages = read("/proc/self/statm").split(' ').nth(1).and_then(|n| n.parse().ok());
    pages.unwrap_or(0_u64).saturating_mul(rustix::param::page_size() as u64)
}

fn fds() -> u32 {
    let count = std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
    u32::try_from(count).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proc_is_read() {
        let cost = Meter::default().read();
        assert!(cost.rss_bytes > 100_000 && cost.threads > 0 && cost.fds > 2, "{cost:?}");
        assert!(cost.read_bytes > 0 && cost.read_bytes_per_s < cost.read_bytes, "{cost:?}");
        assert_eq!(field("a: 1\nrchar: 77\n", "rchar:"), 77);
        assert!(started_s() > 1_500_000_000 && fds_max() > 2);
    }

    #[test]
    fn agents_of_one_process_share_its_figures() {
        let figures = SharedCost::new(None);
        let first = shared(&figures);
        let opened: Vec<_> = (0..200).map(|_| std::fs::File::open("/dev/null").unwrap()).collect();
        assert_eq!(shared(&figures), first, "not counted again");
        if let Some((at, ..)) = figures.lock().unwrap().as_mut() {
            *at -= SPAN_MIN;
        }
        // Tests beside this one close files of theirs.
        assert!(shared(&figures).fds >= first.fds + 100, "counted again after a second");
        drop(opened);
    }

    #[test]
    fn a_short_span_repeats_shares_and_is_part_of_the_next() {
        let mut meter = Meter::default();
        meter.at -= Duration::from_secs(10);
        let first = meter.read();
        let again = meter.read();
        assert_eq!(
            (again.cpu_percent, again.read_bytes_per_s),
            (first.cpu_percent, first.read_bytes_per_s)
        );
        // Nothing that was read meanwhile is lost to the next whole span.
        meter.at -= Duration::from_secs(2);
        meter.read_bytes -= meter.read_bytes.min(800_000);
        meter.cpu = Duration::ZERO;
        let third = meter.read();
        assert!(
            third.read_bytes_per_s > first.read_bytes_per_s && third.cpu_percent > 0.0,
            "{third:?}"
        );
        assert_eq!(rate(5, 7, Duration::ZERO), 0, "a counter that went back is no rate");
        assert_eq!(rate(900, 100, Duration::from_secs(2)), 400);
    }
}
