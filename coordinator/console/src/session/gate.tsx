//! The page of a browser without a session: how to get one.

import { Command } from "../parts/copy.tsx";
import { Text } from "../parts/text.tsx";
import { gate, open, refusal } from "./session.ts";

const HEADS = {
  opening: "Opening…",
  open: "",
  none: "This page needs a code",
  over: "The session is over",
  refused: "The code was refused",
  gone: "The console does not answer",
};

/** Says how to get a new code. */
export function Gate() {
  const at = gate.value;
  return (
    <main class="gate">
      <h1>{HEADS[at]}</h1>
      {at === "opening" ? null : (
        <>
          {(at === "refused" || at === "gone") && refusal.value ? (
            <p class="bad">
              <Text of={refusal.value} most={300} />
            </p>
          ) : null}
          <p>
            In the terminal where <code>muster console</code> runs, press <kbd>Enter</kbd> and open the
            address that it prints. If it does not run any more, start it again:
          </p>
          <Command text="muster console --open" />
          {at === "gone" ? (
            <p>
              <button type="button" onClick={() => void open()}>
                Try again
              </button>
            </p>
          ) : null}
          <p class="quiet">
            A code works once and for five minutes. A session ends after twelve hours without use, and when{" "}
            <code>muster console</code> ends. What you have typed into forms is kept in this browser.
          </p>
        </>
      )}
    </main>
  );
}
