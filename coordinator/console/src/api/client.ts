//! The only way to the console and the coordinator: `fetch` with the second secret, bounded and without redirects.

import { expire, isHosted, isOver, secret } from "../session/session.ts";
import { hear } from "../text/time.ts";
import { Failure, refused } from "./failure.ts";
import { isPlain, parseJson } from "./json.ts";

/** Where the coordinator's API begins. */
export const API = "/api/v1";

/** An answer of more text than this is refused: no page asks for that much. */
const ANSWER_BYTES_MAX = 32 * 1024 * 1024;
/** A larger file is not saved by the hosted pages, which hold it in memory until it is whole. */
const FILE_BYTES_MAX = 256 * 1024 * 1024;

/** How long the browser may take to save a file that was read to its end. */
const SAVED_MS = 60_000;

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

/** Hands each piece of a body on, up to a bound. */
async function readAll(
  answer: Response,
  most: number,
  next: string,
  take: (piece: Uint8Array<ArrayBuffer>) => void,
): Promise<void> {
  const reader = answer.body?.getReader();
  let size = 0;
  while (reader) {
    const { done, value } = await reader.read();
    if (done) return;
    size += value.length;
    if (size > most) {
      await reader.cancel();
      throw new Failure("the answer is too large", `it has more than ${most} bytes`, next, 0);
    }
    take(value);
  }
}

/** Reads a body as text up to the bound. */
async function textOf(answer: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  await readAll(answer, ANSWER_BYTES_MAX, "ask for less", (piece) => {
    text += decoder.decode(piece, { stream: true });
  });
  return text + decoder.decode();
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

/** Starts a download of a path below `/api/v1`: `muster console` prepares it, so that it goes straight to disk. */
export async function download(endpoint: string, name?: string): Promise<void> {
  if (isHosted.value) {
    await saveWhole(endpoint, name);
    return;
  }
  const prepared = await postTo<{ path: string }>("/console/downloads", { path: API + endpoint, name });
  const url = new URL(prepared.path, location.origin);
  if (url.origin === location.origin) save(url.href, "");
}

/** Reads a file to its end before it is saved: a coordinator prepares no downloads. */
async function saveWhole(endpoint: string, name = "download"): Promise<void> {
  const answer = await send(API + endpoint);
  if (!answer.ok) throw refused(answer.status, await textOf(answer));
  const pieces: Uint8Array<ArrayBuffer>[] = [];
  const next = "take it by the command line, or `muster console`";
  await readAll(answer, FILE_BYTES_MAX, next, (piece) => pieces.push(piece));
  const url = URL.createObjectURL(new Blob(pieces, { type: "application/octet-stream" }));
  save(url, name);
  setTimeout(() => URL.revokeObjectURL(url), SAVED_MS);
}

function save(href: string, name: string): void {
  const link = document.createElement("a");
  link.href = href;
  link.download = name;
  link.click();
}
