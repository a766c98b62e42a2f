//! The review: what would be signed, decoded from the very bytes, and apart from it what the coordinator says. From here a request is
//! signed and launched.

import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { type Failure, failureOf } from "../api/failure.ts";
import { ErrorBox } from "../parts/boxes.tsx";
import { Command, CopyButton } from "../parts/copy.tsx";
import { Icon } from "../parts/icon.tsx";
import { Facts, Panel } from "../parts/panel.tsx";
import { Id, Moment, Text } from "../parts/text.tsx";
import { kindOf } from "../profile/kinds.ts";
import { maySign, session } from "../session/session.ts";
import { bytes, count, duration, plural } from "../text/format.ts";
import { type Draft, type HuntReview, type LaunchAnswer, launch, type RequestReview } from "./console.ts";
import { PreviewPanel } from "./preview.tsx";

/** Agents of a target that are named one by one. */
const AGENTS_MAX = 64;
/** Requests of one review that are shown; the others are counted. */
const REQUESTS_MAX = 12;

interface Props {
  draft: Draft;
  /** What the button does: "Sign and launch". */
  act: string;
  onBack: () => void;
  onLaunched: (answer: LaunchAnswer) => void;
}

/** Shows a draft and signs it. */
export function Review({ draft, act, onBack, onLaunched }: Props) {
  const [confirmed, setConfirmed] = useState<string[]>([]);
  const [isLaunching, setLaunching] = useState(false);
  const [failure, setFailure] = useState<Failure>();
  const { review, warnings } = draft;
  const isReady = warnings.every((warning) => confirmed.includes(warning.code));
  const isTerminal = session.value?.confirm === "terminal";
  const sign = async () => {
    setLaunching(true);
    setFailure(undefined);
    try {
      onLaunched(await launch(draft, confirmed));
    } catch (error) {
      setFailure(failureOf(error));
      setLaunching(false);
    }
  };
  const asked = review.requests.at(-1);
  const others = review.requests.slice(0, -1);
  return (
    <div class="reviewed">
      <div class="reviewmain">
        <Panel title="What is signed, read back from its bytes">
          {asked ? <RequestFacts of={asked} /> : null}
          {others.length > 0 ? (
            <details>
              <summary>{plural(others.length, "request")} signed before it</summary>
              {others.slice(0, REQUESTS_MAX).map((request) => (
                <RequestFacts key={request.id} of={request} />
              ))}
              {others.length > REQUESTS_MAX ? (
                <p class="quiet">and {count(others.length - REQUESTS_MAX)} more of the same kinds</p>
              ) : null}
            </details>
          ) : null}
          <Facts
            of={[
              [
                "signed by",
                <span key="by">
                  <Text of={review.operator.name} most={60} />, key <Id of={review.operator.key} />
                </span>,
              ],
              ["fleet", <Text key="fleet" of={review.operator.fleet} most={60} />],
              [
                "certificate",
                <span key="until">
                  until <Moment of={review.operator.certificate_until} />
                </span>,
              ],
              ["weighs", weight(draft)],
              [
                "digest",
                <code key="digest" class="digest">
                  {draft.digest}
                  <CopyButton text={draft.digest} label="Copy the digest" />
                </code>,
              ],
            ]}
          />
        </Panel>
        <Command text={draft.command} />
      </div>
      <div class="reviewside">
        <Panel title="What the coordinator says of the target" class="says">
          <p class="quiet">
            This is not part of what is signed: each agent decides by itself whether it is meant.
          </p>
          {draft.coordinator ? (
            <PreviewPanel of={{ preview: draft.coordinator, failure: undefined, isOld: false }} />
          ) : draft.coordinator_problem ? (
            <p class="warn">
              <Text
                of={`${draft.coordinator_problem.error}: ${draft.coordinator_problem.cause}`}
                most={400}
              />
            </p>
          ) : (
            <p class="quiet">It says nothing of it.</p>
          )}
        </Panel>
        {warnings.length > 0 ? (
          <fieldset class="warnings">
            <legend>To confirm</legend>
            {warnings.map((warning) => (
              <label key={warning.code}>
                <input
                  type="checkbox"
                  data-warning={warning.code}
                  checked={confirmed.includes(warning.code)}
                  onChange={(event) =>
                    setConfirmed(
                      event.currentTarget.checked
                        ? [...confirmed, warning.code]
                        : confirmed.filter((one) => one !== warning.code),
                    )
                  }
                />
                <span>
                  <Text of={warning.text} most={400} />
                </span>
              </label>
            ))}
          </fieldset>
        ) : null}
        {failure ? <ErrorBox of={failure} /> : null}
        {maySign.value ? null : <WhyNot />}
        <div class="toolbar signbar">
          <button type="button" onClick={onBack} disabled={isLaunching}>
            Back
          </button>
          <button
            type="button"
            class="primary"
            data-act="sign"
            disabled={!isReady || isLaunching || !maySign.value}
            onClick={() => void sign()}
          >
            <Icon name="key" />{" "}
            {isLaunching ? (isTerminal ? "Waits for Enter on the terminal…" : "Signing…") : act}
          </button>
        </div>
        {isTerminal ? (
          <p class="quiet">
            The review is printed on the terminal of muster console, and Enter there signs it.
          </p>
        ) : null}
      </div>
    </div>
  );
}

/** Says why nothing can be signed here. */
export function WhyNot() {
  const why = session.value?.why;
  return (
    <p class="warn" role="status">
      <Icon name="lock" /> Nothing can be signed here:{" "}
      <Text of={why ? `${why.error}: ${why.cause}` : "this console only reads"} most={400} />
    </p>
  );
}

function weight(draft: Draft): string {
  const { bytes: each, whole_bytes: whole } = draft.review;
  const agents = Number(draft.coordinator?.matched ?? 0);
  const all = agents > 1 ? `, ${bytes(Number(each) * agents)} to ${plural(agents, "agent")}` : "";
  return `${bytes(each)} for each agent${all}${Number(whole) > 0 ? `; ${bytes(whole)} for the coordinator` : ""}`;
}

/** One request in words. */
export function RequestFacts({ of }: { of: RequestReview }) {
  const facts: [string, ComponentChildren][] = [["target", <TargetText key="target" of={of} />]];
  if (of.control) {
    facts.unshift([
      "asks",
      <b key="asks">
        {of.control.verb} <Id of={of.control.about} />
      </b>,
    ]);
    facts.push(["revision", count(of.control.revision)]);
  }
  if (of.profile) facts.unshift(...profileFacts(of.profile));
  if (of.list_part)
    facts.push([
      "part of a list",
      `${count(of.list_part.count)} ${of.list_part.kind}, ${of.list_part.width} bytes each`,
    ]);
  if (of.hunt) facts.push(...huntFacts(of.hunt));
  const limits = Object.entries(of.limits).filter(([, value]) => value !== null);
  if (of.hunt || limits.length > 0) {
    facts.push([
      "limits",
      limits.length > 0 ? (
        limits.map(([name, value]) => limit(name, Number(value))).join(", ")
      ) : (
        <span key="l" class="warn">
          none
        </span>
      ),
    ]);
  }
  facts.push(
    ["may begin until", <Moment key="until" of={of.expires} />],
    [
      "request",
      <span key="id">
        <Id of={of.id} /> {of.kind}, {bytes(of.bytes)}
      </span>,
    ],
  );
  return <Facts of={facts} />;
}

function TargetText({ of }: { of: RequestReview }) {
  const { agents, expr, sample_ppm: ppm } = of.target;
  const shown = agents.slice(0, AGENTS_MAX);
  return (
    <span>
      {agents.length > 0 ? (
        <>
          {shown.join(", ")}
          {agents.length > shown.length ? ` and ${count(agents.length - shown.length)} more` : ""}
        </>
      ) : (
        <code>
          <Text of={expr} most={1000} />
        </code>
      )}
      {ppm === null ? "" : `, a sample of ${Number(ppm) / 10_000} %`}
    </span>
  );
}

function profileFacts(of: NonNullable<RequestReview["profile"]>): [string, ComponentChildren][] {
  return [
    ["profile", of.kinds.map((kind) => kindOf(kind).title).join(", ")],
    ["window", `${count(of.seconds)} s at ${count(of.hertz)} Hz`],
    ...(of.while ? [["while hunt", <Id key="while" of={of.while} />] as [string, ComponentChildren]] : []),
  ];
}

function huntFacts(of: HuntReview): [string, ComponentChildren][] {
  const facts: [string, ComponentChildren][] = [["artifact", `${of.artifact}, schema ${of.schema}`]];
  if (of.roots.length > 0) {
    facts.push([
      "roots",
      <ul key="roots">
        {of.roots.map((root) => (
          <li key={root.base64 ?? root.text}>
            <code>
              <Text of={root.text} most={4096} />
            </code>
            {root.base64 ? <span class="quiet"> bytes {root.base64}</span> : null}
          </li>
        ))}
      </ul>,
    ]);
  }
  facts.push(["digests", of.hashes.length > 0 ? of.hashes.join(", ") : "none: a listing"]);
  for (const filter of of.filters)
    facts.push([
      filter.name,
      <code key={filter.name}>
        <Text of={filter.value} most={1000} />
      </code>,
    ]);
  if (of.list) {
    const kinds = of.list.kinds.map((one) => `${count(one.count)} ${one.kind}`).join(", ");
    facts.push([
      "list",
      `${plural(of.list.count, "hash", "hashes")}: ${kinds}${of.list.parts > 0 ? `, in ${plural(of.list.parts, "part")}` : ""}`,
    ]);
  }
  if (of.upload)
    facts.push([
      "upload",
      `files that match, at most ${bytes(of.upload.max_file_bytes)} each and ${bytes(of.upload.max_bytes)} from an agent`,
    ]);
  if (of.spread_s > 0) facts.push(["spread", `agents begin within ${duration(of.spread_s * 1000)}`]);
  if (of.on_stall_s > 0)
    facts.push(["on stall", `a profile after ${duration(of.on_stall_s * 1000)} without progress`]);
  return facts;
}

function limit(name: string, value: number): string {
  const known: Record<string, string> = {
    max_cpu_percent: `${value} % of a core`,
    max_mbps: `${value} MB/s`,
    max_files_per_s: `${count(value)} files/s`,
    timeout_s: `${duration(value * 1000)} of run`,
    max_rows: `${count(value)} rows`,
    max_bytes: `${bytes(value)} read`,
    max_memory_mb: `${count(value)} MB of memory`,
  };
  return known[name] ?? `${name} ${value}`;
}
