#!/usr/bin/env python3
"""Mounts of every sort within a folder, for as long as its standard input is open. To be run in a mount namespace of its own.

    unshare --mount --propagation private mounts_fixture.py TREE IMAGES

Says `made NAME` or `cannot NAME: why` a line each, then `ready`. TREE holds the mount points, IMAGES the disks behind them.
"""

import ctypes
import os
import pathlib
import subprocess
import sys

LIBC = ctypes.CDLL(None, use_errno=True)
TREE, IMAGES = map(pathlib.Path, sys.argv[1:])
KEPT = []


def call(*command):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    if done.returncode:
        raise OSError(f"{command[0]}: {(done.stderr or done.stdout).strip().splitlines()[-1:]}")


def folder(name):
    (TREE / name).mkdir()
    return TREE / name


def fill(point):
    """A few entries of which each must be a row of its own."""
    (point / "deeper").mkdir()
    (point / "file").write_bytes(point.name.encode() * 100)
    (point / "deeper" / "file").write_bytes(b"deeper")
    (point / "empty").touch()


def image(name, size, *format_with):
    disk = IMAGES / name
    with open(disk, "wb") as made:
        made.truncate(size)
    call(*format_with, disk)
    point = folder(name)
    try:
        call("mount", "-o", "loop", disk, point)
    except OSError:
        point.rmdir()
        raise
    fill(point)
    return point


def dead_fuse(name, kind):
    """A file system that never answers: nobody reads its requests."""
    point = folder(name)
    asked = os.open("/dev/fuse", os.O_RDWR)
    options = f"fd={asked},rootmode=40000,user_id=0,group_id=0,allow_other".encode()
    if LIBC.mount(b"dead", bytes(point), kind.encode(), 0, options):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    KEPT.append(asked)


def bind_folder():
    call("mount", "--bind", TREE / "bound", folder("bind-folder"))


def bind_file():
    (TREE / "bind-file").touch()
    call("mount", "--bind", TREE / "bound" / "file", TREE / "bind-file")


def bind_pseudo_file():
    (TREE / "bind-pseudo-file").touch()
    call("mount", "--bind", "/proc/version", TREE / "bind-pseudo-file")


def tmpfs():
    point = folder("tmpfs")
    call("mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", point)
    fill(point)
    inner = point / "inner tmpfs"
    inner.mkdir()
    call("mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", inner)
    fill(inner)


def overlay():
    layers = [IMAGES / f"overlay-{name}" for name in ("lower", "upper", "work")]
    for layer in layers:
        layer.mkdir()
    fill(layers[0])
    (layers[0] / "hidden").write_bytes(b"hidden")
    point = folder("overlay")
    call("mount", "-t", "overlay", "-o", "lowerdir={},upperdir={},workdir={}".format(*layers), "overlay", point)
    (point / "hidden").unlink()
    (point / "file").write_bytes(b"copied up")
    (point / "new").write_bytes(b"new")


def proc():
    call("mount", "-t", "proc", "proc", folder("proc"))


def local_over_pseudo():
    point = folder("local-over-pseudo")
    call("mount", "-t", "proc", "proc", point)
    call("mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", point)
    fill(point)


def pseudo_over_local():
    point = folder("pseudo-over-local")
    call("mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", point)
    fill(point)
    call("mount", "-t", "proc", "proc", point)


def odd_name():
    point = folder("odd \\ name\n\t")
    call("mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", point)
    fill(point)


def btrfs():
    point = image("btrfs", 128 << 20, "mkfs.btrfs", "-q")
    call("btrfs", "subvolume", "create", point / "subvolume")
    fill(point / "subvolume")


PLAIN = [bind_folder, bind_file, bind_pseudo_file, tmpfs, overlay, proc, local_over_pseudo, pseudo_over_local, odd_name, btrfs]


def main():
    fill(folder("bound"))
    jobs = [(job.__name__, job) for job in PLAIN] + [
        ("ext4", lambda: image("ext4", 8 << 20, "mkfs.ext4", "-q", "-F")),
        ("vfat", lambda: image("vfat", 8 << 20, "mkfs.vfat")),
        ("dead_fuse", lambda: dead_fuse("dead-fuse", "fuse")),
        ("dead_fuse_network", lambda: dead_fuse("dead-fuse-network", "fuse.sshfs")),
    ]
    for name, job in jobs:
        try:
            job()
            print("made", name)
        except OSError as problem:
            print(f"cannot {name}: {problem}")
    print("ready", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
