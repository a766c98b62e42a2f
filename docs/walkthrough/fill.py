"""Puts transcripts into a page: after a line `<!-- NAME -->` the block that follows is NAME.txt."""
import pathlib
import re
import sys

page = pathlib.Path(sys.argv[1])
folder = pathlib.Path(__file__).parent


def block(match):
    return f"{match[1]}```console\n{(folder / (match[2] + '.txt')).read_text().rstrip()}\n```"


text = page.read_text()
page.write_text(re.sub(r"(<!-- ([a-z-]+) -->\n)```console\n.*?\n```", block, text, flags=re.DOTALL))
