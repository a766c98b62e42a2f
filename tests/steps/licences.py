#!/usr/bin/env python3
"""Checks licences and sources of every dependency against deny.toml where cargo-deny is not installed."""
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def allowed(expression: str, names: set[str]) -> bool:
    """Whether an SPDX expression (OR, AND, WITH, parentheses) can be met by the allowed names."""
    tokens = re.findall(r"\(|\)|[^\s()]+(?:\s+WITH\s+[^\s()]+)?", expression.replace("/", " OR "))
    position = 0

    def term() -> bool:
        nonlocal position
        token = tokens[position]
        position += 1
        if token == "(":
            value = either()
            position += 1
            return value
        return " ".join(token.split()) in names

    def both() -> bool:
        nonlocal position
        value = term()
        while position < len(tokens) and tokens[position] == "AND":
            position += 1
            value = term() and value
        return value

    def either() -> bool:
        nonlocal position
        value = both()
        while position < len(tokens) and tokens[position] == "OR":
            position += 1
            value = both() or value
        return value

    return either()


def main() -> int:
    rules = tomllib.loads((ROOT / "deny.toml").read_text())
    names = set(rules["licenses"]["allow"])
    extra = {e["crate"]: set(e["allow"]) for e in rules["licenses"].get("exceptions", [])}
    command = ["cargo", "metadata", "--format-version", "1", "--locked"]
    for triple in rules["graph"]["targets"]:
        command += ["--filter-platform", triple]
    metadata = json.loads(subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout)
    wrong, used, members = [], set(), set(metadata["workspace_members"])
    resolved = {node["id"] for node in metadata["resolve"]["nodes"]}
    banned = {b["crate"] for b in rules["bans"].get("deny", [])}
    for package in metadata["packages"]:
        if package["id"] not in resolved:
            continue
        label = f"{package['name']} {package['version']}"
        licence = package["license"] or "no licence"
        used.add(licence)
        if not allowed(licence, names | extra.get(package["name"], set())):
            wrong.append(f"{label}: licence {licence}")
        source = package["source"]
        if package["id"] not in members and not (source or "").startswith("registry+"):
            wrong.append(f"{label}: source {source}")
        if package["name"] in banned:
            wrong.append(f"{label}: banned by deny.toml")
    print("\n".join(wrong + [f"{len(resolved)} packages, {len(used)} licence expressions, {len(wrong)} refused"]))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
