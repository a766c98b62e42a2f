//! Whether stdout was closed when the process began. The runtime of the standard library opens `/dev/null` in its place
//! before `main`, so that `main` cannot tell.

use std::sync::atomic::{AtomicBool, Ordering};

static WAS_CLOSED: AtomicBool = AtomicBool::new(false);

/// Runs before the runtime does.
#[used]
#[expect(unsafe_code, reason = "the only place to run code before the runtime")]
#[unsafe(link_section = ".init_array")]
static LOOK: extern "C" fn() = look;

extern "C" fn look() {
    // SAFETY: it reads the flags of a descriptor, which need not be open.
    #[expect(unsafe_code, reason = "a descriptor that may be closed has no safe type")]
    let flags = unsafe { libc::fcntl(libc::STDOUT_FILENO, libc::F_GETFD) };
    WAS_CLOSED.store(flags == -1, Ordering::Relaxed);
}

pub(super) fn was_closed() -> bool {
    WAS_CLOSED.load(Ordering::Relaxed)
}
