#!/usr/bin/env python3
"""What `processes` must say of some processes, from /proc by other means than the agent's.

    processes.py PID…

Prints a JSON object a process: what does not change while it sleeps."""

import hashlib
import json
import os
import sys


def status(pid):
    with open(f"/proc/{pid}/status", "rb") as file:
        lines = [line.split(b":", 1) for line in file.read().split(b"\n") if b":" in line]
    return {name.decode(): value.strip() for name, value in lines}


def digest(pid):
    with open(f"/proc/{pid}/exe", "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def exe(pid):
    """The path without what the kernel adds to one that is gone, and how the file stands to it."""
    path = os.readlink(os.fsencode(f"/proc/{pid}/exe"))
    is_gone = path.endswith(b" (deleted)") and not os.path.lexists(path)
    path = path.removesuffix(b" (deleted)") if is_gone else path
    if not os.path.lexists(path):
        return path, "deleted"
    same = os.path.samestat(os.stat(path), os.stat(f"/proc/{pid}/exe"))
    return path, "present" if same else "replaced"


def started(pid):
    """Seconds since 1970: the start of the machine, which the kernel tells, and what came after."""
    with open("/proc/stat") as file:
        booted = next(int(line.split()[1]) for line in file if line.startswith("btime"))
    with open(f"/proc/{pid}/stat", "rb") as file:
        ticks = int(file.read().rpartition(b")")[2].split()[19])
    return booted + ticks / os.sysconf("SC_CLK_TCK")


def cgroup(pid):
    with open(f"/proc/{pid}/cgroup", "rb") as file:
        lines = file.read().splitlines()
    unified = [line for line in lines if line.startswith(b"0::")]
    line = (unified or lines or [None])[0]
    return None if line is None else line.split(b":", 2)[2].decode(errors="replace")


for pid in map(int, sys.argv[1:]):
    said = status(pid)
    path, state = exe(pid)
    print(
        json.dumps(
            {
                "pid": pid,
                "ppid": int(said["PPid"]),
                "uid": int(said["Uid"].split()[1]),
                "threads": int(said["Threads"]),
                "comm": open(f"/proc/{pid}/comm", "rb").read()[:-1].decode(errors="replace"),
                "exe": path.decode(errors="replace"),
                "exe_state": state,
                "cgroup": cgroup(pid),
                "rss_bytes": int(said["VmRSS"].split()[0]) * 1024,
                "started_s": started(pid),
                "sha256": digest(pid),
            }
        )
    )
