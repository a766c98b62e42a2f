//! Drafts: what a form becomes on the operator's machine. The review is decoded from the very bytes that would be signed.

import { path, postTo } from "./client.ts";

/** What a form asks for; fields are named like the flags. */
export interface Form {
  kind: "hunt" | "profile" | "hunt_cancel" | "profile_cancel";
  fields: Record<string, string | boolean | (string | { base64: string })[]>;
  lists?: string[];
}

/** One request of a review. */
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
  control?: { verb: string; about: string; revision: number };
  [more: string]: unknown;
}

/** A draft. */
export interface Draft {
  draft: string;
  kind: Form["kind"];
  digest: string;
  review: {
    operator: { name: string; key: string; fleet: string; capabilities: string[]; certificate_until: string };
    requests: RequestReview[];
    bytes: number;
    whole_bytes: number;
  };
  command: string;
  warnings: { code: string; text: string }[];
  expires: string;
}

/** What a launch answers. */
export interface Launch {
  id: string;
  kind: string;
  about: string;
}

/** Makes a draft. */
export function makeDraft(form: Form): Promise<Draft> {
  return postTo<Draft>("/console/drafts", form);
}

/** Signs and submits a draft whose digest was reviewed. */
export function launchDraft(draft: Draft, confirmed: string[]): Promise<Launch> {
  return postTo<Launch>(`/console/drafts${path(draft.draft)}/launch`, { digest: draft.digest, confirmed });
}
