//! Whom a target would hit now, by the coordinator's account: counted while the expression is typed, marked where it does not parse.

import { useEffect, useState } from "preact/hooks";
import { post } from "../api/client.ts";
import { type Failure, failureOf } from "../api/failure.ts";
import type { FacetCount, TargetPreview } from "../api/types.ts";
import { ErrorBox } from "../parts/boxes.tsx";
import { AGENT_STATES, Bar, State } from "../parts/states.tsx";
import { Text } from "../parts/text.tsx";
import { count, plural } from "../text/format.ts";

/** Typing rests so long before the coordinator is asked. */
const REST_MS = 150;
/** Agents and values that are named. */
const NAMED_MAX = 6;

/** What is known of a target. */
export interface Previewed {
  preview: TargetPreview | undefined;
  failure: Failure | undefined;
  /** Whether the answer is of another expression. */
  isOld: boolean;
}

/** Asks the coordinator whom an expression matches. */
export function usePreview(expr: string, sample: string): Previewed {
  const [state, setState] = useState<{ key: string; preview?: TargetPreview; failure?: Failure }>({
    key: "",
  });
  const ppm = sampleOf(sample);
  const key = `${ppm ?? ""} ${expr}`;
  useEffect(() => {
    const own = new AbortController();
    const ask = async () => {
      try {
        const body = { expr: expr || "all", sample_ppm: ppm };
        const preview = await post<TargetPreview>("/targets/preview", body, own.signal);
        if (!own.signal.aborted) setState({ key, preview });
      } catch (error) {
        if (!own.signal.aborted) setState({ key, failure: failureOf(error) });
      }
    };
    const timer = setTimeout(() => void ask(), REST_MS);
    return () => {
      clearTimeout(timer);
      own.abort();
    };
  }, [key]);
  return { preview: state.preview, failure: state.failure, isOld: state.key !== key };
}

/** Reads a share as the command line does, for the preview alone; what is no share is left to its parser. */
function sampleOf(text: string): number | null {
  const match = /^\s*(\d+(?:\.\d+)?)\s*%\s*$/.exec(text);
  return match ? Math.round(Number(match[1]) * 10_000) : null;
}

/** Whom it would hit. */
export function PreviewPanel({ of }: { of: Previewed }) {
  const { preview, failure, isOld } = of;
  if (failure) return <ErrorBox of={failure} />;
  if (!preview) return <p class="quiet">Counting…</p>;
  if (preview.error) return <p class="quiet">The expression does not parse yet.</p>;
  const states = Object.fromEntries(preview.facets.state.map((one) => [one.value, one.count]));
  const all = Number(preview.matched) + Number(preview.left_out);
  return (
    <div class={isOld ? "preview old" : "preview"} aria-live="polite">
      <p class="matchcount">
        <b class="num">{count(preview.matched)}</b> of {plural(all, "agent")}
      </p>
      {Number(preview.matched) > 0 ? (
        <>
          <Bar states={states} targeted={preview.matched} order={AGENT_STATES} />
          <ul class="counts">
            {preview.facets.state.map((one) => (
              <li key={one.value}>
                <b class="num">{count(one.count)}</b> <State of={one.value} />
              </li>
            ))}
          </ul>
          <Values title="os" of={preview.facets.os} />
          <Values title="version" of={preview.facets.version} />
          <p class="quiet">
            {preview.first.slice(0, NAMED_MAX).map((agent, at) => (
              <span key={agent.id}>
                {at > 0 ? ", " : ""}
                <a href={`/agents/${encodeURIComponent(agent.id)}`}>
                  <Text of={agent.id} most={30} />
                </a>
              </span>
            ))}
            {Number(preview.matched) > NAMED_MAX
              ? ` and ${count(Number(preview.matched) - NAMED_MAX)} more`
              : ""}
          </p>
        </>
      ) : (
        <p class="warn">No agent matches. Agents that enrol later, before it expires, may.</p>
      )}
      {preview.route ? (
        <p class="quiet">
          Sent {preview.route === "broadcast" ? "to the stream of all agents" : "to each agent's own queue"}.
        </p>
      ) : null}
      {Number(preview.revoked) > 0 ? (
        <p class="quiet">
          {plural(preview.revoked, "revoked agent")} would match and{" "}
          {Number(preview.revoked) === 1 ? "is" : "are"} left out.
        </p>
      ) : null}
    </div>
  );
}

function Values({ title, of }: { title: string; of: FacetCount[] }) {
  if (of.length === 0) return null;
  return (
    <p class="quiet">
      {title}:{" "}
      {of.slice(0, NAMED_MAX).map((one, at) => (
        <span key={one.value}>
          {at > 0 ? ", " : ""}
          <Text of={one.value} most={30} /> {count(one.count)}
        </span>
      ))}
      {of.length > NAMED_MAX ? " …" : ""}
    </p>
  );
}
