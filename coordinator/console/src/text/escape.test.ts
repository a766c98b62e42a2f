import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { cut, escapeBytes, escaped, escapeLaidOut } from "./escape.ts";

interface Vector {
  kind: "text" | "laid_out" | "bytes";
  in?: string;
  hex?: string;
  out: string;
}

const vectors: Vector[] = JSON.parse(readFileSync("../../tests/golden/escape.json", "utf8"));

test("text is escaped as the command line escapes it", () => {
  for (const { kind, in: text = "", hex = "", out } of vectors) {
    const bytes = Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
    const shown =
      kind === "bytes" ? escapeBytes(bytes) : kind === "laid_out" ? escapeLaidOut(text) : escaped(text);
    assert.equal(shown, out, JSON.stringify({ kind, text, hex }));
  }
});

test("every control and format character is shown", () => {
  for (let code = 0; code <= 0x10ffff; code++) {
    if (code >= 0xd800 && code <= 0xdfff) continue;
    const text = String.fromCodePoint(code);
    if (/\p{Cc}|\p{Bidi_Control}/u.test(text)) assert.notEqual(escaped(text), text, code.toString(16));
  }
});

test("half a surrogate pair is shown, not drawn", () => {
  assert.equal(escaped("a\ud800b"), "a\\u{d800}b");
});

test("a cut never splits an escape or a character", () => {
  for (let most = 2; most < 16; most++) {
    const text = cut(escaped("ab\u202ecd\\e"), most);
    assert.match(text, /^(?:[^\\…]|\\\\|\\u\{[0-9a-f]+\})*…?$/);
  }
  assert.equal(cut("abc", 3), "abc");
  assert.equal(cut("a😀b", 3), "a…");
});
