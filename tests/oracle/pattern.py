"""Patterns as README and `docs/reference/cli.md` describe them, one byte at a time."""

import re


def translate(text):
    """Returns a pattern's regular expression: `*` and `?` stop at a `/`, `**` between slashes does not."""
    out, at, depth = "", 0, 0
    while at < len(text):
        char = text[at]
        at += 1
        if text.startswith("**", at - 1):
            is_start = at == 1 or text[at - 2] == "/"
            after = at + 1
            if is_start and text.startswith("/", after):
                out, at = out + "(?:.*/)?", after + 1
                continue
            if is_start and after == len(text):
                out, at = out + (".+" if out else ".*"), after
                continue
        if char == "*":
            out += "[^/]*"
        elif char == "?":
            out += "[^/]"
        elif char == "[":
            end = text.index("]", at + 2 if text.startswith("!", at) else at + 1)
            inner = text[at:end]
            inner = "^" + inner[1:] if inner.startswith("!") else inner
            out, at = out + "[" + inner.replace("\\", "\\\\") + "]", end + 1
        elif char == "{":
            out, depth = out + "(?:", depth + 1
        elif char == "}" and depth:
            out, depth = out + ")", depth - 1
        elif char == "," and depth:
            out += "|"
        elif char == "\\":
            out, at = out + re.escape(text[at]), at + 1
        else:
            out += re.escape(char)
    return out


class Patterns:
    """With a `/` a pattern is held against the path below the root, without against the name; a `/` at its end restricts it to
    folders, `./` at its beginning merely anchors it."""

    def __init__(self, patterns):
        self.rules = []
        for pattern in patterns:
            is_folder, text = pattern.endswith("/"), pattern.removesuffix("/")
            is_path, text = "/" in text, text.removeprefix("./")
            text = text.encode().decode("latin-1")
            self.rules.append((re.compile(translate(text), re.DOTALL), is_path, is_folder))

    def match(self, below, is_folder):
        path = below.decode("latin-1")
        name = path.rsplit("/", 1)[-1]
        for rule, is_path, folders_only in self.rules:
            if (is_folder or not folders_only) and rule.fullmatch(path if is_path else name):
                return True
        return False
