//! One event stream for the tab: pages subscribe to topics, and the stream follows what is subscribed.
//!
//! It is read with `fetch`, for `EventSource` sends no header. A hidden tab holds no stream. After a break every
//! subscriber is told to ask again (`resync`), whether or not the stream goes on where it stopped.

import { effect, signal } from "@preact/signals";
import { gate } from "../session/session.ts";
import { hear, now } from "../text/time.ts";
import { API, send, withQuery } from "./client.ts";
import { isPlain, parseJson } from "./json.ts";
import { type ServerEvent, SseParser } from "./sse.ts";

/** How the stream is: `polled` where the coordinator or the browser has none for this window, and pages ask by themselves. */
export type Link = { state: "idle" | "opening" | "live" | "broken" | "polled"; since: number | undefined };

/** Told of each event of a topic; `resync` means: ask again for what is shown. */
export type Listener = (name: string, data: unknown) => void;

/** Topics that one stream takes. */
const TOPICS_MAX = 16;
/** A stream without even a comment for so long is dead: the coordinator sends one every 15 s. */
const SILENCE_MS = 40_000;
const BACKOFF_MS = { least: 500, most: 30_000 };
/** A coordinator without streams is asked again after this. */
const MISSING_MS = 60_000;
/** Streams that the windows of one browser hold together: it allows six connections to an origin, and pages need some to ask. */
const SLOTS = 4;
/** A window without a slot looks for one after this. */
const SLOT_MS = 5_000;

/** How the stream is. */
export const link = signal<Link>({ state: "idle", since: undefined });

const listeners = new Map<string, Set<Listener>>();
let running: AbortController | undefined;
let lastId: string | undefined;
let failures = 0;
/** Until the slot of the latest stream is given back. */
let released: Promise<void> = Promise.resolve();
let timer: ReturnType<typeof setTimeout> | undefined;

/** Subscribes to a topic (`agents`, `hunt:ID`, …); returns what ends the subscription. */
export function subscribe(topic: string, listener: Listener): () => void {
  const set = listeners.get(topic) ?? new Set();
  listeners.set(topic, set.add(listener));
  if (set.size === 1) restart();
  return () => {
    set.delete(listener);
    if (set.size === 0 && listeners.get(topic) === set) {
      listeners.delete(topic);
      restart();
    }
  };
}

/** Opens the stream again with the topics of now, after the page has settled. */
function restart(): void {
  lastId = undefined;
  schedule(30);
}

function schedule(ms: number): void {
  clearTimeout(timer);
  timer = setTimeout(run, ms);
}

function setLink(state: Link["state"]): void {
  if (link.value.state !== state) link.value = { state, since: now() };
}

async function run(): Promise<void> {
  running?.abort();
  running = undefined;
  if (listeners.size === 0 || document.hidden || gate.value !== "open") {
    setLink("idle");
    return;
  }
  const own = new AbortController();
  running = own;
  if (link.value.state === "idle") setLink("opening");
  // The stream before is over within moments; its slot is taken again.
  const before = released;
  let free = () => {};
  released = new Promise((done) => {
    free = done;
  });
  await before;
  const release = running === own ? await takeSlot() : undefined;
  let wait = release ? 0 : SLOT_MS;
  try {
    if (release && running === own) wait = await read(own);
  } catch {
    wait = 0;
  } finally {
    release?.();
    free();
  }
  if (running !== own) return;
  if (!release || wait === MISSING_MS) setLink("polled");
  else {
    failures += 1;
    setLink("broken");
    const most = Math.min(BACKOFF_MS.most, BACKOFF_MS.least * 2 ** Math.min(failures, 10));
    wait = Math.max(wait, most / 2 + (Math.random() * most) / 2);
  }
  schedule(wait);
}

/** Takes one of the slots for streams; returns what gives it back, or nothing where other windows have them all. */
async function takeSlot(): Promise<(() => void) | undefined> {
  // Browsers have locks where an origin is trustworthy: loopback is, and the hosted pages are over TLS.
  if (!navigator.locks) return () => undefined;
  for (let n = 0; n < SLOTS; n++) {
    const release = await new Promise<(() => void) | undefined>((taken) => {
      const hold = (lock: Lock | null) =>
        lock ? new Promise<void>((done) => taken(done)) : Promise.resolve(taken(undefined));
      navigator.locks
        .request(`muster-stream-${n}`, { ifAvailable: true }, hold)
        .catch(() => taken(undefined));
    });
    if (release) return release;
  }
  return undefined;
}

/** Reads one stream to its end; returns how long to wait at least. */
async function read(own: AbortController): Promise<number> {
  const topic = [...listeners.keys()].slice(0, TOPICS_MAX);
  const headers: Record<string, string> = { Accept: "text/event-stream" };
  if (lastId !== undefined) headers["Last-Event-ID"] = lastId;
  const url = withQuery(`${API}/events`, { topic });
  let watchdog = setTimeout(() => own.abort(), SILENCE_MS);
  try {
    const answer = await send(url, { headers, signal: own.signal });
    if ([404, 405, 501].includes(answer.status)) return MISSING_MS;
    if (!answer.ok || !answer.body) return Number(answer.headers.get("Retry-After") ?? 0) * 1000;
    const resumed = failures > 0 || link.value.state === "polled";
    failures = 0;
    setLink("live");
    if (resumed) tellAll("resync", {});
    const parser = new SseParser();
    const decoder = new TextDecoder();
    const reader = answer.body.getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return parser.retryMs ?? 0;
      clearTimeout(watchdog);
      watchdog = setTimeout(() => own.abort(), SILENCE_MS);
      for (const event of parser.push(decoder.decode(value, { stream: true }))) take(event);
    }
  } finally {
    clearTimeout(watchdog);
  }
}

function take(event: ServerEvent): void {
  if (event.id !== undefined) lastId = event.id;
  let data: unknown;
  try {
    data = parseJson(event.data);
  } catch {
    tellAll("resync", {});
    return;
  }
  if (isPlain(data)) hear(data.as_of);
  const named = isPlain(data) && typeof data.topic === "string" ? data.topic : undefined;
  const hunt = isPlain(data) ? String(event.name === "hunt" ? data.id : data.hunt) : "";
  const topic =
    named ?? (event.name === "hunt" || event.name === "hunt-agents" ? `${event.name}:${hunt}` : event.name);
  const set = listeners.get(topic);
  if (set) for (const listener of set) listener(event.name, data);
  else if (event.name === "resync") tellAll("resync", data);
}

function tellAll(name: string, data: unknown): void {
  for (const set of listeners.values()) for (const listener of set) listener(name, data);
}

document.addEventListener("visibilitychange", () => {
  if (!document.hidden) failures = Math.max(failures, 1);
  schedule(0);
});
effect(() => {
  if (gate.value === "open") schedule(0);
});
