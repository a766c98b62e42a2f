//! What a profile page shows: one agent's profile, many profiles as one, or the change from one set to another.

import type { FlameData } from "../../../server/src/profiles/views/flame/model.js";
import { API, getNumbers, path, type Query, withQuery } from "../api/client.ts";
import { type Answer, useAsk, useGet } from "../api/use.ts";
import { command } from "../text/command.ts";
import { flameOf } from "./flame-data.ts";

/** A profile that has views. */
export interface Source {
  /** Where its views are, below `/api/v1`. */
  base: string;
  /** What every view is asked with. */
  query: Query;
  /** How the command line names it. */
  words: (verb: string) => string[];
  /** Flags of the command line that go with it. */
  flags: Record<string, string | string[] | undefined>;
}

/** Makes the source of one agent's profile of one kind. */
export function ofAgent(profile: string, agent: string, kind: string, value: string): Source {
  return {
    base: `/profiles${path(profile, agent)}`,
    query: { kind, value },
    words: (verb) => ["profile", verb, profile],
    flags: { agent: agent === "-" ? undefined : agent, kind, value },
  };
}

/** Which profiles are put together: as the API takes them. */
export interface Selection {
  /** `ID` or `ID/AGENT`, by commas. */
  of: string;
  hunt: string;
  target: string;
  /** Profiles of the last so many seconds. */
  since_s: string;
}

/** Makes the source of many profiles as one. */
export function ofMany(which: Selection, kind: string, value: string): Source {
  const since = which.since_s ? `${which.since_s}s` : undefined;
  return {
    base: "/profile-views",
    query: { ...which, kind, value },
    words: () => ["profile", "merge", ...which.of.split(",").filter(Boolean)],
    flags: { hunt: which.hunt, target: which.target, since, kind, value },
  };
}

/** Asks for a view of a source. */
export function useView<T>(source: Source, view: string, query: Query = {}): Answer<T> {
  return useGet<T>(`${source.base}/${view}`, { ...source.query, ...query });
}

/** Asks for the data of the flame graph. */
export function useFlame(source: Source, allFrames: boolean): Answer<FlameData> {
  return useFlameOf(source.base, { ...source.query, all_frames: allFrames ? "true" : "" });
}

/** Asks for the data of a flame graph below a path. */
export function useFlameOf(base: string, query: Query): Answer<FlameData> {
  const endpoint = `${base}/flame.json`;
  return useAsk(withQuery(endpoint, query), async (signal) =>
    flameOf(await getNumbers(endpoint, query, signal)),
  );
}

/** Returns the command that prints a view. */
export function commandOf(
  source: Source,
  verb: string,
  flags: Record<string, string | undefined> = {},
): string {
  return command(source.words(verb), { ...source.flags, ...flags });
}

/** Returns the path of a view for a download: below `/api/v1`. */
export function downloadOf(source: Source, view: string): string {
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(source.query)) if (value) params.set(name, String(value));
  const text = params.toString();
  return `${source.base}/${view}${text ? `?${text}` : ""}`;
}

/** Where a view is, for whoever asks without the pages. */
export function urlOf(source: Source, view: string): string {
  return API + downloadOf(source, view);
}
