// The coordinator's API, without console and browser: how long an answer takes, and streams of events.
import { readFileSync } from "node:fs";
import http from "node:http";
import { join } from "node:path";
import { fleet, sleep } from "../../../tests/console/lib.mjs";

const agent = new http.Agent({ keepAlive: true });
const token = readFileSync(join(fleet.dir, "token"), "utf8").trim();
const headers = { Authorization: `Bearer ${token}` };

/** Ends the connections that wait for a next question: the coordinator is about to end. */
export const hangUp = () => agent.destroy();

/** Longest wait for an answer, in milliseconds. */
export const ANSWER_MS = 60_000;

/** Asks once; returns the document and how long it took, in milliseconds. */
export function ask(path, body = undefined) {
  return new Promise((done, failed) => {
    const began = performance.now();
    const options = { agent, signal: AbortSignal.timeout(ANSWER_MS), method: body ? "POST" : "GET", headers: { ...headers, ...(body ? { "Content-Type": "application/json" } : {}) } };
    const request = http.request(`${fleet.url}/api/v1${path}`, options, (answer) => {
      const pieces = [];
      answer.on("data", (piece) => pieces.push(piece));
      answer.on("error", failed);
      answer.on("end", () => {
        const took = performance.now() - began;
        const text = Buffer.concat(pieces).toString();
        if (answer.statusCode === 200) done({ took, document: JSON.parse(text) });
        else failed(new Error(`${path}: ${answer.statusCode}: ${text.slice(0, 400)}`));
      });
    });
    request.on("error", failed);
    request.end(body ? JSON.stringify(body) : undefined);
  });
}

/**
 * Asks `runs` times; returns the times in milliseconds, sorted. The first answer warms up and does not count.
 * `body` makes it a POST; `pause` milliseconds between two questions outlast an answer that is kept for that long.
 */
export async function times(path, runs, { body, pause = 0 } = {}) {
  await ask(path, body);
  const took = [];
  for (let run = 0; run < runs; run++) {
    await sleep(pause);
    took.push((await ask(path, body)).took);
  }
  return took.sort((a, b) => a - b);
}

/** Goes on with a question until its answer is complete; returns the time of each answer. */
export async function whole(path) {
  const took = [];
  for (let next; ; ) {
    const one = await ask(next ? `${path}&cursor=${encodeURIComponent(next)}` : path);
    took.push(one.took);
    if (one.document.complete) return took;
    next = one.document.next;
  }
}

/** Watches a topic until `stop` is called; `heard(name, document)` takes each event. */
export function watch(topic, heard) {
  const request = http.get(`${fleet.url}/api/v1/events?topic=${topic}`, { headers, agent: false }, (answer) => {
    let text = "";
    answer.setEncoding("utf8");
    answer.on("error", () => {});
    answer.on("data", (piece) => {
      text += piece;
      const events = text.split("\n\n");
      text = events.pop();
      for (const event of events) {
        const field = (name) => new RegExp(`^${name}: ?(.*)$`, "m").exec(event)?.[1];
        if (field("data")) heard(field("event"), field("data"));
      }
    });
  });
  request.on("error", () => {});
  return () => request.destroy();
}

/** The middle one of sorted figures. */
export const median = (sorted) => sorted[Math.floor(sorted.length / 2)];

/** The figure that 95 of 100 are below. */
export const p95 = (sorted) => sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * 0.95) - 1)];
