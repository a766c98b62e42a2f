//! Command lines that give what a page shows.

/** Quotes one word for a POSIX shell. */
export function quote(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/** Makes a command: words as they are, and flags whose value is given. */
export function command(words: string[], flags: Record<string, string | string[] | undefined> = {}): string {
  const parts = words.map(quote);
  for (const [flag, value] of Object.entries(flags)) {
    for (const one of Array.isArray(value) ? value : [value]) {
      // A value that begins with `-` would be taken for a flag.
      if (one) parts.push(...(one.startsWith("-") ? [`--${flag}=${quote(one)}`] : [`--${flag}`, quote(one)]));
    }
  }
  return ["muster", ...parts].join(" ");
}
