//! Names of the system calls that threads are found waiting in.

use std::borrow::Cow;

/// Returns the name of a system call of this machine; its number when it has none here.
pub fn name(number: u32) -> Cow<'static, str> {
    let is_it = |(known, _): &&(libc::c_long, &str)| *known == libc::c_long::from(number);
    let known = COMMON.iter().chain(OLD).find(is_it);
    known.map_or_else(|| format!("syscall-{number}").into(), |(_, name)| (*name).into())
}

/// Returns the system call that a function of the C library or of rustix is named after; `open64`, `__read_nocancel`.
pub fn named_in(function: &str) -> Option<&'static str> {
    let bare = ["__GI_", "__libc_", "__"]
        .iter()
        .fold(function, |name, prefix| name.strip_prefix(prefix).unwrap_or(name));
    let bare = ["_nocancel", "_uninit"]
        .iter()
        .fold(bare, |name, suffix| name.strip_suffix(suffix).unwrap_or(name));
    let known =
        |name: &str| COMMON.iter().chain(OLD).map(|(_, known)| *known).find(|known| *known == name);
    // Where there is one of 64 bits it is the one that is called.
    known(&format!("{bare}64")).or_else(|| known(bare)).or_else(|| known(bare.strip_suffix("64")?))
}

/// What every architecture has.
const COMMON: &[(libc::c_long, &str)] = &[
    (libc::SYS_accept, "accept"),
    (libc::SYS_accept4, "accept4"),
    (libc::SYS_bind, "bind"),
    (libc::SYS_clock_nanosleep, "clock_nanosleep"),
    (libc::SYS_close, "close"),
    (libc::SYS_connect, "connect"),
    (libc::SYS_copy_file_range, "copy_file_range"),
    (libc::SYS_epoll_ctl, "epoll_ctl"),
    (libc::SYS_epoll_pwait, "epoll_pwait"),
    (libc::SYS_epoll_pwait2, "epoll_pwait2"),
    (libc::SYS_faccessat, "faccessat"),
    (libc::SYS_faccessat2, "faccessat2"),
    (libc::SYS_fadvise64, "fadvise64"),
    (libc::SYS_fallocate, "fallocate"),
    (libc::SYS_fcntl, "fcntl"),
    (libc::SYS_fdatasync, "fdatasync"),
    (libc::SYS_flock, "flock"),
    (libc::SYS_fstat, "fstat"),
    (libc::SYS_fsync, "fsync"),
    (libc::SYS_ftruncate, "ftruncate"),
    (libc::SYS_futex, "futex"),
    (libc::SYS_futex_waitv, "futex_waitv"),
    (libc::SYS_getdents64, "getdents64"),
    (libc::SYS_getrandom, "getrandom"),
    (libc::SYS_io_uring_enter, "io_uring_enter"),
    (libc::SYS_ioctl, "ioctl"),
    (libc::SYS_linkat, "linkat"),
    (libc::SYS_lseek, "lseek"),
    (libc::SYS_madvise, "madvise"),
    (libc::SYS_mkdirat, "mkdirat"),
    (libc::SYS_mmap, "mmap"),
    (libc::SYS_mprotect, "mprotect"),
    (libc::SYS_mremap, "mremap"),
    (libc::SYS_munmap, "munmap"),
    (libc::SYS_nanosleep, "nanosleep"),
    (libc::SYS_newfstatat, "newfstatat"),
    (libc::SYS_openat, "openat"),
    (libc::SYS_openat2, "openat2"),
    (libc::SYS_pipe2, "pipe2"),
    (libc::SYS_ppoll, "ppoll"),
    (libc::SYS_pread64, "pread64"),
    (libc::SYS_preadv, "preadv"),
    (libc::SYS_preadv2, "preadv2"),
    (libc::SYS_prlimit64, "prlimit64"),
    (libc::SYS_process_vm_readv, "process_vm_readv"),
    (libc::SYS_pselect6, "pselect6"),
    (libc::SYS_pwrite64, "pwrite64"),
    (libc::SYS_pwritev, "pwritev"),
    (libc::SYS_pwritev2, "pwritev2"),
    (libc::SYS_read, "read"),
    (libc::SYS_readahead, "readahead"),
    (libc::SYS_readlinkat, "readlinkat"),
    (libc::SYS_readv, "readv"),
    (libc::SYS_recvfrom, "recvfrom"),
    (libc::SYS_recvmmsg, "recvmmsg"),
    (libc::SYS_recvmsg, "recvmsg"),
    (libc::SYS_renameat2, "renameat2"),
    (libc::SYS_rt_sigsuspend, "rt_sigsuspend"),
    (libc::SYS_rt_sigtimedwait, "rt_sigtimedwait"),
    (libc::SYS_sched_yield, "sched_yield"),
    (libc::SYS_sendfile, "sendfile"),
    (libc::SYS_sendmmsg, "sendmmsg"),
    (libc::SYS_sendmsg, "sendmsg"),
    (libc::SYS_sendto, "sendto"),
    (libc::SYS_splice, "splice"),
    (libc::SYS_statfs, "statfs"),
    (libc::SYS_statx, "statx"),
    (libc::SYS_symlinkat, "symlinkat"),
    (libc::SYS_sync, "sync"),
    (libc::SYS_syncfs, "syncfs"),
    (libc::SYS_timerfd_settime, "timerfd_settime"),
    (libc::SYS_unlinkat, "unlinkat"),
    (libc::SYS_utimensat, "utimensat"),
    (libc::SYS_wait4, "wait4"),
    (libc::SYS_waitid, "waitid"),
    (libc::SYS_write, "write"),
    (libc::SYS_writev, "writev"),
];

/// What only older architectures have.
#[cfg(target_arch = "x86_64")]
const OLD: &[(libc::c_long, &str)] = &[
    (libc::SYS_access, "access"),
    (libc::SYS_creat, "creat"),
    (libc::SYS_epoll_wait, "epoll_wait"),
    (libc::SYS_getdents, "getdents"),
    (libc::SYS_link, "link"),
    (libc::SYS_lstat, "lstat"),
    (libc::SYS_mkdir, "mkdir"),
    (libc::SYS_open, "open"),
    (libc::SYS_pause, "pause"),
    (libc::SYS_poll, "poll"),
    (libc::SYS_readlink, "readlink"),
    (libc::SYS_rename, "rename"),
    (libc::SYS_renameat, "renameat"),
    (libc::SYS_rmdir, "rmdir"),
    (libc::SYS_sync_file_range, "sync_file_range"),
    (libc::SYS_select, "select"),
    (libc::SYS_stat, "stat"),
    (libc::SYS_unlink, "unlink"),
];

/// What only older architectures have.
#[cfg(not(target_arch = "x86_64"))]
const OLD: &[(libc::c_long, &str)] = &[];

#[cfg(test)]
mod tests {
    use super::named_in;

    #[test]
    fn a_function_is_named_after_a_system_call() {
        let cases = [
            ("openat", Some("openat")),
            ("openat64", Some("openat")),
            ("__GI___openat64_nocancel", Some("openat")),
            ("pread", Some("pread64")),
            ("getdents_uninit", Some("getdents64")),
            ("__libc_read", Some("read")),
            ("memcpy", None),
            ("malloc", None),
            ("", None),
        ];
        for (function, expected) in cases {
            assert_eq!(named_in(function), expected, "{function}");
        }
    }
}
