//! How a hunt is, in one word; and what became of the agents that did not finish, where it is over.

import type { HuntBrief } from "../api/types.ts";
import { cut, escaped } from "./escape.ts";
import { count } from "./format.ts";

/** What is shown of it: the state that stands for it, and a text instead of that state's word. */
export interface Standing {
  of: string;
  says?: string;
}

/** Returns how a hunt is: `ended: 3 failed, 1 expired` is no success. The twin of `States::outcome`. */
export function standing(
  hunt: Pick<HuntBrief, "cancelled" | "done" | "hold" | "published" | "states">,
): Standing {
  // In the order of every output; a state of a later coordinator is named as it is.
  const others = Object.entries(hunt.states).filter(([state, n]) => state !== "finished" && Number(n) > 0);
  const [first] = others;
  if (hunt.done && first) {
    const each = others.map(([state, n]) => `${count(n)} ${cut(escaped(state), 24)}`);
    return { of: hunt.cancelled ? "cancelled" : first[0], says: `ended: ${each.join(", ")}` };
  }
  if (hunt.cancelled) return { of: "cancelled" };
  if (hunt.done) return { of: "finished" };
  if (hunt.hold === "pause") return { of: "paused" };
  if (hunt.hold === "drain") return { of: "paused", says: "draining" };
  return { of: hunt.published ? "running" : "queued" };
}
