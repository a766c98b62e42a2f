"""A fleet of one agent as processes, for the benches that measure a running agent from outside."""

import json
import os
import pathlib
import subprocess

REPO = pathlib.Path(__file__).resolve().parents[2]


class Fleet:
    """`with Fleet(bin, folder) as fleet`: up, and in the end gone with all that it stored."""

    def __init__(self, programs, folder):
        self.programs, self.folder = pathlib.Path(programs), pathlib.Path(folder)
        self.environment = os.environ | {"MUSTER_BIN_DIR": str(self.programs)}

    def __enter__(self):
        said = self.compose("up", "--with", "processes", "--agents", "1")
        if said.returncode:
            self.compose("down", "--purge")
            raise SystemExit(f"error: no fleet\n  cause: {said.stderr.strip()[-400:]}\n  try:   compose/fleet up --with processes")
        settings = dict(line.split("=", 1) for line in said.stdout.splitlines() if "=" in line)
        self.environment |= {name.removeprefix("export ").strip(): value.strip("'\"") for name, value in settings.items()}
        return self

    def __exit__(self, *_):
        self.compose("down", "--purge")

    def compose(self, verb, *words):
        command = [REPO / "compose/fleet", verb, *words, "--dir", self.folder]
        return subprocess.run(command, capture_output=True, text=True, env=self.environment)

    def pid(self, name):
        return int((self.folder / f"run/{name}.pid").read_text().split()[0])

    def muster(self, *words, codes=(0,)):
        """Runs a command and returns what it prints."""
        command = [str(word) for word in (self.programs / "muster", *words)]
        done = subprocess.run(command, capture_output=True, text=True, env=self.environment)
        if done.returncode not in codes:
            raise SystemExit(f"error: {' '.join(command)}\n  cause: {done.stderr.strip()[-400:]}\n  try:   run it by hand")
        return done.stdout

    def json(self, *words):
        return json.loads(self.muster("--output", "json", *words))
