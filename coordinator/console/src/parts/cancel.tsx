//! Cancelling a hunt or a profile: a draft like every other, reviewed before it is signed.

import { useEffect, useRef, useState } from "preact/hooks";
import { type Draft, launchDraft, makeDraft } from "../api/drafts.ts";
import { type Failure, failureOf } from "../api/failure.ts";
import { maySign, session } from "../session/session.ts";
import { cut, escaped } from "../text/escape.ts";
import { ErrorBox, Loading } from "./boxes.tsx";
import { Command } from "./copy.tsx";
import { Icon } from "./icon.tsx";
import { Facts } from "./panel.tsx";
import { Id, Moment, Text } from "./text.tsx";

interface Props {
  kind: "hunt" | "profile";
  id: string;
  isSmall?: boolean;
  onDone?: () => void;
}

/** A button that leads to the review. */
export function CancelButton(props: Props) {
  const [isOpen, setOpen] = useState(false);
  const why = maySign.value ? undefined : (session.value?.why?.error ?? "this session only reads");
  return (
    <>
      <button
        type="button"
        class={props.isSmall ? "bare danger" : "danger"}
        disabled={!maySign.value}
        title={why === undefined ? undefined : cut(escaped(why), 300)}
        onClick={() => setOpen(true)}
      >
        <Icon name="stop" />
        Cancel{props.isSmall ? "" : "…"}
      </button>
      {isOpen ? <Dialog {...props} onClose={() => setOpen(false)} /> : null}
    </>
  );
}

function Dialog({ kind, id, onClose, onDone }: Props & { onClose: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [draft, setDraft] = useState<Draft>();
  const [failure, setFailure] = useState<Failure>();
  const [isBusy, setBusy] = useState(false);
  useEffect(() => {
    dialog.current?.showModal();
    makeDraft({ kind: `${kind}_cancel`, fields: { [kind]: id } }).then(setDraft, (error: unknown) =>
      setFailure(failureOf(error)),
    );
  }, [kind, id]);
  const launch = async () => {
    if (!draft) return;
    setBusy(true);
    setFailure(undefined);
    try {
      await launchDraft(
        draft,
        draft.warnings.map((warning) => warning.code),
      );
      onDone?.();
      onClose();
    } catch (error) {
      setFailure(failureOf(error));
    }
    setBusy(false);
  };
  return (
    <dialog ref={dialog} class="confirm" aria-label={`Cancel the ${kind}`} onClose={onClose}>
      <header>
        <h2>Cancel the {kind}</h2>
      </header>
      {failure ? <ErrorBox of={failure} /> : null}
      {draft ? <Review of={draft} /> : failure ? null : <Loading what="Making the request…" />}
      {draft ? <Command text={draft.command} /> : null}
      <footer>
        {isBusy && session.value?.confirm === "terminal" ? (
          <span class="quiet">Press Enter in the terminal of muster console.</span>
        ) : null}
        <span class="space" />
        <button type="button" onClick={() => dialog.current?.close()}>
          Leave it running
        </button>
        <button type="button" class="danger" disabled={!draft || isBusy} onClick={() => void launch()}>
          <Icon name="key" />
          Sign and cancel
        </button>
      </footer>
    </dialog>
  );
}

/** What would be signed, decoded from its bytes. */
function Review({ of }: { of: Draft }) {
  const request = of.review.requests.at(-1);
  if (!request) return null;
  return (
    <>
      <p class="quiet">
        Agents stop within seconds; what they have sent stays. This is decoded from the bytes that will be
        signed:
      </p>
      <Facts
        of={[
          ["what", <Text key="v" of={request.control?.verb ?? request.kind} />],
          ["of", <Id key="a" of={request.control?.about ?? ""} />],
          ["target", <Text key="t" of={request.target.expr} most={400} />],
          [
            "signed by",
            <Text key="o" of={`${of.review.operator.name}, key ${of.review.operator.key.slice(0, 8)}`} />,
          ],
          ["valid until", <Moment key="m" of={request.expires} />],
          ["digest", <Id key="d" of={of.digest} />],
        ]}
      />
    </>
  );
}
