//! The head of every page: which fleet, whether figures are live, who signs, and the switches.

import { link } from "../api/live.ts";
import { Icon } from "../parts/icon.tsx";
import { Text } from "../parts/text.tsx";
import { end, gate, isHosted, maySign, session } from "../session/session.ts";
import { isUtc, setUtc, tick, timeOfDay, zone } from "../text/time.ts";
import { keysOpen } from "./keys.tsx";
import { searchOpen } from "./search.tsx";
import { isDark, toggleTheme } from "./theme.ts";

/** The head. */
export function Header() {
  const own = session.value;
  return (
    <header class="top">
      <button type="button" class="find" onClick={() => (searchOpen.value = true)}>
        <Icon name="search" />
        Search
        <kbd>/</kbd>
      </button>
      <span class="space" />
      <Live />
      {own ? (
        <span
          class="who"
          title={own.why ? `${own.why.error}: ${own.why.cause}` : "Requests are signed on this machine"}
        >
          <Icon name={maySign.value ? "key" : "lock"} />
          {own.operator ? <Text of={own.operator.name} most={40} /> : null}
          {own.operator ? <code title={own.operator.key}>{own.operator.key.slice(0, 8)}</code> : null}
          <span class={maySign.value ? "mode" : "mode readonly"}>
            {maySign.value ? "signs here" : "read-only"}
          </span>
        </span>
      ) : null}
      {isHosted.value ? (
        <button type="button" class="bare" onClick={() => void end()} title="End the session in this browser">
          Sign out
        </button>
      ) : null}
      <button
        type="button"
        class="bare"
        onClick={() => setUtc(!isUtc.value)}
        title="Show times in UTC or in the browser's zone"
      >
        {zone()}
      </button>
      <button
        type="button"
        class="bare"
        onClick={toggleTheme}
        aria-label={isDark.value ? "Light theme" : "Dark theme"}
        title="Light or dark"
      >
        <Icon name={isDark.value ? "sun" : "moon"} />
      </button>
      <button
        type="button"
        class="bare"
        onClick={() => (keysOpen.value = true)}
        aria-label="Keys"
        title="Keys"
      >
        ?
      </button>
    </header>
  );
}

/** Says what keeps the console from the coordinator or from its key. */
export function Problems() {
  const own = session.value;
  const problem = own?.coordinator.problem ?? null;
  return problem ? (
    <div class="problem" role="alert">
      <Icon name="alert" /> <Text of={[problem.error, problem.cause].filter(Boolean).join(": ")} most={600} />
      {problem.try ? (
        <>
          . Try <Text of={problem.try} most={300} />
        </>
      ) : null}
    </div>
  ) : null;
}

/** Whether figures are live. */
function Live() {
  const { state } = link.value;
  if (state === "live") {
    return (
      <span class="live" data-link="live">
        live
      </span>
    );
  }
  if (state === "polled") {
    return (
      <span
        class="live"
        data-link="polled"
        title="No events for this window: the coordinator sends none, or other windows have all streams. Pages ask again every 5 s"
      >
        every 5 s
      </span>
    );
  }
  return null;
}

/** Says since when figures are not live. */
export function Broken() {
  const { state, since } = link.value;
  if (state !== "broken" || gate.value !== "open") return null;
  tick.value;
  isUtc.value;
  return (
    <div class="notlive" role="status">
      Not live since {since === undefined ? "the page was opened" : timeOfDay(since)}: figures are as they
      were then. Connecting again…
    </div>
  );
}
