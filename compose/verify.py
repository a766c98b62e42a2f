#!/usr/bin/env python3
"""Checks a hunt's rows against tools that share no code with Muster: `find` and `sha256sum`.

Every regular file must be there once an agent, with the right size and digest; every row must be of a
file that is there; what could not be read must be what `find` cannot read either; counts and bytes of
the footers must be find's. Paths are bytes throughout. Exit 0 only when everything holds.
"""
import argparse
import base64
import json
import subprocess
import sys
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor


def find(roots: list[bytes], *test: str) -> list[list[bytes]]:
    """Size and path of what find sees."""
    out = subprocess.run(["find", *roots, *test, "-printf", r"%s\0%p\0"], check=True, stdout=subprocess.PIPE).stdout
    fields = out.split(b"\0")[:-1]
    return [fields[i:i + 2] for i in range(0, len(fields), 2)]


def sha256sum(paths: list[bytes]) -> dict[bytes, str]:
    """Digest by path. `-z` ends lines with NUL and escapes nothing."""
    out = subprocess.run(["xargs", "-0", "-r", "sha256sum", "-z", "--"], input=b"\0".join(paths), check=True,
                         stdout=subprocess.PIPE).stdout
    return {line[66:]: line[:64].decode() for line in out.split(b"\0") if line}


def digests(paths: list[bytes]) -> dict[bytes, str]:
    """The same with two at a time."""
    with ThreadPoolExecutor(2) as pool:
        halves = pool.map(sha256sum, (paths[0::2], paths[1::2]))
    return {path: digest for half in halves for path, digest in half.items()}


class Checks:
    """Prints each check as it is made and remembers whether all held."""

    def __init__(self) -> None:
        self.made = 0
        self.broken = 0

    def that(self, holds: bool, text: str, examples: list[object] | None = None) -> None:
        self.made += 1
        print(f"  {'✓' if holds else '✗'} {text}")
        if not holds:
            self.broken += 1
            for example in (examples or [])[:5]:
                print(f"      {example!r}")


def row_path(row: dict) -> bytes:
    """The exact bytes: `path` is lossy when `path_b64` is there."""
    return base64.b64decode(row["path_b64"]) if row.get("path_b64") else row["path"].encode()


def check_agent(checks: Checks, agent: str, rows: list[dict], files: dict[bytes, int], truth: dict[bytes, str],
                unreadable: set[bytes]) -> None:
    regular = [row for row in rows if row.get("kind") == "file"]
    good = {row_path(row): row for row in regular if row["status"] in ("ok", "cached")}
    paths = [row_path(row) for row in rows]
    checks.that(len(paths) == len(set(paths)), f"{agent}: {len(rows):,} rows, no path twice")
    missing = truth.keys() - good.keys()
    checks.that(not missing, f"{agent}: each of find's {len(truth):,} readable files has a digest", sorted(missing))
    extra = good.keys() - truth.keys()
    checks.that(not extra, f"{agent}: no digest of a file that is not there", sorted(extra))
    wrong = [(p, row["sha256"], truth[p]) for p, row in good.items() if p in truth and row["sha256"] != truth[p]]
    checks.that(not wrong, f"{agent}: every sha256 equals sha256sum's", wrong)
    sizes = [(p, row["size"], files[p]) for p, row in good.items() if p in files and row["size"] != files[p]]
    checks.that(not sizes, f"{agent}: every size equals find's", sizes)
    refused = {row_path(row) for row in regular if row["status"] not in ("ok", "cached")}
    checks.that(refused == unreadable, f"{agent}: {len(refused):,} error rows, exactly what find cannot read",
                sorted(refused ^ unreadable))


def check_footer(checks: Checks, footer: dict, entries: int, files: int, size: int, refused: int) -> None:
    """What the agent says that it covered, against find."""
    agent = footer["agent"]
    # What was hashed just before the pause and not yet on its way is taken from the agent's cache when it goes on.
    hashed = footer["hashed"] + footer["cached"]
    for word, said, found in (("entries met", footer["seen"], entries), ("files hashed", hashed, files),
                              ("bytes hashed", footer["bytes_hashed"], size), ("errors", footer["errors"], refused)):
        checks.that(said == found, f"{agent}: {said:,} {word}, as find says", [{"find": found}])
    covered = sum(footer[word] for word in ("hashed", "cached", "listed", "filtered", "skipped", "errors"))
    checks.that(covered == footer["seen"], f"{agent}: what was met is accounted for to the last entry", [covered])


def check_profile(checks: Checks, profile: dict, collections: dict[str, dict]) -> None:
    """The profile's window lies within the hunt's run on the same agent, by the agent's own clock."""
    for taken in profile["agents"]:
        hunt = collections[taken["agent"]]
        inside = hunt["started"] <= taken["window_start"] < taken["window_end"] <= hunt["ended"]
        checks.that(inside, f"{taken['agent']}: profiled {taken['window_start']} to {taken['window_end']}, while it hunted",
                    [(hunt["started"], hunt["ended"])])
        checks.that(taken["samples"] > 0 and taken["lost"] == 0 and not taken["partial"],
                    f"{taken['agent']}: {taken['samples']} samples, none lost, the whole window", [taken])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", required=True, help="`muster hunt results H --output jsonl`")
    parser.add_argument("--root", required=True, action="append", help="the hunt's roots")
    parser.add_argument("--agents", required=True, type=int, help="how many agents must have answered")
    parser.add_argument("--collections", help="`muster hunt show H --agents --output jsonl`")
    parser.add_argument("--profile", help="`muster profile show P --output json`")
    args = parser.parse_args()

    roots = [root.encode() for root in args.root]
    files = {path: int(size) for size, path in find(roots, "-type", "f")}
    unreadable = {path for _, path in find(roots, "-type", "f", "!", "-readable")}
    truth = digests(sorted(files.keys() - unreadable))

    by_agent = defaultdict(list)
    with open(args.rows, encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            by_agent[row["agent"]].append(row)

    checks = Checks()
    checks.that(len(by_agent) == args.agents, f"{len(by_agent)} agents answered, {args.agents} were asked")
    for agent in sorted(by_agent):
        check_agent(checks, agent, by_agent[agent], files, truth, unreadable)
    if args.collections:
        entries = len(find(roots))
        readable = sum(size for path, size in files.items() if path not in unreadable)
        with open(args.collections, encoding="utf-8") as lines:
            collections = {line["agent"]: line for line in map(json.loads, lines)}
        checks.that(len(collections) == args.agents, f"{len(collections)} agents say what they covered")
        for agent in sorted(collections):
            check_footer(checks, collections[agent], entries, len(truth), readable, len(unreadable))
        if args.profile:
            with open(args.profile, encoding="utf-8") as text:
                check_profile(checks, json.load(text), collections)
    print(f"  {checks.made - checks.broken} of {checks.made} checks hold")
    return 1 if checks.broken else 0


if __name__ == "__main__":
    sys.exit(main())
