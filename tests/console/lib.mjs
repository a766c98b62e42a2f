// What the tests of the console share: a `muster console` on a terminal of its own, a Chromium that is watched, and waiting.
//
// `main.rs` starts the fleet and says in the file that MUSTER_CONSOLE_FLEET names where everything is.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import http from "node:http";
import { createRequire } from "node:module";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

const require = createRequire(new URL("../../coordinator/console/package.json", import.meta.url));
const { chromium } = require("playwright-core");

/** Most nodes of a page, however much there is to show. */
export const NODES_MAX = 3000;

/** Longest wait for something that must happen, in milliseconds. */
export const LONG = 60_000;

/** The fleet: `bin`, `dir`, `url`, `scratch`, `repo`, `pictures`, `coordinator`, `agents: [{id, pid, bundle}]`. */
export const fleet = process.env.MUSTER_CONSOLE_FLEET
  ? JSON.parse(readFileSync(process.env.MUSTER_CONSOLE_FLEET, "utf8"))
  : undefined;

/** Returns the id of the fleet that the operator's key signs for. */
export function fleetId() {
  return /^fleet = "([^"]+)"/m.exec(readFileSync(join(fleet.dir, "operator.key"), "utf8"))[1];
}

/** Returns the text of axe-core, which is evaluated in a page: the page's policy would refuse a script element. */
export function axeText() {
  return readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
}

export const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

/** Asks `probe` until it returns something true; fails with its last answer when `limit` milliseconds are over. */
export async function eventually(what, probe, limit = LONG) {
  const until = Date.now() + limit;
  let last;
  for (;;) {
    try {
      const value = await probe();
      if (value) return value;
      last = value;
    } catch (error) {
      last = error;
    }
    if (Date.now() > until) assert.fail(`${what}: not within ${limit} ms: ${last?.stack ?? last}`);
    await sleep(50);
  }
}

/** Runs `muster` to its end; returns `{code, stdout, stderr}`. */
export function muster(words, env = {}) {
  return run(join(fleet.bin, "muster"), words, { MUSTER_DIR: fleet.dir, MUSTER_URL: fleet.url, ...env });
}

/** Runs `muster … --output json` and returns the document. */
export async function musterJson(words) {
  const ended = await muster([...words, "--output", "json"]);
  // Exit codes say how a hunt stands; the document is there for each of them.
  assert.ok(ended.stdout, `muster ${words.join(" ")}: ${ended.code}: ${ended.stderr}`);
  return JSON.parse(ended.stdout);
}

/** Runs a program to its end. */
export function run(program, words, env = {}, input = undefined) {
  return new Promise((done, failed) => {
    const child = spawn(program, words, { env: { ...process.env, ...env }, stdio: ["pipe", "pipe", "pipe"] });
    const out = [];
    const err = [];
    child.stdout.on("data", (piece) => out.push(piece));
    child.stderr.on("data", (piece) => err.push(piece));
    child.on("error", failed);
    child.on("close", (code) =>
      done({ code, stdout: Buffer.concat(out).toString(), stderr: Buffer.concat(err).toString() }),
    );
    child.stdin.end(input);
  });
}

const quoted = (word) => `'${String(word).replaceAll("'", "'\\''")}'`;

/** A `muster console` that runs on a terminal of its own, so that Enter prints a new address. */
export class Console {
  /**
   * Starts it and waits for its line.
   * `args`: flags; `url`: the coordinator; `dir`: the folder of key and token; `port`: 0 for any.
   */
  static async start({ args = [], url = fleet.url, dir = fleet.dir, port = 0, env = {} } = {}) {
    const words = [join(fleet.bin, "muster"), "console", "--listen", `127.0.0.1:${port}`, ...args];
    const child = spawn("script", ["-qefc", `exec ${words.map(quoted).join(" ")}`, "/dev/null"], {
      env: { ...process.env, MUSTER_DIR: dir, MUSTER_URL: url, TERM: "dumb", NO_COLOR: "1", ...env },
      stdio: ["pipe", "pipe", "inherit"],
    });
    const one = new Console(child);
    running.add(one);
    await one.#line(1);
    return one;
  }

  /** Everything that it printed. */
  text = "";
  #child;
  #used = new Set();
  #ended;

  constructor(child) {
    this.#child = child;
    child.stdout.setEncoding("utf8");
    child.stdout.on("data", (piece) => {
      this.text += piece;
    });
    this.#ended = new Promise((done) => child.on("close", done));
  }

  /** Waits until `count` addresses were printed. */
  async #line(count) {
    await eventually("muster console prints its address", () => {
      assert.ok(this.#child.exitCode === null, `it ended: ${this.text}`);
      return this.#addresses().length >= count;
    });
  }

  #addresses() {
    return [...this.text.matchAll(/http:\/\/127\.0\.0\.1:(\d+)\/#([\w-]+)[\r\n]/g)];
  }

  /** The port that it listens on. */
  get port() {
    return Number(this.#addresses()[0][1]);
  }

  /** The origin of its pages. */
  get origin() {
    return `http://127.0.0.1:${this.port}`;
  }

  /** The last code that was printed. */
  get code() {
    return this.#addresses().at(-1)[2];
  }

  /** Presses Enter and returns the new code. */
  async newCode() {
    const count = this.#addresses().length;
    this.type("\n");
    await this.#line(count + 1);
    return this.code;
  }

  /** Returns a code that was not used yet: each works once. */
  async unusedCode() {
    const code = this.#used.has(this.code) ? await this.newCode() : this.code;
    this.#used.add(code);
    return code;
  }

  /** Types on its terminal. */
  type(text) {
    this.#child.stdin.write(text);
  }

  /** The id of the process itself, not of the terminal around it. */
  get pid() {
    const of = this.#child.pid;
    const children = readFileSync(`/proc/${of}/task/${of}/children`, "utf8").trim().split(" ");
    return Number(children.find((pid) => readFileSync(`/proc/${pid}/comm`, "utf8").startsWith("muster")));
  }

  /** Its resident memory, and the most that it ever was, in bytes. */
  memory() {
    const status = readFileSync(`/proc/${this.pid}/status`, "utf8");
    const bytes = (name) => Number(new RegExp(`^${name}:\\s*(\\d+) kB`, "m").exec(status)[1]) * 1024;
    return { now: bytes("VmRSS"), most: bytes("VmHWM") };
  }

  /** Ends it as ctrl-C does. */
  async stop() {
    if (running.delete(this) && this.#child.exitCode === null) {
      this.type("\x03");
      const late = setTimeout(() => this.#child.kill("SIGKILL"), 5000);
      await this.#ended;
      clearTimeout(late);
    }
    return this.#child.exitCode;
  }
}

const running = new Set();

/** Servers that a test has started. */
const serving = new Set();

/** Ends every console and server that a test has left: Node waits for them. */
export async function stopConsoles() {
  await Promise.all([...running, ...serving].map((one) => one.stop()));
}

/** Starts a Chromium with a fresh profile and no traffic of its own. `map` sends an address to another one. */
export async function startBrowser({ map = {}, args = [] } = {}) {
  const rules = Object.entries(map).map(([from, to]) => `MAP ${from} ${to}`);
  return await chromium.launch({
    executablePath: process.env.MUSTER_CHROMIUM ?? "/usr/bin/chromium",
    args: [
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-gpu",
      "--no-first-run",
      ...(process.getuid() === 0 ? ["--no-sandbox"] : []),
      ...(rules.length > 0 ? [`--host-resolver-rules=${rules.join(", ")}`] : []),
      ...args,
    ],
  });
}

/** What a context of pages did that it must not: violations, exceptions, requests of other origins, dialogs. */
export class Watch {
  violations = [];
  errors = [];
  foreign = [];
  urls = [];
  /** Requests that are on their way; the event stream, which never ends, is none of them. */
  pending = new Set();
  /** When the last one ended or began. */
  stirred = Date.now();
  #origin;

  /** Looks at every page of a context from now on. */
  static async on(context, origin) {
    const watch = new Watch();
    watch.#origin = origin;
    // The policy holds for the page's own scripts; this one comes in by the debugger.
    await context.addInitScript(() => {
      addEventListener("securitypolicyviolation", (event) =>
        console.error(`violation: ${event.effectiveDirective} ${event.blockedURI} ${event.sample}`),
      );
    });
    context.on("console", (message) => {
      const text = message.text();
      if (/violation|Content Security Policy|TrustedHTML|TrustedScript|Trusted Type/i.test(text)) {
        watch.violations.push(text);
      }
    });
    context.on("weberror", (error) => watch.errors.push(String(error.error()?.stack ?? error.error())));
    context.on("dialog", (dialog) => {
      watch.errors.push(`a dialog: ${dialog.message()}`);
      void dialog.dismiss();
    });
    const ended = (request) => {
      watch.stirred = Date.now();
      watch.pending.delete(request);
    };
    context.on("requestfinished", ended);
    context.on("requestfailed", ended);
    context.on("request", (request) => {
      watch.urls.push(request.url());
      watch.stirred = Date.now();
      if (!request.url().includes("/api/v1/events")) watch.pending.add(request);
      const { protocol, origin: of } = new URL(request.url());
      if (!(of === watch.#origin || protocol === "blob:" || protocol === "data:")) watch.foreign.push(request.url());
    });
    return watch;
  }

  /** Waits until nothing has been asked for in `quiet` milliseconds, or `limit` are over. */
  async settled(quiet = 250, limit = 5000) {
    const until = Date.now() + limit;
    while (Date.now() < until && (this.pending.size > 0 || Date.now() - this.stirred < quiet)) await sleep(25);
  }

  /** Fails when a page did what it must not. */
  assertClean() {
    assert.deepEqual(this.violations, [], "violations of the policy");
    assert.deepEqual(this.errors, [], "exceptions in a page");
    assert.deepEqual(this.foreign, [], "requests of other origins");
  }
}

/** Opens a context with a session of a console, by a code that it printed. */
export async function openSession(browser, console, options = {}) {
  const context = await browser.newContext({
    viewport: { width: 1280, height: 720 },
    permissions: ["clipboard-read", "clipboard-write"],
    ...options,
  });
  context.setDefaultTimeout(LONG / 3);
  const watch = await Watch.on(context, console.origin);
  const page = await context.newPage();
  await page.goto(`${console.origin}/#${await console.unusedCode()}`);
  await page.locator("nav.side, .side").first().waitFor();
  return { context, page, watch };
}

/** Sends one request with exactly these headers; returns `{status, headers, body}`. */
export function send(port, { method = "GET", path = "/", headers = {}, body = undefined, host = undefined }) {
  return new Promise((done, failed) => {
    const request = http.request(
      { host: "127.0.0.1", port, method, path, headers: { Host: host ?? `127.0.0.1:${port}`, ...headers }, agent: false },
      (answer) => {
        const pieces = [];
        answer.on("data", (piece) => pieces.push(piece));
        answer.on("error", failed);
        answer.on("end", () =>
          done({ status: answer.statusCode, headers: answer.headers, body: Buffer.concat(pieces).toString() }),
        );
      },
    );
    request.on("error", failed);
    request.setTimeout(LONG, () => request.destroy(new Error("no answer")));
    request.end(body);
  });
}

/** Headers of a request that our own page makes. */
export function ours(port, more = {}) {
  return {
    Origin: `http://127.0.0.1:${port}`,
    "Sec-Fetch-Site": "same-origin",
    "Sec-Fetch-Mode": "cors",
    "Sec-Fetch-Dest": "empty",
    ...more,
  };
}

/** Exchanges a code outside a browser; returns the headers that a session needs, and what the console said. */
export async function exchange(console, code = console.code) {
  const answer = await send(console.port, {
    method: "POST",
    path: "/console/session",
    headers: ours(console.port, { "Content-Type": "application/json" }),
    body: JSON.stringify({ code }),
  });
  assert.equal(answer.status, 200, answer.body);
  const session = JSON.parse(answer.body);
  const cookie = answer.headers["set-cookie"][0].split(";")[0];
  return { cookie, secret: session.secret, session, setCookie: answer.headers["set-cookie"] };
}

/** Both secrets of a session as headers. */
export function both(session) {
  return { Cookie: session.cookie, "X-Muster-Console": session.secret };
}

/** Passes connections on and keeps every byte, by direction. */
export class Recorder {
  up = [];
  down = [];
  #server;
  #to;
  #sockets = new Set();

  static async to(port) {
    const one = new Recorder();
    one.#to = port;
    one.#server = net.createServer((socket) => one.#pass(socket));
    await new Promise((done) => one.#server.listen(0, "127.0.0.1", done));
    return one;
  }

  /** Where it listens. */
  get port() {
    return this.#server.address().port;
  }

  #pass(socket) {
    const other = net.connect(this.#to, "127.0.0.1");
    const both = [
      [socket, other, this.up],
      [other, socket, this.down],
    ];
    for (const [from, to, kept] of both) {
      this.#sockets.add(from);
      from.on("data", (piece) => {
        kept.push(piece);
        if (!to.write(piece)) {
          from.pause();
          to.once("drain", () => from.resume());
        }
      });
      from.on("end", () => to.end());
      from.on("error", () => to.destroy());
      from.on("close", () => {
        this.#sockets.delete(from);
        to.destroy();
      });
    }
  }

  /** Everything that went by, both ways. */
  bytes() {
    return Buffer.concat([...this.up, ...this.down]);
  }

  async stop() {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((done) => this.#server.close(done));
  }
}

/** Serves `handle(request, response)` on a free port of this machine. */
export async function serve(handle, host = "127.0.0.1") {
  const server = http.createServer(handle);
  const sockets = new Set();
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  await new Promise((done) => server.listen(0, host, done));
  const one = {
    port: server.address().port,
    origin: `http://${host}:${server.address().port}`,
    stop: () =>
      new Promise((done) => {
        serving.delete(one);
        for (const socket of sockets) socket.destroy();
        server.close(done);
      }),
  };
  serving.add(one);
  return one;
}

/** Makes a folder that is deleted at the end. */
export function scratch(name) {
  const made = mkdtempSync(join(fleet?.scratch ?? tmpdir(), `${name}-`));
  process.on("exit", () => rmSync(made, { recursive: true, force: true }));
  return made;
}

/** How big a page is: its nodes, and whether it scrolls sideways. */
export function shape(page) {
  return page.evaluate(() => {
    const main = document.querySelector("#main");
    const isWide = (one) => one.scrollWidth > one.clientWidth;
    return { nodes: document.querySelectorAll("*").length, wide: isWide(document.documentElement) || isWide(main) };
  });
}

/** Takes a picture of a page, for people. */
export async function picture(page, name) {
  mkdirSync(fleet.pictures, { recursive: true });
  await page.screenshot({ path: join(fleet.pictures, `${name}.png`) });
}
