//! Signals, CPU-time timers, clocks and the sample ring: with the allocator's the only unsafe code of the profiler.
//!
//! For CPU time each thread gets a timer on its own CPU clock (`ITIMER_PROF` fires at most once a kernel tick
//! for the whole process); for wall-clock time a thread is asked where it is. The handler runs on the thread
//! that used the CPU or was asked; it calls nothing that allocates or locks, and writes into a ring that one
//! reader drains. It runs on the thread's own stack: the alternate
//! stack that the standard library sets up is too small to unwind on.
#![expect(unsafe_code, reason = "signal handler, POSIX timers, memory shared with the handler")]

use std::cell::{Cell, UnsafeCell};
use std::io;
use std::mem::{MaybeUninit, size_of};
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, AtomicUsize, Ordering};

pub(super) use self::clock::{monotonic_ns, process_cpu, thread_cpu_ns, ticks_per_second};
pub(super) use self::timer::Timer;
use crate::cost;
use muster_protocol::limits::{PROFILE_FRAMES_MAX, PROFILE_RING_SAMPLES};

mod clock;
mod timer;

thread_local! {
    /// Constant initial value and no destructor: reading it is safe at any moment of a thread's life.
    static TAG: Cell<u64> = const { Cell::new(0) };
}

/// Puts a tag on the calling thread and returns the earlier one.
pub(super) fn exchange_tag(number: u64) -> u64 {
    TAG.replace(number)
}

/// Returns the tag of the calling thread.
pub(super) fn own_tag() -> u64 {
    TAG.get()
}

/// One sample as the handler wrote it.
#[derive(Clone, Copy)]
#[repr(C)]
pub(super) struct Slot {
    /// Monotonic time in nanoseconds.
    pub(super) at_ns: u64,
    /// Tag of the thread.
    pub(super) tag: u64,
    /// Period of the timer that fired; 0 for an answer to [`ask`].
    pub(super) period_ns: u32,
    /// Thread id.
    pub(super) tid: u32,
    /// Periods that this sample stands for: 1 plus the timer's overruns.
    pub(super) periods: u32,
    depth: u32,
    frames: [u64; PROFILE_FRAMES_MAX],
}

impl Slot {
    /// Returns the stack, leaf first; addresses of callers lie within the call instruction.
    pub(super) fn frames(&self) -> &[u64] {
        self.frames.get(..self.depth as usize).unwrap_or(&self.frames)
    }
}

/// A cell of the ring. `turn` is the lap's first position where a writer may go on, one more where the reader may. All
/// zeros is an empty ring.
struct Cells {
    turn: AtomicU64,
    slot: UnsafeCell<MaybeUninit<Slot>>,
}

static RING: AtomicPtr<Cells> = AtomicPtr::new(ptr::null_mut());
static WRITE: AtomicU64 = AtomicU64::new(0);
static READ: AtomicU64 = AtomicU64::new(0);
static LOST: AtomicU64 = AtomicU64::new(0);
static ON: AtomicBool = AtomicBool::new(false);
static INSIDE: AtomicUsize = AtomicUsize::new(0);

const RING_LEN: u64 = PROFILE_RING_SAMPLES as u64;
const RING_BYTES: usize = PROFILE_RING_SAMPLES * size_of::<Cells>();

/// Returns whether signals are turned into samples.
pub(super) fn is_on() -> bool {
    ON.load(Ordering::SeqCst)
}

/// Returns how many samples were lost since the process began.
pub(super) fn lost() -> u64 {
    LOST.load(Ordering::Relaxed)
}

/// Why a thread is interrupted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    /// A timer of its CPU time.
    Timer,
    /// It is asked where it is.
    Question,
}

impl Cause {
    /// `SIGURG` is ignored where there is no handler, and no socket of ours sends it: a question that comes
    /// late does no harm.
    const fn signal(self) -> libc::c_int {
        match self {
            Self::Timer => libc::SIGPROF,
            Self::Question => libc::SIGURG,
        }
    }
}

/// Maps the ring and warms the unwinder up. One caller at a time.
pub(super) fn start() -> io::Result<()> {
    if RING.load(Ordering::Acquire).is_null() {
        RING.store(map_ring()?, Ordering::Release);
    }
    warm_up();
    ON.store(true, Ordering::SeqCst);
    Ok(())
}

/// Installs the handler. Interrupted system calls go on, as far as the kernel lets them.
pub(super) fn listen(cause: Cause) -> io::Result<()> {
    let act: extern "C" fn(libc::c_int, *mut TimerInfo, *mut libc::ucontext_t) = on_signal;
    set_action(cause.signal(), act as usize, libc::SA_SIGINFO | libc::SA_RESTART)
}

/// Takes the handler away. Every timer must be deleted before.
pub(super) fn ignore(cause: Cause) {
    let action = match cause {
        // Its default is to end the process, and one may still be on its way.
        Cause::Timer => libc::SIG_IGN,
        Cause::Question => libc::SIG_DFL,
    };
    if let Err(error) = set_action(cause.signal(), action, 0) {
        tracing::warn!(%error, ?cause, "a signal cannot be ignored; its handler stays and does nothing");
    }
}

/// Waits for handlers that run, and gives the ring's memory back. One caller at a time.
pub(super) fn stop() {
    ON.store(false, Ordering::SeqCst);
    while INSIDE.load(Ordering::SeqCst) > 0 {
        std::thread::yield_now();
    }
    let ring = RING.load(Ordering::Acquire);
    if !ring.is_null() {
        // SAFETY: our own private anonymous mapping; no handler is inside, and none enters while ON is
        // false. It reads as zeros afterwards, which is how an empty ring begins.
        unsafe { libc::madvise(ring.cast(), RING_BYTES, libc::MADV_DONTNEED) };
    }
    WRITE.store(0, Ordering::SeqCst);
    READ.store(0, Ordering::SeqCst);
}

fn map_ring() -> io::Result<*mut Cells> {
    let protection = libc::PROT_READ | libc::PROT_WRITE;
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
    // SAFETY: a fresh mapping; no memory of ours is touched.
    let at = unsafe { libc::mmap(ptr::null_mut(), RING_BYTES, protection, flags, -1, 0) };
    if at == libc::MAP_FAILED { Err(io::Error::last_os_error()) } else { Ok(at.cast()) }
}

fn set_action(signal: libc::c_int, handler: usize, flags: libc::c_int) -> io::Result<()> {
    // SAFETY: all zeros is a valid sigaction, and the pointers live over the calls.
    let code = unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = handler;
        action.sa_flags = flags;
        libc::sigemptyset(&raw mut action.sa_mask);
        // One sample at a time: neither interrupts the other's handler.
        libc::sigaddset(&raw mut action.sa_mask, Cause::Timer.signal());
        libc::sigaddset(&raw mut action.sa_mask, Cause::Question.signal());
        libc::sigaction(signal, &raw const action, ptr::null_mut())
    };
    if code == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// The first unwind of a process loads what later ones only read.
fn warm_up() {
    let mut frames = 0_usize;
    // SAFETY: the closure only counts.
    unsafe {
        backtrace::trace_unsynchronized(|_| {
            frames += 1;
            frames < PROFILE_FRAMES_MAX
        });
    }
}

/// What the kernel tells of a signal: the head of `siginfo_t`.
#[repr(C)]
struct TimerInfo {
    signo: libc::c_int,
    errno: libc::c_int,
    code: libc::c_int,
    pad: libc::c_int,
    /// Of a question: the process that sent it.
    timer: libc::c_int,
    /// Of a question: the user that sent it.
    overrun: libc::c_int,
    /// Thread id in the low half, period in the high half.
    value: u64,
}

/// Asks a thread of this process where it is: it writes a sample as soon as it returns from the kernel, or
/// is interrupted there. Fails with `ESRCH` when it is gone.
pub(super) fn ask(tid: u32) -> io::Result<()> {
    let thread = libc::c_int::try_from(tid).map_err(io::Error::other)?;
    // SAFETY: all zeros is a valid siginfo, its head is laid out as `TimerInfo`, and the pointer lives over
    // the call.
    let code = unsafe {
        let mut info: libc::siginfo_t = std::mem::zeroed();
        let head = (&raw mut info).cast::<TimerInfo>();
        (*head).signo = Cause::Question.signal();
        (*head).code = libc::SI_QUEUE;
        (*head).timer = libc::getpid();
        (*head).overrun = libc::getuid().cast_signed();
        (*head).value = u64::from(tid);
        let signal = Cause::Question.signal();
        libc::syscall(libc::SYS_rt_tgsigqueueinfo, libc::getpid(), thread, signal, &raw mut info)
    };
    if code == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Makes the calling thread deaf to questions permanently, as the kernel does to one that sleeps uninterruptibly.
#[cfg(test)]
pub(super) fn deafen() {
    // SAFETY: all zeros is a valid set, and the pointers live over the calls.
    unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigaddset(&raw mut set, Cause::Question.signal());
        libc::pthread_sigmask(libc::SIG_BLOCK, &raw const set, ptr::null_mut());
    }
}

/// Returns the name of the calling thread, up to its zero byte.
pub(super) fn own_name() -> [u8; 16] {
    let mut name = [0_u8; 16];
    // SAFETY: the kernel writes sixteen bytes at most.
    unsafe { libc::prctl(libc::PR_GET_NAME, name.as_mut_ptr()) };
    name
}

/// Returns the id of the calling thread.
pub(super) fn own_tid() -> u32 {
    // SAFETY: takes nothing and cannot fail.
    let tid = unsafe { libc::syscall(libc::SYS_gettid) };
    u32::try_from(tid).unwrap_or(0)
}

extern "C" fn on_signal(signal: libc::c_int, info: *mut TimerInfo, context: *mut libc::ucontext_t) {
    INSIDE.fetch_add(1, Ordering::SeqCst);
    if ON.load(Ordering::SeqCst) && !info.is_null() && !context.is_null() {
        let began_ns = thread_cpu_ns();
        // SAFETY: errno is the thread's own; the kernel gave both pointers for this call.
        unsafe {
            let errno = *libc::__errno_location();
            match (*info).code {
                libc::SI_TIMER if signal == Cause::Timer.signal() => {
                    let overrun = u32::try_from((*info).overrun).unwrap_or(0);
                    take_sample((*info).value, 1 + overrun, &*context);
                    cost::CPU.add(thread_cpu_ns().saturating_sub(began_ns));
                }
                libc::SI_QUEUE if (*info).timer == libc::getpid() => {
                    take_sample((*info).value, 1, &*context);
                    cost::WALL.add(thread_cpu_ns().saturating_sub(began_ns));
                }
                _ => {}
            }
            *libc::__errno_location() = errno;
        }
    }
    INSIDE.fetch_sub(1, Ordering::SeqCst);
}

/// Claims a cell, fills it and hands it to the reader.
fn take_sample(value: u64, periods: u32, context: &libc::ucontext_t) {
    let ring = RING.load(Ordering::Acquire);
    let mut position = WRITE.load(Ordering::Relaxed);
    let cell = loop {
        // SAFETY: the index is below the ring's length, and the mapping is never unmapped.
        let cell = unsafe { &*ring.add(index(position)) };
        let turn = cell.turn.load(Ordering::Acquire);
        if turn < lap(position) {
            LOST.fetch_add(1, Ordering::Relaxed);
            return;
        }
        if turn > lap(position) {
            position = WRITE.load(Ordering::Relaxed);
            continue;
        }
        let next = position + 1;
        match WRITE.compare_exchange_weak(position, next, Ordering::Relaxed, Ordering::Relaxed) {
            Ok(_) => break cell,
            Err(now) => position = now,
        }
    };
    let (tid, period_ns) = unpack(value);
    let slot = cell.slot.get().cast::<Slot>();
    // SAFETY: the claimed cell is this handler's alone until `turn` is stored; plain old data.
    unsafe {
        (*slot).at_ns = monotonic_ns();
        (*slot).tag = TAG.get();
        (*slot).tid = tid;
        (*slot).period_ns = period_ns;
        (*slot).periods = periods;
        (*slot).depth = unwind(leaf(context), &mut (*slot).frames);
    }
    cell.turn.store(lap(position) + 1, Ordering::Release);
}

/// Takes the oldest sample out of the ring. One caller at a time.
pub(super) fn take() -> Option<Slot> {
    let ring = RING.load(Ordering::Acquire);
    if ring.is_null() {
        return None;
    }
    let position = READ.load(Ordering::Relaxed);
    // SAFETY: the index is below the ring's length, and the mapping is never unmapped.
    let cell = unsafe { &*ring.add(index(position)) };
    if cell.turn.load(Ordering::Acquire) != lap(position) + 1 {
        return None;
    }
    // SAFETY: the writer has stored `turn` after the whole slot; no writer comes here until we store it.
    let slot = unsafe { (*cell.slot.get()).assume_init() };
    cell.turn.store(lap(position) + RING_LEN, Ordering::Release);
    READ.store(position + 1, Ordering::Relaxed);
    Some(slot)
}

const fn index(position: u64) -> usize {
    (position % RING_LEN) as usize
}

const fn lap(position: u64) -> u64 {
    position - position % RING_LEN
}

#[expect(clippy::cast_possible_truncation, reason = "the two halves of the value")]
const fn unpack(value: u64) -> (u32, u32) {
    (value as u32, (value >> 32) as u32)
}

/// Writes the stack into `frames`, leaf first, and returns its depth. Frames above the leaf are the
/// handler's own and left out.
fn unwind(leaf: u64, frames: &mut [u64; PROFILE_FRAMES_MAX]) -> u32 {
    let mut depth = 0_usize;
    let mut handler_frames = 0_usize;
    // SAFETY: this thread's own stack; the closure neither allocates nor panics.
    unsafe {
        backtrace::trace_unsynchronized(|frame| {
            let address = frame.ip() as u64;
            if depth == 0 && address != leaf {
                handler_frames += 1;
                return handler_frames < 32;
            }
            if address == 0 {
                return false;
            }
            if let Some(place) = frames.get_mut(depth) {
                *place = if depth == 0 { address } else { address - 1 };
                depth += 1;
            }
            depth < PROFILE_FRAMES_MAX
        });
    }
    if depth == 0 {
        frames[0] = leaf;
        depth = 1;
    }
    u32::try_from(depth).unwrap_or(0)
}

/// Writes the stack of the calling thread into `frames`, leaf first, and returns its depth. It begins with whoever
/// called the function at `inner`, or here where that one is not found.
pub(super) fn callers(inner: usize, frames: &mut [u64; PROFILE_FRAMES_MAX]) -> usize {
    let mut depth = 0_usize;
    let mut is_found = false;
    // SAFETY: this thread's own stack; the closure neither allocates nor panics.
    unsafe {
        backtrace::trace_unsynchronized(|frame| {
            let address = frame.ip() as u64;
            if address == 0 {
                return false;
            }
            if let Some(place) = frames.get_mut(depth) {
                *place = address - 1;
                depth += 1;
            }
            if !is_found && frame.symbol_address().addr() == inner {
                (is_found, depth) = (true, 0);
            }
            depth < PROFILE_FRAMES_MAX
        });
    }
    depth
}

/// Returns where the thread was when the signal came.
#[cfg(target_arch = "x86_64")]
fn leaf(context: &libc::ucontext_t) -> u64 {
    let registers: &[i64] = &context.uc_mcontext.gregs;
    let index = usize::try_from(libc::REG_RIP).unwrap_or(usize::MAX);
    registers.get(index).map_or(0, |address| address.cast_unsigned())
}

/// Returns where the thread was when the signal came.
#[cfg(target_arch = "aarch64")]
fn leaf(context: &libc::ucontext_t) -> u64 {
    context.uc_mcontext.pc
}
