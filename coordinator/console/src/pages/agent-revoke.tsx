//! Taking an agent's credentials back: its id is typed once more, for this cannot be undone.

import { useEffect, useRef, useState } from "preact/hooks";
import { post } from "../api/client.ts";
import { type Failure, failureOf } from "../api/failure.ts";
import type { AgentView } from "../api/types.ts";
import { ErrorBox } from "../parts/boxes.tsx";
import { Command } from "../parts/copy.tsx";
import { Text } from "../parts/text.tsx";
import { maySign } from "../session/session.ts";
import { command } from "../text/command.ts";

/** A button that leads to the confirmation. */
export function RevokeButton({ of, onDone }: { of: AgentView; onDone: () => void }) {
  const [verb, setVerb] = useState<"revoke" | "release">();
  if (of.state === "revoked") return null;
  return (
    <>
      {of.state === "quarantined" ? (
        <button type="button" disabled={!maySign.value} onClick={() => setVerb("release")}>
          Lift the quarantine…
        </button>
      ) : null}
      <button type="button" class="danger" disabled={!maySign.value} onClick={() => setVerb("revoke")}>
        Revoke…
      </button>
      {verb ? <Dialog of={of} verb={verb} onDone={onDone} onClose={() => setVerb(undefined)} /> : null}
    </>
  );
}

const SAYS = {
  revoke:
    "Its credentials are taken back and its connections closed. It must be enrolled again to come back.",
  release: "It may connect again, and what it had sent is taken back in.",
};

interface Props {
  of: AgentView;
  verb: "revoke" | "release";
  onDone: () => void;
  onClose: () => void;
}

function Dialog({ of, verb, onDone, onClose }: Props) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [typed, setTyped] = useState("");
  const [failure, setFailure] = useState<Failure>();
  useEffect(() => dialog.current?.showModal(), []);
  const send = async () => {
    try {
      await post(`/agents/${encodeURIComponent(of.id)}/${verb}`, { confirm: typed });
      onDone();
      onClose();
    } catch (error) {
      setFailure(failureOf(error));
    }
  };
  return (
    <dialog
      ref={dialog}
      class="confirm"
      aria-label={verb === "revoke" ? "Revoke the agent" : "Lift the quarantine"}
      onClose={onClose}
    >
      <header>
        <h2>{verb === "revoke" ? "Revoke the agent" : "Lift the quarantine"}</h2>
      </header>
      {failure ? <ErrorBox of={failure} /> : null}
      <p>{SAYS[verb]}</p>
      <label class="typed">
        <span>
          To confirm, type its id:{" "}
          <code>
            <Text of={of.id} most={200} />
          </code>
        </span>
        <input
          value={typed}
          class="mono"
          autocomplete="off"
          onInput={(event) => setTyped(event.currentTarget.value)}
        />
      </label>
      <Command text={command(["agents", verb, of.id])} />
      <footer>
        <span class="space" />
        <button type="button" onClick={() => dialog.current?.close()}>
          Leave it as it is
        </button>
        <button
          type="button"
          class={verb === "revoke" ? "danger" : "primary"}
          disabled={typed !== of.id}
          onClick={() => void send()}
        >
          {verb === "revoke" ? "Revoke" : "Lift the quarantine"}
        </button>
      </footer>
    </dialog>
  );
}
