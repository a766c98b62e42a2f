//! What goes wrong with a request, in the three lines of the API's errors: what failed, why, what to do next.

import { isPlain, parseJson } from "./json.ts";

/** A failed request. */
export class Failure extends Error {
  constructor(
    /** What failed. */
    readonly what: string,
    /** Why. */
    readonly why: string,
    /** What to do next. */
    readonly next: string,
    /** The status of the answer; 0 where there was none. */
    readonly status: number,
    /** The answer's own document, where it was one: some endpoints say more than three lines. */
    readonly body?: Record<string, unknown>,
  ) {
    super(what);
  }

  /** Whether the other side does not know the endpoint: it is older than this page. */
  get isMissing(): boolean {
    // As this version says it, and the one before; the console may say so with a status of its own.
    if (this.status === 405 || /^no (endpoint|page) /.test(this.what)) return true;
    return this.status === 404 && this.body === undefined;
  }

  /** Whether the thing that was asked for does not exist, or its id is not unique. */
  get isUnknown(): boolean {
    return this.status === 404 && !this.isMissing;
  }
}

/** Makes a failure of a refused request. */
export function refused(status: number, text: string): Failure {
  let body: unknown;
  try {
    body = parseJson(text);
  } catch {
    body = undefined;
  }
  if (!isPlain(body)) {
    const what =
      status === 404 || status === 405
        ? "this coordinator has no such endpoint"
        : `the request failed: ${status}`;
    return new Failure(what, "", "muster and the coordinator may be of different versions", status);
  }
  const line = (name: string) => (typeof body[name] === "string" ? body[name] : "");
  return new Failure(
    line("error") || `the request failed: ${status}`,
    line("cause"),
    line("try"),
    status,
    body,
  );
}

/** Makes a failure of anything that was thrown. */
export function failureOf(error: unknown): Failure {
  if (error instanceof Failure) return error;
  const why = error instanceof Error ? error.message : String(error);
  const next = "see whether `muster console`, or the coordinator that serves these pages, still runs";
  return new Failure("the console does not answer", why, next, 0);
}
