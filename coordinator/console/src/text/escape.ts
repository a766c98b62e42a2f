//! Makes text from an endpoint safe to look at: the twin of `muster_runtime::escape`.
//! tests/golden/escape.json holds the vectors that both are tested with.

const UNSAFE =
  /\u034f|[\\\p{Cc}\u00ad\u061c\u115f-\u1160\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\ufff9-\ufffb\u{e0000}-\u{e007f}]|\p{Cs}/gu;

const NAMED: ReadonlyMap<string, string> = new Map([
  ["\\", "\\\\"],
  ["\n", "\\n"],
  ["\r", "\\r"],
  ["\t", "\\t"],
]);

function code(c: string): string {
  return `\\u{${(c.codePointAt(0) ?? 0).toString(16)}}`;
}

/** Escapes text: control, bidi and zero-width characters are shown, a backslash is doubled. */
export function escaped(text: string): string {
  return text.replace(UNSAFE, (c) => NAMED.get(c) ?? code(c));
}

/** Escapes text that is laid out already: line ends, tabs and backslashes stay. */
export function escapeLaidOut(text: string): string {
  return text.replace(UNSAFE, (c, at: number) => {
    const stays = c === "\n" || c === "\t" || c === "\\" || (c === "\r" && text[at + 1] === "\n");
    return stays ? c : code(c);
  });
}

/** Escapes bytes; what is not UTF-8 is shown as `\xNN`. */
export function escapeBytes(bytes: Uint8Array): string {
  let out = "";
  for (let at = 0; at < bytes.length; ) {
    const length = sequence(bytes, at);
    if (length === 0) {
      out += `\\x${(bytes[at] ?? 0).toString(16).padStart(2, "0")}`;
      at += 1;
    } else {
      out += escaped(new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes.subarray(at, at + length)));
      at += length;
    }
  }
  return out;
}

/** Returns the length of the UTF-8 sequence at a position; 0 where there is none. */
function sequence(bytes: Uint8Array, at: number): number {
  const first = bytes[at] ?? 0;
  if (first < 0x80) return 1;
  const length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4) return 0;
  for (let i = 1; i < length; i++) {
    const next = bytes[at + i];
    if (next === undefined || (next & 0xc0) !== 0x80) return 0;
  }
  const second = bytes[at + 1] ?? 0;
  const isBad =
    (first === 0xe0 && second < 0xa0) ||
    (first === 0xed && second > 0x9f) ||
    (first === 0xf0 && second < 0x90) ||
    (first === 0xf4 && second > 0x8f);
  return isBad ? 0 : length;
}

/** Cuts text that is escaped already to a number of characters, never within an escape. */
export function cut(text: string, most: number): string {
  if (text.length <= most) return text;
  const head = text.slice(0, most - 1).replace(/\\(u\{?[0-9a-f]{0,6}|x[0-9a-f]?)?$/, "");
  return `${head.replace(/[\ud800-\udbff]$/, "")}…`;
}
