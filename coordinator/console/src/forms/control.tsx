//! Pausing, resuming, draining and cancelling a hunt, and cancelling a profile: requests like any other, reviewed and signed.

import { useEffect, useRef, useState } from "preact/hooks";
import { type Failure, failureOf } from "../api/failure.ts";
import { ErrorBox, Loading } from "../parts/boxes.tsx";
import { Icon } from "../parts/icon.tsx";
import { maySign } from "../session/session.ts";
import { command } from "../text/command.ts";
import { type Draft, draft, type Form } from "./console.ts";
import { Handover } from "./handover.tsx";
import { Review } from "./review.tsx";

/** What can be done with what was launched. */
export type Verb = "pause" | "resume" | "drain" | "cancel";

const WORDS: Record<Verb, { icon: string; act: string; does: string }> = {
  pause: {
    icon: "pause",
    act: "Pause",
    does: "Every agent stops where it is, frees its lane, and goes on from there when the hunt is resumed.",
  },
  resume: { icon: "play", act: "Resume", does: "Every agent goes on from where it is." },
  drain: {
    icon: "down",
    act: "Drain",
    does: "Agents that have begun go on to their end; the others wait until it is resumed.",
  },
  cancel: {
    icon: "stop",
    act: "Cancel",
    does: "Every agent ends its part; what was collected stays. A cancel is final.",
  },
};

interface Props {
  /** What is to become of it. Of a profile there is only the cancel. */
  verb: Verb;
  kind: "hunt" | "profile";
  id: string;
  /** A button for a table. */
  isSmall?: boolean;
  /** Called once it was launched. */
  onDone?: () => void;
}

/** A button that opens the review of a control. */
export function ControlButton({ verb, kind, id, isSmall = false, onDone }: Props) {
  const [isOpen, setOpen] = useState(false);
  return (
    <>
      <button
        type="button"
        class={[isSmall ? "bare" : "", verb === "cancel" ? "danger" : ""].join(" ").trim()}
        data-act={verb}
        onClick={() => setOpen(true)}
      >
        <Icon name={WORDS[verb].icon} /> {WORDS[verb].act}
        {isSmall ? "" : ` ${kind}`}
      </button>
      {isOpen ? (
        <ControlDialog
          verb={verb}
          kind={kind}
          id={id}
          onClose={() => setOpen(false)}
          onDone={() => {
            setOpen(false);
            onDone?.();
          }}
        />
      ) : null}
    </>
  );
}

function ControlDialog({
  verb,
  kind,
  id,
  onClose,
  onDone,
}: {
  verb: Verb;
  kind: Props["kind"];
  id: string;
  onClose: () => void;
  onDone: () => void;
}) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [made, setMade] = useState<Draft>();
  const [failure, setFailure] = useState<Failure>();
  const form: Form = { kind: kind === "hunt" ? `hunt_${verb}` : "profile_cancel", fields: { [kind]: id } };
  useEffect(() => {
    dialog.current?.showModal();
    if (!maySign.value) return;
    let isOver = false;
    draft(form).then(
      (one) => isOver || setMade(one),
      (error) => isOver || setFailure(failureOf(error)),
    );
    return () => {
      isOver = true;
    };
  }, []);
  const title = `${WORDS[verb].act} the ${kind}`;
  return (
    <dialog ref={dialog} class="wide" aria-label={title} onClose={onClose}>
      <header>
        <h2>{title}</h2>
        <button type="button" class="bare" onClick={onClose} aria-label="Close">
          <Icon name="cross" />
        </button>
      </header>
      <p>
        {kind === "hunt" ? WORDS[verb].does : "What was sampled until then is kept, and marked as cut short."}
      </p>
      {failure ? <ErrorBox of={failure} /> : null}
      {maySign.value ? (
        made ? (
          <Review draft={made} act={`Sign and ${verb} the ${kind}`} onBack={onClose} onLaunched={onDone} />
        ) : failure ? null : (
          <Loading what="Drafting…" />
        )
      ) : (
        <Handover form={form} line={command([kind, verb, id])} onBack={onClose} />
      )}
    </dialog>
  );
}
