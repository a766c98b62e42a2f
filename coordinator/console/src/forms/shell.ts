//! The words of a command line: quotes of a POSIX shell, and `$'…'` of bash and zsh for what is no plain text.

/** A word: text, or bytes in base64 where it is no text of one line. */
export type Word = string | { base64: string };

/** Splits a command line into words; nothing else of a shell is known. */
export function wordsOf(line: string): Word[] {
  const words: Word[] = [];
  const piece =
    /(\s+)|\$'((?:[^'\\]|\\[\s\S])*)'|'([^']*)'|"((?:[^"\\]|\\[\s\S])*)"|\\([\s\S])|([^\s'"\\$]+)|([\s\S])/gy;
  const encoder = new TextEncoder();
  let bytes: number[] | undefined;
  const end = () => {
    if (bytes) words.push(wordOf(Uint8Array.from(bytes)));
    bytes = undefined;
  };
  for (const [, space, dollar, single, double, escaped, plain, other] of line.matchAll(piece)) {
    if (space !== undefined) {
      end();
      continue;
    }
    bytes ??= [];
    if (dollar !== undefined) bytes.push(...bytesOf(dollar));
    else {
      const text = single ?? double?.replace(/\\(["\\$`])/g, "$1") ?? escaped ?? plain ?? other ?? "";
      for (const byte of encoder.encode(text)) bytes.push(byte);
    }
  }
  end();
  return words;
}

/** Decodes what stands in `$'…'`: `\xff`, `\'`, `\\`. */
function bytesOf(text: string): number[] {
  const out: number[] = [];
  for (const match of text.matchAll(/\\x([0-9a-f]{2})|\\([\s\S])|([\s\S])/giu)) {
    const [, hex, escaped, plain] = match;
    if (hex) out.push(Number.parseInt(hex, 16));
    else out.push(...new TextEncoder().encode(escaped ?? plain ?? ""));
  }
  return out;
}

function wordOf(bytes: Uint8Array): Word {
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    if (!/\p{Cc}/u.test(text)) return text;
  } catch {
    // No text: it stays bytes.
  }
  return { base64: btoa(String.fromCharCode(...bytes)) };
}

/** Returns the bytes of a word in base64. */
export function bytesIn(base64: string): Uint8Array {
  return Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
}

/** Quotes bytes as bash and zsh read them. */
export function quoteBytes(base64: string): string {
  const escaped = (byte: number) => {
    if (byte === 0x27 || byte === 0x5c) return `\\${String.fromCharCode(byte)}`;
    if (byte >= 0x20 && byte <= 0x7e) return String.fromCharCode(byte);
    return `\\x${byte.toString(16).padStart(2, "0")}`;
  };
  return `$'${Array.from(bytesIn(base64), escaped).join("")}'`;
}
