//! The session with `muster console`, or with a coordinator that hosts these pages: a code from the address bar, or a token that is
//! typed, is exchanged for a second secret, which every request carries. The secret is kept in `localStorage`, so that a link
//! opened in a new tab works. No key is ever here, and no token is kept.

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
  /** Whether the coordinator serves these pages, which have nothing of the operator's machine. */
  hosted?: boolean;
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
/** What opens a session: the code of `muster console`, or a token where the coordinator hosts the pages. */
export const opensWith = signal<"code" | "token">("code");
/** Why a code or a token was refused, or the console does not answer. */
export const refusal = signal("");
/** Whether the pages may sign. */
export const maySign = computed(() => session.value?.mode === "sign");
/** Whether the coordinator hosts the pages: there is no `muster console` to draft, to check signatures or to read lists. */
export const isHosted = computed(() => session.value?.hosted === true);

/** Takes the code out of the address bar, if there is one, and exchanges it; else looks whether the session of before still holds. */
export async function open(): Promise<void> {
  const code = location.hash.slice(1);
  if (isCode(code)) {
    history.replaceState(null, "", location.pathname + location.search);
    await exchange({ code });
  } else await look();
}

function isCode(text: string): boolean {
  return /^[\w-]{20,200}$/.test(text);
}

/** Begins a session of a token. */
export async function enter(token: string): Promise<void> {
  await exchange({ token });
}

async function exchange(given: { code: string } | { token: string }): Promise<void> {
  try {
    const answer = await ask("POST", given);
    const body = parseJson(await answer.text());
    if (answer.ok && isPlain(body) && typeof body.secret === "string") {
      localStorage.setItem(KEPT, body.secret);
      secret.value = body.secret;
      begin(body);
      return;
    }
    refusal.value = causeOf(body, answer);
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
    else if (isOver(answer)) {
      opensWith.value = answer.headers.get("X-Muster-Opens-With") === "token" ? "token" : "code";
      if (secret.value) expire(secret.value);
      else gate.value = "none";
    } else if (gate.value === "opening") throw new Error(causeOf(parseJson(await answer.text()), answer));
  } catch (error) {
    refusal.value = error instanceof Error ? error.message : String(error);
    if (gate.value === "opening") gate.value = "gone";
  }
}

/** Why an answer is no success. */
function causeOf(body: unknown, answer: Response): string {
  return isPlain(body) && typeof body.cause === "string" ? body.cause : `status ${answer.status}`;
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
  opensWith.value = isHosted.value ? "token" : "code";
  refusal.value = "";
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

// A new address in the tab of an old one: the browser loads nothing anew where only the code is another one.
addEventListener("hashchange", () => {
  if (!isCode(location.hash.slice(1))) return;
  if (gate.value !== "open") gate.value = "opening";
  void open();
});

// Another tab has begun or ended a session.
addEventListener("storage", (event) => {
  if (event.key !== KEPT) return;
  secret.value = event.newValue ?? "";
  if (secret.value) void look();
  else gate.value = "over";
});
