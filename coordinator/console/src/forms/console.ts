//! Drafts and lists of `muster console`: what is typed goes to it as fields named like flags, and what it would sign comes back.

import { postTo, send, withQuery } from "../api/client.ts";
import { failureOf, refused } from "../api/failure.ts";
import { parseJson } from "../api/json.ts";
import type { Launched, TargetPreview } from "../api/types.ts";
import type { Operator, Problem } from "../session/session.ts";

/** A value of a flag: as it is typed on the command line, a switch, or several. */
export type Value = string | boolean | (string | { base64: string })[];

/** What is asked for. */
export interface Form {
  kind: "hunt" | "profile" | "hunt_cancel" | "hunt_pause" | "hunt_resume" | "hunt_drain" | "profile_cancel";
  /** Flags of the command line, with `_` for `-`. */
  fields: Record<string, Value>;
  /** Ids of lists of hashes. */
  lists?: string[];
}

/** Something that must be confirmed before it is signed. */
export interface Warning {
  code: string;
  text: string;
}

/** A root: `text` is escaped, `base64` holds the bytes where they are no plain text. */
export interface Root {
  text: string;
  base64: string | null;
}

/** What one hunt asks for, decoded from its bytes. */
export interface HuntReview {
  artifact: string;
  schema: number;
  roots: Root[];
  hashes: string[];
  filters: { name: string; value: string }[];
  list: null | {
    count: number;
    kinds: { kind: string; count: number; width: number }[];
    parts: number;
    pieces: number;
  };
  upload: null | { max_file_bytes: number; max_bytes: number };
  spread_s: number;
  progress_s: number;
  on_stall_s: number;
}

/** One request, decoded from the bytes that would be signed. */
export interface RequestReview {
  id: string;
  kind: string;
  bytes: number;
  sha256: string;
  key: string;
  fleet: string;
  issued: string;
  expires: string;
  target: { expr: string; sample_ppm: number | null; agents: string[] };
  limits: Record<string, number | null>;
  hunt?: HuntReview;
  profile?: { kinds: string[]; seconds: number; hertz: number; while: string | null };
  control?: { verb: string; about: string; revision: number };
  list_part?: { kind: string; count: number; width: number };
}

/** Everything that one signature covers. */
export interface Review {
  operator: Operator;
  requests: RequestReview[];
  bytes: number;
  whole_bytes: number;
}

/** What would be signed. */
export interface Draft {
  draft: string;
  kind: Form["kind"];
  digest: string;
  review: Review;
  command: string;
  warnings: Warning[];
  coordinator: TargetPreview | null;
  coordinator_problem: Problem | null;
  expires: string;
}

/** What was launched. */
export interface LaunchAnswer {
  id: string;
  kind: string;
  /** The hunt or profile to look at. */
  about: string;
  launched: Launched[];
}

/** A list of hashes that the console has read. */
export interface HashList {
  list: string;
  name: string;
  hashes: number;
  kinds: { kind: string; count: number }[];
  duplicates: number;
  skipped: number;
  skipped_first: string[];
  notes: string[];
  bytes: number;
  expires: string;
}

/** Has the console draft a form. */
export function draft(form: Form): Promise<Draft> {
  return postTo<Draft>("/console/drafts", form);
}

/** Signs and submits a draft whose digest is the reviewed one. */
export function launch(of: Draft, confirmed: string[]): Promise<LaunchAnswer> {
  const url = `/console/drafts/${encodeURIComponent(of.draft)}/launch`;
  return postTo<LaunchAnswer>(url, { digest: of.digest, confirmed });
}

/** Has the console read a list of hashes. */
export async function readList(body: Blob | string, name: string, skipBad: boolean): Promise<HashList> {
  try {
    const url = withQuery("/console/lists", { name, skip_bad: skipBad });
    const headers = { "Content-Type": "application/octet-stream" };
    const answer = await send(url, { method: "POST", headers, body });
    const text = await answer.text();
    if (!answer.ok) throw refused(answer.status, text);
    return parseJson(text) as HashList;
  } catch (error) {
    throw failureOf(error);
  }
}
