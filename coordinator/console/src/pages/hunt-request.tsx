//! The request as it was signed: every field, and whether the signature holds, checked on the operator's machine.

import { getFrom, path } from "../api/client.ts";
import type { RequestView } from "../api/types.ts";
import { useAsk, useGet } from "../api/use.ts";
import { ErrorBox } from "../parts/boxes.tsx";
import { Command } from "../parts/copy.tsx";
import { Icon } from "../parts/icon.tsx";
import { Facts, Panel, Show } from "../parts/panel.tsx";
import { Id, Moment, Text } from "../parts/text.tsx";
import { isHosted } from "../session/session.ts";
import { count, NONE } from "../text/format.ts";
import { Tree } from "./agent-raw.tsx";

/** What the console found when it checked the signed bytes. */
interface Verified {
  request: string;
  valid: boolean;
  failed: string;
  why: string;
  operator: string;
  key: string;
}

/** The tab. */
export function HuntRequest({ id }: { id: string }) {
  const answer = useGet<RequestView>(`/requests/${encodeURIComponent(id)}`);
  return (
    <>
      <Signature id={id} />
      <Show of={answer}>{(request) => <Body of={request} />}</Show>
    </>
  );
}

/** Who signed, as this machine sees it. */
export function Signature({ id }: { id: string }) {
  const isHere = !isHosted.value;
  const answer = useAsk<Verified>(isHere ? `verify ${id}` : undefined, (signal) =>
    getFrom<Verified>(`/console/verify${path(id)}`, signal),
  );
  if (!isHere) {
    return (
      <p class="quiet">
        <Icon name="lock" /> The signature is not checked here: these pages come from the coordinator itself.
        Open the same page in <code>muster console</code>, which checks it on your own machine.
      </p>
    );
  }
  if (answer.failure) return <ErrorBox of={answer.failure} retry={answer.reload} />;
  const verified = answer.data;
  if (!verified) return <p class="quiet">Checking the signature on this machine…</p>;
  return verified.valid ? (
    <p class="verified">
      <Icon name="check" /> signed by{" "}
      <b>
        <Text of={verified.operator} most={60} />
      </b>
      , key <code title={verified.key}>{verified.key.slice(0, 8)}</code>, checked on this machine
    </p>
  ) : (
    <p class="verified bad" role="alert">
      <Icon name="alert" /> The signature does not hold: <Text of={verified.failed} most={60} />
      {verified.why ? ", " : ""}
      <Text of={verified.why} most={400} />. What the coordinator says of this request cannot be relied on.
    </p>
  );
}

function Body({ of }: { of: RequestView }) {
  const sample =
    of.sample_ppm === null || of.sample_ppm === undefined
      ? "all that match"
      : `${Number(of.sample_ppm) / 10_000} %`;
  return (
    <>
      <Panel title="Request">
        <Facts
          of={[
            ["id", <Id key="1" of={of.id} />],
            ["kind", <Text key="2" of={of.kind} />],
            ["operator", <Text key="3" of={of.operator} />],
            ["key", <Id key="4" of={of.key} />],
            ["may", <Text key="5" of={of.capabilities.join(", ")} most={300} />],
            [
              "cert. ends",
              of.certificate_until ? <Moment key="6" of={of.certificate_until} /> : "signed by the root",
            ],
            ["signed", <Moment key="7" of={of.issued} />],
            ["expires", <Moment key="8" of={of.expires} />],
            ["target", <Text key="9" of={of.target} most={2000} />],
            ["sample", sample],
            ["route", <Text key="a" of={of.route} />],
            ["size", of.bytes ? `${count(of.bytes)} bytes` : NONE],
          ]}
        />
      </Panel>
      <div class="two">
        <Panel title="Arguments">
          <Tree of={of.arguments} />
        </Panel>
        <Panel title="Limits">
          <Tree of={of.limits} />
        </Panel>
      </div>
      {of.command ? (
        <Panel title="The command that makes the same">
          <Command text={of.command} />
        </Panel>
      ) : null}
    </>
  );
}
