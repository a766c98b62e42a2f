//! The session with `muster console`: a code from the address bar is exchanged for a second secret, which every request carries.
//! The secret is kept in `localStorage`, so that a link opened in a new tab works. No key and no token is ever here.

import { computed, signal } from "@preact/signals";
import { isPlain, parseJson } from "../api/json.ts";

const KEPT = "muster-console-secret";
/** What the console says of key and coordinator is asked for again after this. */
const LOOK_MS = 30_000;

/** Three lines of an error, as the console has them. */
export interface Problem {
  error: string;
  cause: string;
  try: string;
}

/** Whose key signs. */
export interface Operator {
  name: string;
  key: string;
  fleet: string;
  capabilities: string[];
  certificate_until: string;
}

/** What the console says of itself. */
export interface Session {
  /** Of `muster`. */
  version: string;
  mode: "sign" | "read_only";
  /** Why it only reads. */
  why: Problem | null;
  /** Where a launch is confirmed. */
  confirm: "page" | "terminal";
  /** Whether source lines can be shown. */
  has_source: boolean;
  /** Whose key it is; nothing where the key cannot be used. */
  operator: Operator | null;
  coordinator: { url: string; fleet: string | null; version: string | null; problem: Problem | null };
}

/** Where the session is: `opening` while a code is exchanged or an earlier secret is looked at. */
export type Gate = "opening" | "open" | "none" | "over" | "refused" | "gone";

/** The second secret; an empty text where there is no session. */
export const secret = signal(localStorage.getItem(KEPT) ?? "");
/** What the console says of itself; nothing until it was asked. */
export const session = signal<Session | undefined>(undefined);
/** Where the session is. */
export const gate = signal<Gate>("opening");
/** Why a code was refused, or the console does not answer. */
export const refusal = signal("");
/** Whether the pages may sign. */
export const maySign = computed(() => session.value?.mode === "sign");

/** Takes the code out of the address bar, if there is one, and exchanges it; else looks whether the session of before still holds. */
export async function open(): Promise<void> {
  const code = location.hash.slice(1);
  if (/^[\w-]{20,200}$/.test(code)) {
    history.replaceState(null, "", location.pathname + location.search);
    await exchange(code);
  } else if (secret.value) await look();
  else gate.value = "none";
}

async function exchange(code: string): Promise<void> {
  try {
    const answer = await ask("POST", { code });
    const body = parseJson(await answer.text());
    if (answer.ok && isPlain(body) && typeof body.secret === "string") {
      localStorage.setItem(KEPT, body.secret);
      secret.value = body.secret;
      begin(body);
      return;
    }
    refusal.value = isPlain(body) && typeof body.cause === "string" ? body.cause : `status ${answer.status}`;
  } catch (error) {
    refusal.value = error instanceof Error ? error.message : String(error);
  }
  // The code of an old tab: the session of before may still hold.
  if (secret.value) await look();
  if (gate.value === "opening") gate.value = "refused";
}

/** Asks the console what it is: its key and its coordinator may have changed. */
export async function look(): Promise<void> {
  try {
    const answer = await ask("GET");
    if (answer.ok) begin(parseJson(await answer.text()));
    else if (isOver(answer)) expire(secret.value);
  } catch (error) {
    refusal.value = error instanceof Error ? error.message : String(error);
    if (gate.value === "opening") gate.value = "gone";
  }
}

function ask(method: string, body?: unknown): Promise<Response> {
  const headers: Record<string, string> = {};
  if (body !== undefined) headers["Content-Type"] = "application/json";
  else headers["X-Muster-Console"] = secret.value;
  const text = body === undefined ? null : JSON.stringify(body);
  return fetch("/console/session", { method, headers, body: text, cache: "no-store", redirect: "error" });
}

/** Whether an answer says that the session is over: the coordinator's own 401 does not. */
export function isOver(answer: Response): boolean {
  return answer.status === 401 && answer.headers.get("X-Muster-Console") === "session-over";
}

function begin(body: unknown): void {
  if (!isPlain(body) || !isPlain(body.coordinator)) throw new Error("the answer is not a console's");
  session.value = body as unknown as Session;
  gate.value = "open";
}

/** Forgets a secret that the console no longer knows. */
export function expire(over: string): void {
  if (!over || secret.value !== over) return;
  localStorage.removeItem(KEPT);
  secret.value = "";
  session.value = undefined;
  gate.value = "over";
}

/** Ends the session, here and in the console. */
export async function end(): Promise<void> {
  await ask("DELETE").catch(() => undefined);
  expire(secret.value);
}

setInterval(() => {
  if (secret.value && !document.hidden) void look();
}, LOOK_MS);

// Another tab has begun or ended a session.
addEventListener("storage", (event) => {
  if (event.key !== KEPT) return;
  secret.value = event.newValue ?? "";
  if (secret.value) void look();
  else gate.value = "over";
});
