//! What the kernel tells of a thread: how long it has run, and where it waits.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::str::FromStr;

/// What the kernel tells of one thread. A file that is not kept open is opened when it is asked for: to find it by its
/// path costs more than to read it.
#[derive(Debug)]
pub(super) struct Files {
    tid: u32,
    /// How long it has run.
    schedstat: Option<File>,
    /// Where it waits.
    syscall: Option<File>,
}

/// Where a thread waits, as the kernel tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) struct Place {
    /// `None`: it waits, and not in a system call.
    pub(in super::super) call: Option<u32>,
    arguments: [u64; 6],
    stack: u64,
    instruction: u64,
}

impl Files {
    /// Keeps them open when `are_kept`.
    pub(super) fn of(tid: u32, are_kept: bool) -> Self {
        let keep = |name| are_kept.then(|| open(tid, name)).flatten();
        Self { tid, schedstat: keep("schedstat"), syscall: keep("syscall") }
    }

    /// Returns how long the thread has run on a CPU.
    pub(super) fn ran_ns(&self) -> Option<u64> {
        let mut buffer = [0; 64];
        let text = self.read(self.schedstat.as_ref(), "schedstat", &mut buffer)?;
        // A kernel that does not count says 0.
        text.split(' ').next()?.parse().ok().filter(|ns| *ns > 0)
    }

    /// Returns where the thread waits; `None` when it runs, is gone, or the kernel does not tell.
    pub(super) fn place(&self) -> Option<Place> {
        let mut buffer = [0; 256];
        self.read(self.syscall.as_ref(), "syscall", &mut buffer)?.parse().ok()
    }

    fn read<'a>(&self, kept: Option<&File>, name: &str, buffer: &'a mut [u8]) -> Option<&'a str> {
        let opened = if kept.is_none() { open(self.tid, name) } else { None };
        let len = kept.or(opened.as_ref())?.read_at(buffer, 0).ok()?;
        std::str::from_utf8(buffer.get(..len)?).ok()
    }
}

fn open(tid: u32, name: &str) -> Option<File> {
    File::open(format!("/proc/self/task/{tid}/{name}")).ok()
}

/// The kernel's line: the call's number (-1 outside of a call, where nothing is said of arguments), six arguments,
/// stack and instruction pointer; or `running`.
impl FromStr for Place {
    type Err = ();

    fn from_str(line: &str) -> Result<Self, ()> {
        let mut words = line.split_ascii_whitespace();
        let call = words.next().ok_or(())?;
        let call = if call == "-1" { None } else { Some(call.parse().map_err(|_| ())?) };
        let mut number = || {
            let word = words.next().and_then(|word| word.strip_prefix("0x")).ok_or(())?;
            u64::from_str_radix(word, 16).map_err(|_| ())
        };
        let mut arguments = [0; 6];
        if call.is_some() {
            for argument in &mut arguments {
                *argument = number()?;
            }
        }
        Ok(Self { call, arguments, stack: number()?, instruction: number()? })
    }
}

impl Place {
    /// Returns whether the same call waits at the same depth of the stack, whatever its arguments are.
    pub(super) fn is_same_stack(&self, other: &Self) -> bool {
        let of = |place: &Self| (place.call, place.stack, place.instruction);
        of(self) == of(other)
    }

    /// Returns whether a leaf is this place: the instruction behind the system call, or the call itself when
    /// it is to be made again.
    pub(super) fn is_at(&self, leaf: u64) -> bool {
        (self.instruction.saturating_sub(4)..=self.instruction).contains(&leaf)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WAITS: &str = "202 0x7f10 0x80 0x0 0x0 0x0 0x1 0x7ffd5c10 0x7f3a\n";

    #[test]
    fn a_line_of_the_kernel_is_read() {
        let place = Place {
            call: Some(202),
            arguments: [0x7f10, 0x80, 0, 0, 0, 1],
            stack: 0x7ffd_5c10,
            instruction: 0x7f3a,
        };
        assert_eq!(WAITS.parse(), Ok(place));
        let fault = Place { call: None, arguments: [0; 6], ..place };
        assert_eq!("-1 0x7ffd5c10 0x7f3a".parse(), Ok(fault));
        assert!(!place.is_same_stack(&fault));
        let other = Place { arguments: [9; 6], ..place };
        assert!(place != other && place.is_same_stack(&other));
        for pointer in [0x7f36, 0x7f38, 0x7f3a] {
            assert!(place.is_at(pointer), "{pointer:x}");
        }
        assert!(!place.is_at(0x7f35) && !place.is_at(0x7f3b));
    }

    #[test]
    fn what_says_nothing_of_a_place_is_none() {
        for line in
            ["running\n", "", "202", "202 0x1 0x2", "x 0x1 0x2", "-1 0x1", "202 1 2 3 4 5 6 7 8"]
        {
            assert_eq!(line.parse::<Place>(), Err(()), "{line}");
        }
    }

    #[test]
    fn a_thread_that_waits_is_told_of_and_who_is_gone_is_not() {
        let (give, wait) = std::sync::mpsc::channel::<()>();
        let (tell, told) = std::sync::mpsc::channel();
        let waits = std::thread::spawn(move || {
            tell.send(crate::sys::own_tid()).unwrap();
            wait.recv().unwrap_err();
        });
        let tid = told.recv().unwrap();
        let files = Files::of(tid, true);
        let until = std::time::Instant::now() + std::time::Duration::from_secs(10);
        let place = loop {
            let place = files.place();
            if place.is_some() || until < std::time::Instant::now() {
                break place;
            }
            std::thread::yield_now();
        };
        assert_eq!(place.unwrap().call, u32::try_from(libc::SYS_futex).ok());
        assert!(files.ran_ns().is_some());
        let opened = Files::of(tid, false);
        assert_eq!((opened.place(), opened.ran_ns()), (place, files.ran_ns()));
        drop(give);
        waits.join().unwrap();
        // A join returns a moment before the kernel forgets the thread.
        for files in [files, opened] {
            while files.ran_ns().is_some() && std::time::Instant::now() < until {
                std::thread::yield_now();
            }
            assert_eq!((files.place(), files.ran_ns()), (None, None));
        }
    }
}
