//! The only way to the console and the coordinator: `fetch` with the second secret, bounded and without redirects.

import { expire, isOver, secret } from "../session/session.ts";
import { hear } from "../text/time.ts";
import { Failure, refused } from "./failure.ts";
import { isPlain, parseJson } from "./json.ts";

/** Where the coordinator's API begins. */
export const API = "/api/v1";

/** An answer of more text than this is refused: no page asks for that much. */
const ANSWER_BYTES_MAX = 32 * 1024 * 1024;

/** A query: lists are repeated, what is empty is left out. */
export type Query = Record<string, string | number | boolean | readonly string[] | undefined | null>;

/** Appends a query to a path. */
export function withQuery(path: string, query: Query = {}): string {
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    for (const one of Array.isArray(value) ? value : [value]) {
      if (one !== undefined && one !== null && one !== "" && one !== false) {
        params.append(name, one === true ? "1" : String(one));
      }
    }
  }
  const text = params.toString();
  return text ? `${path}?${text}` : path;
}

/** Makes a path of segments that are not trusted: none can leave its place. */
export function path(...segments: string[]): string {
  return segments.map((one) => `/${encodeURIComponent(one)}`).join("");
}

/** Sends a request with the session's secret. */
export async function send(url: string, init: RequestInit = {}): Promise<Response> {
  const own = secret.value;
  const headers = new Headers(init.headers);
  headers.set("X-Muster-Console", own);
  const answer = await fetch(url, { ...init, headers, cache: "no-store", redirect: "error" });
  if (isOver(answer)) expire(own);
  return answer;
}

/** Reads a body as text up to the bound. */
async function textOf(answer: Response): Promise<string> {
  if (!answer.body) return "";
  const reader = answer.body.getReader();
  const decoder = new TextDecoder();
  let text = "";
  let size = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return text + decoder.decode();
    size += value.length;
    if (size > ANSWER_BYTES_MAX) {
      await reader.cancel();
      throw new Failure(
        "the answer is too large",
        `it has more than ${ANSWER_BYTES_MAX} bytes`,
        "ask for less",
        0,
      );
    }
    text += decoder.decode(value, { stream: true });
  }
}

async function json<T>(url: string, init: RequestInit, parse = parseJson): Promise<T> {
  const answer = await send(url, init);
  const text = await textOf(answer);
  if (!answer.ok) throw refused(answer.status, text);
  let value: unknown;
  try {
    value = text ? parse(text) : undefined;
  } catch {
    throw new Failure("the answer is not JSON", "", "see whether the address is a Muster coordinator's", 0);
  }
  if (isPlain(value)) hear(value.as_of);
  return value as T;
}

/** Asks the coordinator: `get("/agents", { state: "live" })`. */
export function get<T>(endpoint: string, query?: Query, signal?: AbortSignal): Promise<T> {
  return json<T>(withQuery(API + endpoint, query), { signal: signal ?? null });
}

/** Asks for a document of very many numbers, of which none needs more digits than a double has: it is read 10 times as fast. */
export function getNumbers(endpoint: string, query?: Query, signal?: AbortSignal): Promise<unknown> {
  return json(withQuery(API + endpoint, query), { signal: signal ?? null }, (text) => JSON.parse(text));
}

/** Sends a document to the coordinator. */
export function post<T>(endpoint: string, body: unknown, signal?: AbortSignal): Promise<T> {
  return postTo<T>(API + endpoint, body, signal);
}

/** Asks the console itself: `getFrom("/console/verify/…")`. */
export function getFrom<T>(url: string, signal?: AbortSignal): Promise<T> {
  return json<T>(url, { signal: signal ?? null });
}

/** Sends a document to the console itself: `postTo("/console/drafts", …)`. */
export function postTo<T>(url: string, body: unknown, signal?: AbortSignal): Promise<T> {
  const headers = { "Content-Type": "application/json" };
  return json<T>(url, { method: "POST", headers, body: JSON.stringify(body ?? {}), signal: signal ?? null });
}

/** Starts a download of a path below `/api/v1` without holding it in memory. */
export async function download(endpoint: string, name?: string): Promise<void> {
  const prepared = await postTo<{ path: string }>("/console/downloads", { path: API + endpoint, name });
  const link = document.createElement("a");
  link.href = new URL(prepared.path, location.origin).href;
  if (new URL(link.href).origin !== location.origin) return;
  link.download = "";
  link.click();
}
