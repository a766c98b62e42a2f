//! The page of a browser without a session: how to get one.

import { useState } from "preact/hooks";
import { Command } from "../parts/copy.tsx";
import { Text } from "../parts/text.tsx";
import { enter, gate, open, opensWith, refusal } from "./session.ts";

const HEADS = {
  opening: "Opening…",
  open: "",
  none: "This page needs a code",
  over: "The session is over",
  refused: "The code was refused",
  gone: "The console does not answer",
};

/** Says how to get a session. */
export function Gate() {
  const at = gate.value;
  const takesToken = opensWith.value === "token" && at !== "gone";
  return (
    <main class="gate">
      <h1>{takesToken && at === "none" ? "Muster" : HEADS[at]}</h1>
      {refusal.value && (takesToken || at === "refused" || at === "gone") ? (
        <p class="bad" role="alert">
          <Text of={refusal.value} most={300} />
        </p>
      ) : null}
      {at === "opening" ? null : takesToken ? <TokenForm /> : <CodeHelp isGone={at === "gone"} />}
    </main>
  );
}

/** Takes a token of the coordinator that serves the pages. */
function TokenForm() {
  const [token, setToken] = useState("");
  const [isAsking, setAsking] = useState(false);
  const send = async () => {
    setAsking(true);
    await enter(token.trim());
    setToken("");
    setAsking(false);
  };
  return (
    <>
      <p>The coordinator serves these pages, for reading. Your token opens them:</p>
      <form
        class="tokenform"
        onSubmit={(event) => {
          event.preventDefault();
          if (token.trim() && !isAsking) void send();
        }}
      >
        <input
          type="password"
          aria-label="Token"
          autocomplete="off"
          spellcheck={false}
          value={token}
          onInput={(event) => setToken(event.currentTarget.value)}
        />
        <button type="submit" class="primary" disabled={!token.trim() || isAsking}>
          Open
        </button>
      </form>
      <p class="quiet">
        It is the text of the file <code>token</code> in the folder of your <code>muster</code>, or what the
        coordinator's owner gave you; one with <code>role = "viewer"</code> is enough. The browser does not
        keep it. A session ends after twelve hours without use.
      </p>
      <p class="quiet">
        These pages never ask for a key. To sign what you launch, run this on your own machine:
      </p>
      <Command text="muster console --open" />
    </>
  );
}

/** Says how to get a new code of `muster console`. */
function CodeHelp({ isGone }: { isGone: boolean }) {
  return (
    <>
      <p>
        In the terminal where <code>muster console</code> runs, press <kbd>Enter</kbd> and open the address
        that it prints. If it does not run any more, start it again:
      </p>
      <Command text="muster console --open" />
      {isGone ? (
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
  );
}
