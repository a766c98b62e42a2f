#!/usr/bin/env python3
"""What a hunt must bring back, worked out without any code of the product.

    oracle.py < QUESTION.json > ANSWER.jsonl

The question is what a `hunt` was asked (roots, selection, hashes; see `question`); the answer is a line for each row, in
walk order, with the fields that `muster-agent once --output jsonl` prints, and a last line with the figures. It goes by
what the documents promise: the sorted walk, one word for each entry, nothing touched on a file system that is not entered.
The standard library of Python is all that it needs, and `b3sum` when BLAKE3 is asked for.
"""

import base64
import datetime
import errno
import grp
import hashlib
import json
import os
import pwd
import stat
import subprocess
import sys

from kernel import Mounts, open_to_read, statx
from pattern import Patterns

PSEUDO = """autofs binder binfmt_misc bpf cgroup cgroup2 configfs cpuset debugfs devpts efivarfs fusectl hugetlbfs mqueue nfsd
nsfs proc pstore resctrl rpc_pipefs securityfs selinuxfs smackfs sysfs tracefs xenfs""".split()
NETWORK = """9p acfs afs beegfs ceph cifs coda davfs fuse glusterfs gpfs lustre mfs ncpfs nfs nfs4 orangefs panfs pvfs2 smb2 smb3
smbfs""".split()
FUSE_LOCAL = "fuse.exfat fuse.fuse-overlayfs fuse.mergerfs fuse.ntfs-3g fuse.unionfs".split()
PATH_BYTES_MAX, LINKS_MAX, MOUNTS_NAMED_MAX = 32_768, 40, 64
KINDS = {stat.S_IFREG: "file", stat.S_IFDIR: "dir", stat.S_IFLNK: "symlink", stat.S_IFIFO: "fifo",
         stat.S_IFSOCK: "socket", stat.S_IFCHR: "char_device", stat.S_IFBLK: "block_device"}
EMPTY = {"seen": 0, "hashed": 0, "cached": 0, "matched": 0, "unmatched": 0, "listed": 0, "filtered": {}, "skipped": {},
         "failed": {}, "roots_failed": {}, "unjudged": {}, "mounts_skipped": {}, "bytes_hashed": 0, "uploaded": 0, "upload_bytes": 0,
         "not_uploaded": {}}


def is_skipped_kind(kind):
    return kind in PSEUDO or kind in NETWORK or kind.startswith("fuse.") and kind not in FUSE_LOCAL


def kind_of(found):
    return KINDS.get(stat.S_IFMT(found.mode), "unknown")


def moment(ns):
    whole = datetime.datetime.fromtimestamp(ns // 1_000_000_000, datetime.timezone.utc)
    return f"{whole:%Y-%m-%dT%H:%M:%S}.{ns % 1_000_000_000:09}Z"


def text(name, value):
    shown = {name: value.decode("utf-8", "replace")}
    try:
        value.decode("utf-8")
    except UnicodeDecodeError:
        shown[f"{name}_b64"] = base64.b64encode(value).decode()
    return shown


def join(folder, name):
    return folder + (b"" if folder.endswith(b"/") else b"/") + name


def parts(path):
    return [part for part in path.split(b"/") if part not in (b"", b".")]


class Skipped(Exception):
    """On the way lies a mount that is not entered."""


class Way:
    """An open folder and its path without links."""

    def __init__(self, folder, real):
        self.folder, self.real = folder, real

    def close(self):
        os.close(self.folder)


class Oracle:
    def __init__(self, question):
        self.asked = question
        roots = {b"/" + b"/".join(parts(base64.b64decode(root))) for root in question["roots_b64"]}
        self.roots = sorted(roots, key=parts)
        self.others = {inner for inner in self.roots for outer in self.roots if inner != outer and parts(inner)[:len(parts(outer))] == parts(outer)}
        self.include, self.exclude = Patterns(question["include"]), Patterns(question["exclude"])
        self.has_include = bool(question["include"])
        self.owners = [int(name) if name.isdigit() else pwd.getpwnam(name).pw_uid for name in question["owners"]]
        self.groups = [int(name) if name.isdigit() else grp.getgrnam(name).gr_gid for name in question["groups"]]
        self.hashes, self.wanted = question["hashes"], question["ioc"]
        self.mounts = Mounts()
        self.figures = json.loads(json.dumps(EMPTY))
        # Folders that the walk is in, and how many of them a link led to.
        self.way, self.links = [], 0
        self.files_read = {}

    # The figures and the rows.

    def count(self, figure, word):
        self.figures[figure][word] = self.figures[figure].get(word, 0) + 1

    def count_mount(self, point, kind):
        word = f"{point.decode('utf-8', 'replace')} {kind}"
        named = self.figures["mounts_skipped"]
        self.count("mounts_skipped", word if word in named or len(named) < MOUNTS_NAMED_MAX else "more")

    def filtered(self, reason):
        self.figures["seen"] += 1
        self.count("filtered", reason)

    def row(self, path, kind, status, found=None, number=0, target=None, digests=None, size=None):
        figures = self.figures
        figures["seen"] += 1
        is_judged = status in ("ok", "changed")
        if not is_judged and path in self.roots:
            figures["roots_failed"][path.decode("utf-8", "replace")[:512]] = status
        if not is_judged:
            self.count("skipped" if status.startswith("skipped") else "failed", status)
        elif digests is None:
            figures["listed"] += 1
        else:
            figures["hashed"] += 1
            figures["bytes_hashed"] += size
            if self.wanted:
                verdict = any(digests[kind][:len(h)] == h for kind, hashes in self.wanted.items() for h in hashes)
                figures["matched" if verdict else "unmatched"] += 1
        asks_for_birth = self.asked["btime"] != [None, None]
        if asks_for_birth and (found is None or found.birth_ns() is None) and status not in ("denied", "vanished", "io_error", "skipped_fs"):
            self.count("unjudged", "btime")
        if digests is not None and self.wanted and not verdict:
            return
        known = found is not None
        row = text("path", path) | {"kind": kind_of(found) if known else kind, "status": status, "errno": number}
        row["size"] = size if size is not None else found.size if known else 0
        for name in ("mtime", "ctime", "atime"):
            row[name] = moment(getattr(found, name).all_ns()) if known else None
        born = found.birth_ns() if known else None
        row["btime"] = None if born is None else moment(born)
        for name in ("mode", "uid", "gid", "nlink", "ino"):
            row[name] = getattr(found, name) if known else 0
        row["dev"] = found.dev() if known else 0
        if target is not None:
            row |= text("link_target", target)
        print(json.dumps(row | (digests or {})))

    def failed(self, path, kind, problem, found=None):
        words = {errno.EACCES: "denied", errno.EPERM: "denied", errno.ENOENT: "vanished", errno.ESTALE: "vanished"}
        self.row(path, kind, words.get(problem.errno, "io_error"), found, problem.errno)

    # What was asked for.

    def below(self, path):
        return b"/".join(parts(path)[len(parts(self.root)):])

    def is_included(self, path, is_folder):
        below = self.below(path) or (parts(path) or [b""])[-1]
        return not self.has_include or self.include.match(below, is_folder)

    def refuses(self, found):
        """The first condition that does not hold."""
        asked, kind, mode = self.asked, kind_of(found), found.mode & 0o7777

        def within(window, ns):
            return ns is None or (window[0] is None or ns >= window[0]) and (window[1] is None or ns < window[1])

        any_of, all_of, exactly = asked["mode"]
        mode_matters = bool(any_of or all_of or exactly is not None)
        is_mode = (not any_of or mode & any_of) and mode & all_of == all_of and exactly in (None, mode)
        least, most = asked["min_size"] or 0, asked["max_size"]
        conditions = [
            ("kind", not asked["kinds"] or kind in asked["kinds"]),
            ("size", kind != "file" or found.size >= least and (most is None or found.size <= most)),
            ("mtime", within(asked["mtime"], found.mtime.all_ns())),
            ("ctime", within(asked["ctime"], found.ctime.all_ns())),
            ("btime", within(asked["btime"], found.birth_ns())),
            ("owner", not self.owners or found.uid in self.owners),
            ("group", not self.groups or found.gid in self.groups),
            ("mode", not mode_matters or kind != "symlink" and is_mode),
        ]
        return next((reason for reason, holds in conditions if not holds), None)

    # The walk.

    def run(self):
        for self.root in self.roots:
            try:
                way, name = self.find(None, self.root)
            except Skipped as skipped:
                self.skip(self.root, *skipped.args, "unknown")
                continue
            except OSError as problem:
                self.failed(self.root, "unknown", problem)
                continue
            real = join(way.real, name) if name != b"." else way.real
            self.root_mount = self.mount_over(way.folder, name)
            self.visit(way.folder, name, self.root, 0, real)
            way.close()

    def mount_over(self, folder, name):
        return self.mounts.on(folder, name) or self.mounts.by_id[self.mounts.number(folder)]

    def find(self, way, path):
        """Goes along a path, links followed, into no mount that is not entered. Returns a folder and a name in it."""
        pending, links = parts(path), 0
        if path.startswith(b"/"):
            way = Way(os.open(b"/", os.O_PATH), b"/")
        if not self.asked["all_file_systems"] and path.startswith(b"/") and is_skipped_kind(self.mount_over(way.folder, b".").kind):
            raise Skipped(b"/", self.mount_over(way.folder, b".").kind)
        while pending:
            name = pending.pop(0)
            mount = None if name == b".." else self.mounts.on(way.folder, name)
            if mount and is_skipped_kind(mount.kind) and not self.asked["all_file_systems"]:
                raise Skipped(mount.point, mount.kind)
            found = None
            if not pending and name != b"..":
                try:
                    found = statx(way.folder, name)
                except OSError:
                    return way, name
                if kind_of(found) != "symlink":
                    return way, name
            place = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=way.folder)
            kind = kind_of(statx(place))
            if kind == "symlink":
                links += 1
                if links > LINKS_MAX:
                    raise OSError(errno.ELOOP, "too many links")
                target = os.readlink(name, dir_fd=way.folder)
                os.close(place)
                if target.startswith(b"/"):
                    way = Way(os.open(b"/", os.O_PATH), b"/")
                pending = parts(target) + pending
            elif kind == "dir":
                real = os.path.dirname(way.real) if name == b".." else join(way.real, name)
                way.close()
                way = Way(place, real)
            else:
                raise OSError(errno.ENOTDIR, "not a folder")
        return way, b"."

    def skip(self, path, point, kind, what):
        self.row(path, what, "skipped_fs")
        self.count_mount(point, kind)

    def elsewhere(self, path, point, kind):
        self.filtered("file_system")
        self.count_mount(point, kind)

    def look(self, folder, entry, path, level, real):
        """An entry below a root, before it is touched: `entry` is as the folder lists it."""
        name = os.fsencode(entry.name)
        if path in self.others:
            return
        if len(path) > PATH_BYTES_MAX:
            self.failed(path, listed_kind(entry), OSError(errno.ENAMETOOLONG, ""))
        elif self.exclude.match(self.below(path), entry.is_dir(follow_symlinks=False)):
            self.filtered("exclude")
        else:
            mount = self.mounts.on(folder, name)
            if mount and self.asked["one_file_system"] and mount.dev != self.root_mount.dev:
                self.elsewhere(path, path, mount.kind)
            elif mount and is_skipped_kind(mount.kind) and not self.asked["all_file_systems"]:
                self.skip(path, path, mount.kind, "dir" if entry.is_dir(follow_symlinks=False) else "unknown")
            elif self.asked["follow"] and entry.is_symlink():
                self.follow(folder, name, path, level, real)
            else:
                self.visit(folder, name, path, level, join(real, name), mount, listed=listed_kind(entry))

    def visit(self, folder, name, path, level, real, mount=None, was_link=False, listed="unknown"):
        try:
            found = statx(folder, name)
        except OSError as problem:
            if listed not in ("unknown", "dir") and not self.is_included(path, False):
                return self.filtered("include")
            return self.failed(path, listed, problem)
        if kind_of(found) == "dir":
            return self.enter(folder, name, path, level, real, found, mount, was_link)
        if not self.is_included(path, False):
            return self.filtered("include")
        if mount and self.asked["one_file_system"] and found.dev() != self.root_dev:
            return self.filtered("file_system")
        self.leaf(folder, name, path, found)

    def enter(self, parent, name, path, level, real, found, mount, was_link):
        try:
            folder = open_to_read(name, parent, os.O_DIRECTORY)
        except OSError as problem:
            return self.failed(path, "dir", problem, found)
        found = statx(folder)
        identity = (found.dev(), found.ino)
        if level == 0:
            self.root_dev = found.dev()
        elif self.asked["one_file_system"] and found.dev() != self.root_dev:
            os.close(folder)
            return self.elsewhere(path, path, mount.kind if mount else "subvolume")
        if self.links and identity in self.way:
            os.close(folder)
            return self.loop(parent, name, path, found)
        is_deepest = self.asked["max_depth"] is not None and level >= self.asked["max_depth"]
        problem, entries = None, []
        if not is_deepest:
            try:
                with os.scandir(folder) as listing:
                    entries = sorted(listing, key=lambda entry: os.fsencode(entry.name))
            except OSError as error:
                problem = error
        self.folder_row(path, level, found, problem)
        self.way.append(identity)
        self.links += was_link
        for entry in entries:
            self.look(folder, entry, join(path, os.fsencode(entry.name)), level + 1, real)
        self.links -= was_link
        self.way.pop()
        os.close(folder)

    def folder_row(self, path, level, found, problem):
        if problem:
            self.failed(path, "dir", problem, found)
        elif self.hashes:
            self.figures["seen"] += 1
            self.figures["listed"] += 1
        elif level > 0 and not self.is_included(path, True):
            self.filtered("include")
        elif reason := self.refuses(found):
            self.filtered(reason)
        else:
            self.row(path, "dir", "ok", found)

    def leaf(self, folder, name, path, found):
        kind = kind_of(found)
        if reason := self.refuses(found):
            return self.filtered(reason)
        if self.hashes and kind == "file":
            return self.hash(folder, name, path, found)
        target = os.readlink(name, dir_fd=folder) if kind == "symlink" else None
        self.row(path, kind, "skipped_kind" if self.hashes else "ok", found, target=target)

    def hash(self, folder, name, path, found):
        try:
            file = open_to_read(name, folder)
        except OSError as problem:
            return self.failed(path, "file", problem, found)
        digests = {kind: hashlib.new(kind) for kind in self.hashes if kind != "blake3"}
        blake3 = subprocess.Popen(["b3sum", "--no-names"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) if "blake3" in self.hashes else None
        size = 0
        try:
            while piece := os.read(file, 1 << 20):
                size += len(piece)
                for digest in digests.values():
                    digest.update(piece)
                if blake3:
                    blake3.stdin.write(piece)
        except OSError as problem:
            os.close(file)
            return self.failed(path, "file", problem, found)
        os.close(file)
        said = {kind: digest.hexdigest() for kind, digest in digests.items()}
        if blake3:
            said["blake3"] = blake3.communicate()[0].decode().strip()
        self.files_read.setdefault((found.dev(), found.ino), size)
        self.row(path, "file", "ok", found, digests={kind: said[kind] for kind in self.hashes}, size=size)

    # Links below a root, where they are followed.

    def follow(self, folder, name, path, level, real):
        own = statx(folder, name)
        target = os.readlink(name, dir_fd=folder)
        try:
            way, last = self.find(Way(os.dup(folder), real), target)
        except Skipped as skipped:
            return self.skip(path, *skipped.args, "symlink")
        except OSError as problem:
            return self.unreached(folder, name, path, own, problem)
        there = way.real if last == b"." else join(way.real, last)
        mount = self.mount_over(way.folder, last)
        if self.asked["one_file_system"] and mount.dev != self.root_mount.dev:
            self.elsewhere(path, there, mount.kind)
        else:
            try:
                found = statx(way.folder, last)
            except OSError as problem:
                way.close()
                return self.unreached(folder, name, path, own, problem)
            if kind_of(found) != "dir":
                self.visit(way.folder, last, path, level, there)
            elif self.exclude.match(self.below(path), True):
                self.filtered("exclude")
            elif self.links >= LINKS_MAX or (found.dev(), found.ino) in self.way:
                self.loop(folder, name, path, own)
            else:
                self.visit(way.folder, last, path, level, there, was_link=True)
        way.close()

    def loop(self, folder, name, path, own):
        kind = kind_of(own)
        if not self.is_included(path, kind == "dir"):
            return self.filtered("include")
        if reason := self.refuses(own):
            return self.filtered(reason)
        target = os.readlink(name, dir_fd=folder) if kind == "symlink" else None
        self.row(path, kind, "skipped_kind", own, errno.ELOOP, target)

    def unreached(self, folder, name, path, own, problem):
        if problem.errno == errno.ELOOP:
            self.loop(folder, name, path, own)
        elif problem.errno != errno.ENOENT:
            self.failed(path, "symlink", problem, own)
        elif not self.is_included(path, False):
            self.filtered("include")
        else:
            self.leaf(folder, name, path, own)


def listed_kind(entry):
    """What the folder says that an entry is; asked of the kernel again only where the folder does not know."""
    if entry.is_dir(follow_symlinks=False):
        return "dir"
    if entry.is_symlink():
        return "symlink"
    return "file" if entry.is_file(follow_symlinks=False) else "unknown"


def question():
    """Everything that may be asked; what is not in the question is as here."""
    open_ends = {"mtime": [None, None], "ctime": [None, None], "btime": [None, None], "mode": [0, 0, None]}
    lists = {name: [] for name in ("include", "exclude", "hashes", "kinds", "owners", "groups")}
    flags = {name: False for name in ("one_file_system", "all_file_systems", "follow")}
    bounds = {name: None for name in ("max_depth", "min_size", "max_size")}
    asked = open_ends | lists | flags | bounds | {"ioc": {}} | json.load(sys.stdin)
    unknown = set(asked) - {"roots_b64", "ioc", *open_ends, *lists, *flags, *bounds}
    assert not unknown, f"the oracle knows nothing of {unknown}"
    return asked


def main():
    oracle = Oracle(question())
    sys.setrecursionlimit(100_000)
    oracle.run()
    figures = oracle.figures
    read = {"bytes_read_least": sum(oracle.files_read.values()), "bytes_read_most": figures["bytes_hashed"]}
    print(json.dumps({"figures": figures} | read))


if __name__ == "__main__":
    main()
