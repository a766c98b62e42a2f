"""What the kernel says: statx with the time of birth, and on which mount a name lies, without touching what is mounted."""

import collections
import ctypes
import os

LIBC = ctypes.CDLL(None, use_errno=True)
AT_FDCWD, AT_SYMLINK_NOFOLLOW, AT_NO_AUTOMOUNT, AT_EMPTY_PATH = -100, 0x100, 0x800, 0x1000
STATX_BASIC_STATS, STATX_BTIME = 0x7FF, 0x800
O_NOATIME = getattr(os, "O_NOATIME", 0)

Mount = collections.namedtuple("Mount", "point kind dev")


class Time(ctypes.Structure):
    _fields_ = [("seconds", ctypes.c_int64), ("ns", ctypes.c_uint32), ("reserved", ctypes.c_int32)]

    def all_ns(self):
        return self.seconds * 1_000_000_000 + self.ns


class Statx(ctypes.Structure):
    """`struct statx` of <linux/stat.h>."""

    _fields_ = [
        ("mask", ctypes.c_uint32), ("block_size", ctypes.c_uint32), ("attributes", ctypes.c_uint64),
        ("nlink", ctypes.c_uint32), ("uid", ctypes.c_uint32), ("gid", ctypes.c_uint32), ("mode", ctypes.c_uint16),
        ("spare0", ctypes.c_uint16), ("ino", ctypes.c_uint64), ("size", ctypes.c_uint64), ("blocks", ctypes.c_uint64),
        ("attributes_mask", ctypes.c_uint64), ("atime", Time), ("btime", Time), ("ctime", Time), ("mtime", Time),
        ("rdev_major", ctypes.c_uint32), ("rdev_minor", ctypes.c_uint32), ("dev_major", ctypes.c_uint32),
        ("dev_minor", ctypes.c_uint32), ("spare", ctypes.c_uint64 * 14),
    ]

    def dev(self):
        return os.makedev(self.dev_major, self.dev_minor)

    def birth_ns(self):
        return self.btime.all_ns() if self.mask & STATX_BTIME else None


def statx(folder, name=b""):
    """Asks about `name` in the open folder, links not followed; without a name about the open file itself."""
    found = Statx()
    flags = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT if name else AT_EMPTY_PATH
    wanted = STATX_BASIC_STATS | STATX_BTIME
    if LIBC.statx(folder, ctypes.c_char_p(name), flags, wanted, ctypes.byref(found)):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return found


def unescape(field):
    """Undoes the kernel's octal escapes."""
    out, at = bytearray(), 0
    while at < len(field):
        if field[at:at + 1] == b"\\" and field[at + 1:at + 4].isdigit():
            out.append(int(field[at + 1:at + 4], 8))
            at += 4
        else:
            out.append(field[at])
            at += 1
    return bytes(out)


class Mounts:
    """The mount table by the kernel's own numbers: what a descriptor lies on is asked of the kernel, so nothing here has to
    work out which mount covers which."""

    def __init__(self):
        self.by_id = {}
        with open("/proc/self/mountinfo", "rb") as table:
            for line in table.read().splitlines():
                fields = line.split(b" ")
                major, minor = fields[2].split(b":")
                kind = fields[fields.index(b"-", 6) + 1].decode()
                dev = os.makedev(int(major), int(minor))
                self.by_id[int(fields[0])] = Mount(unescape(fields[4]), kind, dev)
        self.names = {mount.point.rsplit(b"/", 1)[1] for mount in self.by_id.values()}

    def number(self, descriptor):
        with open(f"/proc/self/fdinfo/{descriptor}", "rb") as said:
            return next(int(line.split()[1]) for line in said if line.startswith(b"mnt_id:"))

    def on(self, folder, name):
        """What is mounted on `name`, `None` where nothing is. A descriptor of O_PATH does not ask the file system."""
        if name not in self.names:
            return None
        try:
            place = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
        except OSError:
            return None
        try:
            number = self.number(place)
        finally:
            os.close(place)
        return None if number == self.number(folder) else self.by_id[number]


def open_to_read(name, folder, flags=0):
    """Opens without leaving a trace where that is allowed."""
    flags |= os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        return os.open(name, flags | O_NOATIME, dir_fd=folder)
    except PermissionError as problem:
        if problem.errno != 1:
            raise
        return os.open(name, flags, dir_fd=folder)
