"""The trees that are hashed: the same bytes for the same seed and scale, built once and kept."""

import json
import math
import os
import pathlib
import random

SEED = 20261125
KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30
ABOUT = {
    "T1": "log-uniform 64 B to 128 KiB, and six big files",
    "T2": "0 to 4 KiB, three levels",
    "T3": "one big file",
    "T4": "like a source tree: log-normal around 3 KiB, nine levels",
}


def write(path, size, rng):
    with open(path, "wb") as out:
        while size > 0:
            part = min(size, MIB)
            out.write(rng.randbytes(part))
            size -= part


def log_uniform(rng, low, high):
    return int(math.exp(rng.uniform(math.log(low), math.log(high))))


def t1(root, scale, rng):
    count = int(60_000 * scale)
    for n in range(count):
        folder = root / f"{n // 60 // 32:02d}" / f"{n // 60:04d}"
        if n % 60 == 0:
            folder.mkdir(parents=True)
        write(folder / f"{rng.getrandbits(32):08x}-{n}.dat", log_uniform(rng, 64, 128 * KIB), rng)
    folders = sorted(path for path in root.iterdir())
    for n in range(6):
        write(folders[n * len(folders) // 6] / f"big-{n}.img", int(512 * MIB * scale), rng)


def t2(root, scale, rng):
    count = int(200_000 * scale)
    for n in range(count):
        folder = root / f"{n // 48 // 64:02x}" / f"{n // 48 % 64:02x}"
        if n % 48 == 0:
            folder.mkdir(parents=True, exist_ok=True)
        write(folder / f"{rng.getrandbits(40):010x}", rng.randint(0, 4 * KIB), rng)


def t3(root, scale, rng):
    write(root / "one.img", int(4 * GIB * scale), rng)


def t4(root, scale, rng):
    endings = ["c", "h", "rs", "py", "txt", "json", "S", "md"]
    folders = [root]
    for n in range(int(70_000 * scale)):
        if n % 14 == 0:
            outer = folders[rng.randrange(len(folders))]
            deep = len(outer.relative_to(root).parts) >= 8
            folder = (root if deep else outer) / f"mod_{n // 14}"
            folder.mkdir()
            folders.append(folder)
        size = min(int(rng.lognormvariate(math.log(3 * KIB), 1.4)), 4 * MIB)
        name = f"{rng.choice(['core', 'util', 'main', 'test', 'api'])}_{n}.{rng.choice(endings)}"
        write(folders[-1] / name, size, rng)


def build(folder, name, scale):
    """Returns the tree's root and its figures: files and bytes."""
    root = pathlib.Path(folder) / f"{name}-{scale:g}"
    note = root.with_suffix(root.suffix + ".json")
    if note.exists():
        return root, json.loads(note.read_text())
    if root.exists():
        raise SystemExit(f"error: {root} is half built\n  cause: an earlier run was interrupted\n  try:   rm -r {root}")
    root.mkdir(parents=True)
    {"T1": t1, "T2": t2, "T3": t3, "T4": t4}[name](root, scale, random.Random(f"{SEED} {name} {scale:g}"))
    files = [path for path in walk(root)]
    figures = {"files": len(files), "bytes": sum(os.path.getsize(path) for path in files)}
    figures["biggest"] = max(os.path.getsize(path) for path in files)
    note.write_text(json.dumps(figures))
    return root, figures


def walk(root):
    for folder, _, names in os.walk(root):
        for name in names:
            yield os.path.join(folder, name)


def drop_pages(root):
    """Forgets the content of every file, but not where it lies."""
    for path in walk(root):
        fd = os.open(path, os.O_RDONLY)
        os.fdatasync(fd)
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(fd)
