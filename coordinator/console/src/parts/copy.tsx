//! Copying: a button, and a command line with one.

import { useState } from "preact/hooks";
import { escapeLaidOut } from "../text/escape.ts";
import { Icon } from "./icon.tsx";

/** Writes to the clipboard; returns whether that worked. */
export async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}

/** A button that copies a text. */
export function CopyButton({ text, label = "Copy" }: { text: string | (() => string); label?: string }) {
  const [done, setDone] = useState<"" | "copied" | "failed">("");
  const copy = async () => {
    const isDone = await copyText(typeof text === "string" ? text : text());
    setDone(isDone ? "copied" : "failed");
    setTimeout(() => setDone(""), 1500);
  };
  return (
    <button type="button" class="bare copy" onClick={copy} title={label} aria-label={label}>
      <Icon name={done === "copied" ? "check" : done === "failed" ? "cross" : "copy"} />
      <span class="sr" aria-live="polite">
        {done}
      </span>
    </button>
  );
}

/** The command that gives the same as what is shown. */
export function Command({ text }: { text: string }) {
  return (
    <div class="command">
      <span class="prompt" aria-hidden="true">
        $
      </span>
      <code title={escapeLaidOut(text)}>{escapeLaidOut(text)}</code>
      <CopyButton text={text} label="Copy the command" />
    </div>
  );
}
