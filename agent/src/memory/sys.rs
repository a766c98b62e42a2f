//! The allocator's own calls; nothing happens where the C library is not glibc.
#![cfg_attr(
    all(target_os = "linux", target_env = "gnu"),
    expect(unsafe_code, reason = "mallopt and malloc_trim have no safe wrapper")
)]

#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub(super) fn bound(heaps_max: i32, kept_bytes_max: i32) {
    // SAFETY: two numbers each; what glibc does not know it ignores.
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, heaps_max);
        libc::mallopt(libc::M_TRIM_THRESHOLD, kept_bytes_max);
    }
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub(super) fn give_back() {
    // SAFETY: takes a number, locks each heap by itself.
    unsafe {
        libc::malloc_trim(0);
    }
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub(super) fn bound(_heaps_max: i32, _kept_bytes_max: i32) {}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub(super) fn give_back() {}
