// Hostile neighbours: other pages in the operator's browser, other programs on the operator's machine. Each is refused by its own
// guard: a request here is good but for the one thing that this guard looks at.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import {
  both,
  Console,
  eventually,
  exchange,
  fleet,
  muster,
  openSession,
  ours,
  scratch,
  send,
  serve,
  sleep,
  startBrowser,
  stopConsoles,
} from "./lib.mjs";

let console_;
let browser;
let session;

before(async () => {
  console_ = await Console.start();
  session = await exchange(console_);
  browser = await startBrowser();
});
after(async () => {
  await browser?.close();
  await stopConsoles();
});

/** Sends a request of our own page with its session, but for some headers. */
function good(path, more = {}, rest = {}) {
  return send(console_.port, { path, headers: ours(console_.port, { ...both(session), ...more }), ...rest });
}

/** Leaves headers out. */
function less(headers, ...names) {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !names.includes(name)));
}

const DATA = ["/api/v1/fleet", "/api/v1/agents", "/console/session", "/console/source?file=x", "/console/verify/x", "/api", "/console"];

test("the request that every other one here differs from is answered", async () => {
  for (const path of ["/api/v1/fleet", "/api/v1/agents", "/console/session"]) {
    assert.equal((await good(path)).status, 200, path);
  }
});

test("Host: a rebound name gets nothing, not even a page", async () => {
  const { port } = console_;
  const names = ["rebound.example", `rebound.example:${port}`, `127.0.0.1:${port + 1}`, `127.0.0.1.rebound.example:${port}`, `localhost:${port}.`, `127.1:${port}`];
  for (const host of names) {
    for (const path of ["/", "/agents", "/assets/app.js", "/api/v1/agents", "/console/session"]) {
      const answer = await good(path, {}, { host });
      assert.equal(answer.status, 421, `${host} ${path}`);
    }
  }
  for (const host of [`localhost:${port}`, `[::1]:${port}`]) {
    const answer = await good("/api/v1/agents", { Origin: `http://${host}` }, { host });
    assert.equal(answer.status, 200, host);
  }
});

test("Host: a page whose name resolves to this machine later gets nothing", async () => {
  // The browser believes that rebound.example is this machine, as after a DNS rebinding.
  const rebound = await startBrowser({ map: { "rebound.example": "127.0.0.1" } });
  try {
    const page = await rebound.newPage();
    const answer = await page.goto(`http://rebound.example:${console_.port}/`);
    assert.equal(answer.status(), 421);
    // The answer is a document without any rights: not even its own origin.
    assert.equal(await page.evaluate("origin"), "null");
    const asked = await page.evaluate(() => fetch("/api/v1/agents").then((found) => found.status, () => "refused"));
    assert.ok(asked === "refused" || asked === 421, `${asked}`);
    const other = await page.goto(`http://rebound.example:${console_.port}/agents#${console_.code}`);
    assert.equal(other.status(), 421);
  } finally {
    await rebound.close();
  }
});

test("Sec-Fetch-Site, Origin and Sec-Fetch-Dest: what another page asks for", async () => {
  for (const path of DATA) {
    for (const site of ["cross-site", "same-site", "none", "Same-Origin", ""]) {
      assert.equal((await good(path, { "Sec-Fetch-Site": site })).status, 403, `${path} from ${site}`);
    }
    const without = less(ours(console_.port, both(session)), "Sec-Fetch-Site");
    assert.equal((await send(console_.port, { path, headers: without })).status, 403, `${path} of an old browser`);
    for (const origin of ["null", "http://elsewhere.example", `http://127.0.0.1:${console_.port + 1}`, `https://127.0.0.1:${console_.port}`, `http://localhost:${console_.port}`]) {
      assert.equal((await good(path, { Origin: origin })).status, 403, `${path} of ${origin}`);
    }
    for (const dest of ["document", "iframe", "frame", "script", "style", "worker", "serviceworker", "image", "object", "embed", "audio", ""]) {
      assert.equal((await good(path, { "Sec-Fetch-Dest": dest })).status, 403, `${path} as ${dest}`);
    }
  }
  // What stands on its own secret must come from our page all the same.
  const code = await console_.newCode();
  for (const more of [{ "Sec-Fetch-Site": "cross-site" }, { Origin: "http://elsewhere.example" }, { "Sec-Fetch-Dest": "document" }]) {
    const answer = await send(console_.port, {
      method: "POST",
      path: "/console/session",
      headers: ours(console_.port, { "Content-Type": "application/json", ...more }),
      body: JSON.stringify({ code }),
    });
    assert.equal(answer.status, 403, JSON.stringify(more));
  }
});

test("a cookie without the second secret, and the secret without the cookie", async () => {
  const other = await exchange(console_);
  for (const path of ["/api/v1/fleet", "/api/v1/agents", "/console/session", "/api/v1/events?topic=agents"]) {
    for (const [what, more] of Object.entries({
      "no secret": { "X-Muster-Console": "" },
      "a guess": { "X-Muster-Console": session.secret.replace(/.$/, (c) => (c === "0" ? "1" : "0")) },
      "another session's secret": { "X-Muster-Console": other.secret },
      "no cookie": { Cookie: "" },
      "another session's cookie": { Cookie: other.cookie },
      "a cookie of another name": { Cookie: session.cookie.replace(/^[^=]+/, "muster-1") },
    })) {
      const answer = await good(path, more);
      assert.ok([401, 429].includes(answer.status), `${path} with ${what}: ${answer.status}`);
    }
  }
  assert.equal((await good("/api/v1/fleet")).status, 200, "and the session itself goes on");
});

test("the cookie is HttpOnly, strict, of this port; no answer has a CORS header", async () => {
  const one = await exchange(console_, await console_.newCode());
  assert.equal(one.setCookie.length, 1);
  assert.match(one.setCookie[0], new RegExp(`^muster-${console_.port}=[\\w-]+; Path=/; HttpOnly; SameSite=Strict$`));
  for (const path of ["/", "/assets/app.js", "/api/v1/fleet", "/console/session"]) {
    for (const method of ["GET", "OPTIONS"]) {
      const answer = await good(path, { "Access-Control-Request-Method": "GET" }, { method });
      const cors = Object.keys(answer.headers).filter((name) => name.startsWith("access-control"));
      assert.deepEqual(cors, [], `${method} ${path}`);
    }
  }
});

test("a code works once", async () => {
  const code = await console_.newCode();
  await exchange(console_, code);
  const again = await send(console_.port, {
    method: "POST",
    path: "/console/session",
    headers: ours(console_.port, { "Content-Type": "application/json" }),
    body: JSON.stringify({ code }),
  });
  assert.equal(again.status, 401, again.body);
  assert.equal(again.headers["x-muster-console"], "session-over");
});

test("guesses: ten a minute, then 429", async () => {
  const other = await Console.start();
  const kept = await exchange(other);
  const guess = (code) =>
    send(other.port, {
      method: "POST",
      path: "/console/session",
      headers: ours(other.port, { "Content-Type": "application/json" }),
      body: JSON.stringify({ code }),
    });
  const statuses = [];
  for (let n = 0; n < 12; n++) statuses.push((await guess(`${n}`.padStart(64, "0"))).status);
  assert.deepEqual(statuses, [...Array(10).fill(401), 429, 429]);
  const code = await other.newCode();
  assert.equal((await guess(code)).status, 429, "not even a right one is looked at");
  const secrets = [];
  for (let n = 0; n < 12; n++) {
    const headers = ours(other.port, { ...both(kept), "X-Muster-Console": `${n}`.padStart(64, "0") });
    secrets.push((await send(other.port, { path: "/api/v1/fleet", headers })).status);
  }
  assert.ok(secrets.every((status) => [401, 429].includes(status)) && secrets.at(-1) === 429, `${secrets}`);
  const own = await send(other.port, { path: "/api/v1/fleet", headers: ours(other.port, both(kept)) });
  assert.equal(own.status, 200, "who has both secrets is not shut out by another's guesses");
  await other.stop();
});

test("pages of another origin and of another port reach nothing", async () => {
  const { context, page, watch } = await openSession(browser, console_ = await renewed());
  const target = console_.origin;
  const before = await hunts();
  for (const name of ["127.0.0.1", "localhost"]) {
    const got = [];
    const hostile = await serve((request, response) => {
      got.push(request.url);
      response.setHeader("Content-Type", "text/html");
      response.end("<!doctype html><title>hostile</title><body>");
    }, "127.0.0.1");
    const from = `http://${name}:${hostile.port}/`;
    const evil = await context.newPage();
    await evil.goto(from);
    const found = await evil.evaluate(attack, { target, secret: await page.evaluate("localStorage.getItem('muster-console-secret')") });
    assert.deepEqual(found.read, [], `${from} could read something`);
    assert.deepEqual(found.errors, [], `${from}: the attack itself`);
    assert.ok(found.tried >= 12, `${found.tried} ways`);
    // A window that it opened shows the page (a link from elsewhere works), and cannot be looked into or told anything.
    const [opened] = await Promise.all([context.waitForEvent("page"), evil.evaluate((url) => void window.open(`${url}/agents`), target)]);
    await opened.waitForLoadState();
    assert.equal(await opened.evaluate("String(window.opener)"), "null", "the page has no opener");
    await opened.close();
    await evil.close();
    await hostile.stop();
  }
  assert.deepEqual(await hunts(), before, "nothing was launched");
  assert.equal((await page.evaluate(() => fetch("/console/session", { headers: { "X-Muster-Console": localStorage.getItem("muster-console-secret") } }).then((a) => a.status))), 200, "the session was not ended");
  watch.foreign.length = 0; // The hostile pages themselves.
  watch.violations.length = 0;
  watch.assertClean();
  await context.close();
});

/** Runs in a hostile page: tries every way to reach the console, returns what could be read. */
async function attack({ target, secret }) {
  const read = [];
  const errors = [];
  let tried = 0;
  const paths = ["/api/v1/agents", "/api/v1/overview", "/console/session"];
  const way = async (what, act) => {
    tried++;
    try {
      const got = await act();
      if (got) read.push(`${what}: ${String(got).slice(0, 80)}`);
    } catch {
      // Refused: as it must be.
    }
  };
  const within = (promise) => Promise.race([promise, new Promise((_, no) => setTimeout(() => no(new Error("nothing")), 1500))]);
  for (const path of paths) {
    await way(`fetch ${path}`, async () => (await fetch(target + path, { credentials: "include" })).text());
    await way(`fetch no-cors ${path}`, async () => (await fetch(target + path, { mode: "no-cors", credentials: "include" })).text());
    await way(`fetch with the secret ${path}`, async () => (await fetch(target + path, { credentials: "include", headers: { "X-Muster-Console": secret } })).text());
  }
  await way("post a draft", async () =>
    (await fetch(`${target}/console/drafts`, { method: "POST", mode: "no-cors", credentials: "include", body: JSON.stringify({ kind: "hunt", fields: { root: ["/etc"] } }) })).text());
  await way("EventSource", () =>
    within(new Promise((yes, no) => {
      const source = new EventSource(`${target}/api/v1/events?topic=agents`, { withCredentials: true });
      source.onmessage = () => yes("an event");
      source.onopen = () => yes("it opened");
      source.onerror = () => no(new Error("refused"));
    })));
  await way("image", () =>
    within(new Promise((yes, no) => {
      const image = new Image();
      image.onload = () => yes("it was drawn");
      image.onerror = () => no(new Error("refused"));
      image.src = `${target}/assets/icons.svg`;
    })));
  for (const kind of ["script", "link"]) {
    await way(`${kind} of the API`, () =>
      within(new Promise((yes, no) => {
        const element = document.createElement(kind);
        element.onload = () => yes("it was loaded");
        element.onerror = () => no(new Error("refused"));
        if (kind === "script") element.src = `${target}/api/v1/agents`;
        else Object.assign(element, { rel: "stylesheet", href: `${target}/assets/app.css` });
        document.head.append(element);
      })));
  }
  for (const path of ["/", "/hunts/new", "/api/v1/agents"]) {
    await way(`frame ${path}`, async () => {
      const frame = document.createElement("iframe");
      frame.src = target + path;
      document.body.append(frame);
      await new Promise((done) => {
        frame.onload = done;
        setTimeout(done, 1500);
      });
      return frame.contentDocument?.body?.textContent || "";
    });
  }
  await way("form", async () => {
    const frame = document.createElement("iframe");
    frame.name = "sink";
    document.body.append(frame);
    const form = document.createElement("form");
    Object.assign(form, { method: "post", action: `${target}/console/drafts`, target: "sink", enctype: "text/plain" });
    const field = document.createElement("input");
    Object.assign(field, { name: '{"kind":"hunt","fields":{"root":["/etc"]},"x":"', value: '"}' });
    form.append(field);
    document.body.append(form);
    form.submit();
    await new Promise((done) => setTimeout(done, 700));
    return frame.contentDocument?.body?.textContent || "";
  });
  await way("a window", async () => {
    const opened = window.open(`${target}/agents`);
    if (!opened) {
      errors.push("the window did not open");
      return "";
    }
    await new Promise((done) => setTimeout(done, 1000));
    try {
      return opened.document?.title || "";
    } finally {
      opened.close?.();
    }
  });
  await way("storage", () => localStorage.getItem("muster-console-secret"));
  await way("cookies", () => (document.cookie.includes("muster-") ? document.cookie : ""));
  return { read, errors, tried };
}

async function renewed() {
  await console_.stop();
  console_ = await Console.start();
  return console_;
}

async function hunts() {
  const ended = await muster(["hunt", "list", "--output", "jsonl"]);
  assert.equal(ended.code, 0, ended.stderr);
  return ended.stdout.split("\n").filter(Boolean).map((line) => JSON.parse(line).id);
}

test("a launch names the digest of its draft; another one is 409", async () => {
  session = await exchange(console_, await console_.newCode());
  const draft = async (root) => {
    const answer = await good("/console/drafts", { "Content-Type": "application/json" }, {
      method: "POST",
      body: JSON.stringify({ kind: "hunt", fields: { root: [root], target: "all", max_cpu: "50%" } }),
    });
    assert.equal(answer.status, 200, answer.body);
    return JSON.parse(answer.body);
  };
  const launch = (one, digest, confirmed = one.warnings.map((each) => each.code)) =>
    good(`/console/drafts/${one.draft}/launch`, { "Content-Type": "application/json" }, {
      method: "POST",
      body: JSON.stringify({ digest, confirmed }),
    });
  const before = await hunts();
  const folder = scratch("guards");
  const [reviewed, changed] = [await draft(folder), await draft("/")];
  assert.notEqual(reviewed.digest, changed.digest);
  for (const digest of [changed.digest, "", reviewed.digest.toUpperCase(), reviewed.digest.slice(1), "0".repeat(64)]) {
    assert.equal((await launch(reviewed, digest)).status, 409, digest);
  }
  assert.equal((await launch(changed, reviewed.digest)).status, 409, "what was reviewed is not what would be signed");
  assert.deepEqual(await hunts(), before, "nothing was launched");
  const [one, two] = await Promise.all([launch(reviewed, reviewed.digest), launch(reviewed, reviewed.digest)]);
  // The second one comes while the first is on its way: it may be told so.
  const [won, late] = one.status === 200 ? [one, two] : [two, one];
  assert.equal(won.status, 200, won.body);
  assert.ok([200, 409].includes(late.status), late.body);
  const again = await launch(reviewed, reviewed.digest);
  assert.equal(again.status, 200, again.body);
  assert.equal(JSON.parse(again.body).about, JSON.parse(won.body).about, "pressed again, the same hunt");
  assert.deepEqual([...(await hunts())].sort(), [...before, JSON.parse(won.body).about].sort(), "one hunt");
});

test("nothing else can be posted, and no path leaves the API", async () => {
  for (const path of ["/api/v1/requests", "/api/v1/hunts", "/api/v1/agents", "/api/v1/enrol", "/api/v1/profiles", "/api/v1/agents/x/label"]) {
    for (const method of ["POST", "PUT", "DELETE", "PATCH"]) {
      const answer = await good(path, { "Content-Type": "application/json" }, { method, body: "{}" });
      assert.ok([404, 405].includes(answer.status), `${method} ${path}: ${answer.status}`);
    }
  }
  for (const path of ["/api/v1/../../metrics", "/api/v1/%2e%2e/metrics", "/api/v1/..%2fmetrics"]) {
    assert.equal((await good(path)).status, 400, path);
  }
  const { agents: [agent] } = fleet;
  const body = JSON.stringify({ confirm: agent.id.slice(0, -1) });
  const refused = await good(`/api/v1/agents/${agent.id}/revoke`, { "Content-Type": "application/json" }, { method: "POST", body });
  assert.equal(refused.status, 409, refused.body);
});

test("what passes of the coordinator cannot become a document", async () => {
  const answer = await good("/api/v1/agents");
  assert.equal(answer.headers["content-security-policy"], "sandbox; default-src 'none'");
  assert.equal(answer.headers["x-content-type-options"], "nosniff");
  assert.equal(answer.headers["cache-control"], "no-store");
  assert.equal(answer.headers["cross-origin-resource-policy"], "same-origin");
  const page = await good("/agents", { "Sec-Fetch-Dest": "document", "Sec-Fetch-Site": "cross-site" });
  assert.equal(page.status, 200, "a link in a ticket works");
  assert.match(page.headers["content-security-policy"], /require-trusted-types-for 'script'; trusted-types 'none'/);
  assert.match(page.headers["content-security-policy"], /frame-ancestors 'none'/);
});

test("a download stands on its own secret, once", async () => {
  const prepare = (path, body = { path }) =>
    good("/console/downloads", { "Content-Type": "application/json" }, { method: "POST", body: JSON.stringify(body) });
  const answer = await prepare("/api/v1/agents");
  assert.equal(answer.status, 200, answer.body);
  const { path } = JSON.parse(answer.body);
  const fetched = () => send(console_.port, { path, headers: ours(console_.port, { "Sec-Fetch-Dest": "document" }) });
  const first = await fetched();
  assert.equal(first.status, 200);
  assert.match(first.headers["content-disposition"], /^attachment/);
  assert.equal((await fetched()).status, 404, "once");
  for (const bad of ["/etc/passwd", "file:///etc/passwd", "http://elsewhere.example/", "/api/v1/../../metrics", "//elsewhere.example/x", "/console/session"]) {
    assert.equal((await prepare(bad)).status, 400, bad);
  }
});

test("no secret is in an argument or in what is printed after the code was used", async () => {
  await sleep(0);
  const { readFileSync } = await import("node:fs");
  const line = readFileSync(`/proc/${console_.pid}/cmdline`, "utf8");
  const environment = readFileSync(`/proc/${console_.pid}/environ`, "utf8");
  for (const secret of [session.secret, session.cookie.split("=")[1], console_.code]) {
    assert.ok(!line.includes(secret) && !environment.includes(secret));
  }
  assert.ok(!console_.text.includes(session.secret));
  await eventually("the console still runs", () => console_.memory().now > 0);
});
