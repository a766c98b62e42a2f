//! Cancelling a hunt or a profile: a request like any other, reviewed and signed.

import { useEffect, useRef, useState } from "preact/hooks";
import { type Failure, failureOf } from "../api/failure.ts";
import { ErrorBox, Loading } from "../parts/boxes.tsx";
import { Icon } from "../parts/icon.tsx";
import { maySign } from "../session/session.ts";
import { command } from "../text/command.ts";
import { type Draft, draft, type Form } from "./console.ts";
import { Handover } from "./handover.tsx";
import { Review } from "./review.tsx";

interface Props {
  kind: "hunt" | "profile";
  id: string;
  /** A button for a table. */
  isSmall?: boolean;
  /** Called once the cancel was launched. */
  onDone?: () => void;
}

/** A button that opens the review of a cancel. */
export function CancelButton({ kind, id, isSmall = false, onDone }: Props) {
  const [isOpen, setOpen] = useState(false);
  return (
    <>
      <button
        type="button"
        class={isSmall ? "bare danger" : "danger"}
        data-act="cancel"
        onClick={() => setOpen(true)}
      >
        <Icon name="stop" /> Cancel{isSmall ? "" : ` ${kind}`}
      </button>
      {isOpen ? (
        <CancelDialog
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

function CancelDialog({
  kind,
  id,
  onClose,
  onDone,
}: {
  kind: Props["kind"];
  id: string;
  onClose: () => void;
  onDone: () => void;
}) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [made, setMade] = useState<Draft>();
  const [failure, setFailure] = useState<Failure>();
  const form: Form = { kind: `${kind}_cancel`, fields: { [kind]: id } };
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
  const title = `Cancel the ${kind}`;
  return (
    <dialog ref={dialog} class="wide" aria-label={title} onClose={onClose}>
      <header>
        <h2>{title}</h2>
        <button type="button" class="bare" onClick={onClose} aria-label="Close">
          <Icon name="cross" />
        </button>
      </header>
      <p>
        {kind === "hunt"
          ? "Every agent ends its part; what was collected stays. A cancel is final."
          : "What was sampled until then is kept, and marked as cut short."}
      </p>
      {failure ? <ErrorBox of={failure} /> : null}
      {maySign.value ? (
        made ? (
          <Review draft={made} act={`Sign and cancel the ${kind}`} onBack={onClose} onLaunched={onDone} />
        ) : failure ? null : (
          <Loading what="Drafting…" />
        )
      ) : (
        <Handover form={form} line={command([kind, "cancel", id])} onBack={onClose} />
      )}
    </dialog>
  );
}
