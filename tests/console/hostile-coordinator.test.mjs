// A coordinator that was taken over: it answers whatever it likes. Nothing of that runs, nothing is signed but what the review
// showed, memory stays bounded, and the pages say what is wrong.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { after, before, beforeEach, test } from "node:test";
import { documentOf, fakeCoordinator, HOSTILE, json, maker } from "./fake.mjs";
import { both, Console, eventually, exchange, fleetId, openSession, ours, scratch, send, serve, sleep, startBrowser, stopConsoles } from "./lib.mjs";

/** Pages that are opened on every kind of answer. */
const PAGES = ["/", "/agents", "/agents/agent-1", "/hunts", "/hunts/01a2", "/hunts/01a2?tab=rows", "/hunts/01a2?tab=errors", "/hunts/01a2?tab=costs", "/hunts/01a2?tab=why", "/hunts/01a2?tab=request", "/profiles", "/profiles/01a2", "/profiles/01a2/agent-1", "/profiles/01a2/agent-1?tab=top", "/health", "/audit", "/who-has?hash=00000000"];
/** A few of them, where the answer is the same everywhere. */
const FEW = ["/", "/agents", "/hunts/01a2", "/profiles/01a2/agent-1", "/health"];
const MEMORY_MAX = 200e6;
/** A list without anybody. */
const NOBODY = { items: [], next: null, total: 0, as_of: "2026-11-30T10:00:00Z" };

let fake;
let console_;
let browser;
let opened;

before(async () => {
  fake = await fakeCoordinator();
  fake.answer = (_, response, path) => json(response, documentOf(path, { text: () => "plain" }));
  console_ = await Console.start({ url: fake.url });
  browser = await startBrowser();
  opened = await openSession(browser, console_);
});
after(async () => {
  const { most } = console_.memory();
  await browser?.close();
  await stopConsoles();
  await fake?.stop();
  assert.ok(most < MEMORY_MAX, `the console took ${most} bytes`);
});
beforeEach(() => {
  fake.asked.length = 0;
  fake.posted.length = 0;
});

/** Opens a page and waits until it has settled: nothing more is asked for, or `ms` are over. */
async function look(path, ms = 4000) {
  const { page, watch } = opened;
  watch.pending.clear();
  await page.goto(console_.origin + path, { waitUntil: "domcontentloaded" });
  await page.locator("#main").waitFor();
  await watch.settled(200, ms);
  return await state();
}

/** What the page is like. */
async function state() {
  return await opened.page.evaluate(() => {
    const links = [...document.querySelectorAll("a[href], area[href], form[action], [src]")];
    const away = links.filter((one) => {
      const href = one.getAttribute("href") ?? one.getAttribute("action") ?? one.getAttribute("src");
      return new URL(href, location.href).origin !== location.origin;
    });
    return {
      pwned: window.__pwned,
      polluted: Object.keys(Object.prototype),
      away: away.map((one) => one.outerHTML.slice(0, 200)),
      foreign: document.querySelectorAll("script:not([src='/assets/app.js']), iframe, object, embed, base, img, foreignObject, [onload], [onerror], [style*=url]").length,
      nodes: document.querySelectorAll("*").length,
      frame: document.querySelectorAll(".side").length,
      text: document.querySelector("#main")?.innerText ?? "",
      boxes: [...document.querySelectorAll(".errorbox, .problem")].map((one) => one.innerText).join("\n"),
      wide: document.documentElement.scrollWidth > innerWidth,
      origin: location.origin,
    };
  });
}

/** Whatever it was told, the page is whole and nothing ran. */
function assertCalm(found, what) {
  assert.equal(found.pwned, undefined, `${what}: a script ran`);
  assert.deepEqual(found.polluted, [], `${what}: Object.prototype`);
  assert.deepEqual(found.away, [], `${what}: links that lead elsewhere`);
  assert.equal(found.foreign, 0, `${what}: elements that the pages do not have`);
  assert.equal(found.frame, 1, `${what}: the frame is there`);
  assert.equal(found.origin, console_.origin, what);
  assert.ok(found.text.trim().length > 0, `${what}: an empty page`);
  assert.ok(found.nodes <= 3000, `${what}: ${found.nodes} nodes`);
  assert.equal(found.wide, false, `${what}: the page scrolls sideways`);
}

/** Opens pages, and looks at each. */
async function openAll(pages, what, each = () => {}) {
  for (const path of pages) {
    const found = await look(path);
    assertCalm(found, `${what} at ${path}`);
    each(found, path);
  }
  opened.watch.assertClean();
}

test("HTML and SVG for every path: the pages say that this is no answer", async () => {
  for (const [media, body] of [
    ["text/html", "<!doctype html><script>window.__pwned=1</script><h1>Sign in</h1><form action='http://elsewhere.example'><input type=password>"],
    ["image/svg+xml", '<svg xmlns="http://www.w3.org/2000/svg" onload="window.__pwned=1"><script>window.__pwned=1</script></svg>'],
    ["text/javascript", "window.__pwned=1;onmessage=()=>postMessage(1)"],
  ]) {
    fake.answer = (_, response) => {
      response.writeHead(200, { "Content-Type": media });
      response.end(body);
    };
    await openAll(FEW, media, (found, path) => assert.match(found.boxes + found.text, /not JSON|not a coordinator/i, path));
    // The answer itself is never more than bytes.
    const session = await exchange(console_, await console_.newCode());
    const answer = await send(console_.port, { path: "/api/v1/agents", headers: ours(console_.port, both(session)) });
    assert.equal(answer.headers["content-type"], "application/octet-stream", media);
    assert.match(answer.headers["content-disposition"], /^attachment/);
    assert.equal(answer.headers["content-security-policy"], "sandbox; default-src 'none'");
  }
});

test("as a document, a frame, a script or a worker an answer is refused", async () => {
  fake.answer = (_, response) => {
    response.writeHead(200, { "Content-Type": "text/javascript" });
    response.end("window.__pwned=1");
  };
  const context = await browser.newContext({ storageState: await opened.context.storageState() });
  const page = await context.newPage();
  await page.goto(`${console_.origin}/agents`);
  const answer = await page.goto(`${console_.origin}/api/v1/agents`);
  assert.equal(answer.status(), 403);
  await page.goto(`${console_.origin}/agents`);
  const tried = await page.evaluate(async () => {
    const ways = {
      script: () => document.head.append(Object.assign(document.createElement("script"), { src: "/api/v1/agents" })),
      worker: () => new Worker("/api/v1/agents"),
      "service worker": () => navigator.serviceWorker.register("/api/v1/agents"),
      html: () => { document.body.innerHTML = "<img src=x onerror='window.__pwned=1'>"; },
    };
    const worked = [];
    for (const [name, way] of Object.entries(ways)) {
      try {
        await way();
        worked.push(name);
      } catch {
        // Refused: as it must be.
      }
    }
    await new Promise((done) => setTimeout(done, 300));
    return { worked, pwned: window.__pwned };
  });
  assert.deepEqual(tried, { worked: [], pwned: undefined });
  await context.close();
});

test("scripts in every field of every answer are text", async () => {
  fake.answer = (_, response, path) => json(response, documentOf(path));
  await openAll(PAGES, "scripts");
  for (let turn = 1; turn < HOSTILE.length; turn += 4) {
    fake.answer = (_, response, path) => json(response, documentOf(path, { text: (_name, n) => HOSTILE[(n + turn) % HOSTILE.length] }));
    await openAll(FEW, `scripts, turned by ${turn}`);
  }
});

test("values of other types: a panel fails at most, never the page", async () => {
  fake.answer = (_, response, path) => json(response, documentOf(path, { wrong: true }));
  await openAll(PAGES, "wrong types");
  for (const value of [null, 1, "text", [], [null], {}, { items: null, total: "many", as_of: 7 }, { items: [null, 1, "x", []], next: {}, total: -1, as_of: null }, { items: {}, states: [] }, [[[[[]]]]]]) {
    fake.answer = (_, response) => json(response, JSON.stringify(value));
    await openAll(["/", "/agents", "/hunts/01a2?tab=rows"], JSON.stringify(value));
  }
  fake.answer = (_, response) => json(response, "[".repeat(200_000));
  await openAll(["/", "/agents"], "deep nesting");
});

test("headers of the coordinator reach nothing", async () => {
  const elsewhere = await serve((_, response) => response.end("window.__pwned=1"));
  fake.answer = (_, response, path) => {
    response.setHeader("Set-Cookie", [`muster-${console_.port}=taken; Path=/`, "evil=1; Path=/"]);
    response.setHeader("Link", `<${elsewhere.origin}/x.js>; rel=preload; as=script`);
    response.setHeader("Refresh", `0; url=${elsewhere.origin}/`);
    response.setHeader("Clear-Site-Data", '"cookies", "storage"');
    response.setHeader("Access-Control-Allow-Origin", "*");
    response.setHeader("Service-Worker-Allowed", "/");
    response.setHeader("X-Muster-Console", "session-over");
    response.setHeader("SourceMap", `${elsewhere.origin}/map`);
    json(response, documentOf(path, { text: () => "plain" }), path.includes("/hunts") ? 401 : 200);
  };
  await openAll(FEW, "headers");
  const cookies = await opened.context.cookies();
  assert.deepEqual(cookies.map((cookie) => cookie.name), [`muster-${console_.port}`]);
  assert.notEqual(cookies[0].value, "taken");
  assert.ok(await opened.page.evaluate("localStorage.getItem('muster-console-secret')"), "the session goes on");
  await elsewhere.stop();
});

test("redirects are not followed", async () => {
  const hits = [];
  const elsewhere = await serve((request, response) => {
    hits.push(`${request.url} ${request.headers.authorization}`);
    json(response, { items: [], next: null, total: 0, as_of: "2026-11-30T10:00:00Z" });
  });
  for (const to of ["file:///etc/passwd", `${elsewhere.origin}/taken`, "//elsewhere.example/x", "javascript:window.__pwned=1", "/api/v1/agents"]) {
    for (const status of [301, 307]) {
      fake.answer = (_, response) => {
        response.writeHead(status, { Location: to });
        response.end();
      };
      await openAll(["/", "/agents"], `${status} to ${to}`, (found) => assert.match(found.boxes, /redirect/i, to));
    }
  }
  assert.deepEqual(hits, [], "nobody was asked, and nobody was given the token");
  await elsewhere.stop();
});

/** Writes until nobody reads any more; returns how much that was. */
function endless(response, piece, headers) {
  response.writeHead(200, headers);
  let bytes = 0;
  const more = () => {
    while (!response.destroyed && bytes < 4e9) {
      bytes += piece.length;
      if (!response.write(piece)) {
        response.once("drain", more);
        return;
      }
    }
  };
  more();
}

test("bodies and lines without an end", async () => {
  const piece = "x".repeat(65_536);
  for (const [what, headers, first] of [
    ["an endless text", { "Content-Type": "application/json" }, piece],
    ["an endless list", { "Content-Type": "application/json" }, '[{"id":"a"},'.repeat(6_000)],
  ]) {
    fake.answer = (_, response) => endless(response, first, headers);
    for (const path of ["/agents", "/hunts/01a2"]) {
      await look(path, 500);
      const found = await eventually(`${what}: ${path} says so`, async () => {
        const now = await state();
        return /too large/i.test(now.boxes) ? now : undefined;
      });
      assertCalm(found, `${what} at ${path}`);
    }
    const { most } = console_.memory();
    assert.ok(most < MEMORY_MAX, `${what}: the console took ${most} bytes`);
  }
  fake.answer = (_, response, path) => json(response, documentOf(path, { text: () => "plain" }));
  fake.answersEvents = true;
  const plain = fake.answer;
  for (const [what, line] of [
    ["an endless line", piece],
    ["endless events", `event: agents\ndata: {"x":"${"y".repeat(1000)}"}\n\n`.repeat(60)],
    ["endless comments", ": nothing\n".repeat(6_000)],
  ]) {
    fake.answer = (request, response, path) => {
      if (!path.startsWith("/api/v1/events")) return plain(request, response, path);
      return endless(response, line, { "Content-Type": "text/event-stream" });
    };
    await look("/agents", 1000);
    await sleep(1500);
    assertCalm(await state(), what);
    const { most } = console_.memory();
    assert.ok(most < MEMORY_MAX, `${what}: the console took ${most} bytes`);
  }
  fake.answersEvents = false;
  fake.answer = plain;
  await look("/agents", 500);
  opened.watch.assertClean();
});

test("a million items in a page", async () => {
  const rows = { agents: "id", hunts: "id" };
  fake.answer = (_, response, path) => {
    const name = path.split("/").pop().split("?")[0];
    if (!rows[name]) return json(response, documentOf(path, { text: () => "plain" }));
    response.writeHead(200, { "Content-Type": "application/json" });
    response.write('{"next":null,"total":1000000,"as_of":"2026-11-30T10:00:00Z","items":[');
    const items = (n) => Array.from({ length: n }, (_, at) => `{"id":"a${at}"}`).join(",");
    for (let n = 0; n < 9; n++) response.write(`${items(100_000)},`);
    return response.end(`${items(100_000)}]}`);
  };
  for (const path of ["/agents", "/hunts"]) {
    await look(path, 8000);
    const found = await eventually("the page says so", async () => {
      const now = await state();
      return /too large|no page of a list/i.test(now.boxes) ? now : undefined;
    });
    assert.doesNotMatch(found.text, /No agent is enrolled|No hunt/, "an answer that failed says nothing of what there is");
    assertCalm(found, `a million at ${path}`);
  }
  opened.watch.assertClean();
});

test("a coordinator of another fleet: nothing can be signed, and the page says why", async () => {
  fake.answer = (_, response, path) => json(response, { ...documentOf(path, { text: () => "plain", sound: true }), error: null });
  await look("/hunts/new");
  const { page } = opened;
  assert.match(await page.locator(".who .mode").innerText(), /read-only/i);
  assert.match(await page.locator(".formside").innerText(), /another fleet/i);
  await page.locator("[data-field=root]").fill("/etc");
  await page.locator("[data-act=review]").click();
  await page.getByText("muster hunt launch --draft").first().waitFor();
  assert.equal(await page.locator("[data-act=sign]").count(), 0);
  assert.deepEqual(fake.posted.filter(({ url }) => url === "/api/v1/requests"), []);
});

test("a preview that lies is set apart, and what is signed is what was reviewed", async () => {
  const { page } = opened;
  const folder = scratch("lies");
  const lie = "Only /tmp/harmless is searched, on one agent.";
  fake.answer = (_, response, path, body) => {
    if (path === "/api/v1/requests") {
      return json(response, { id: "01a2aaaa-0000-7000-8000-000000000000", kind: "hunt.start", targeted: 1, route: "broadcast", published: true, note: lie });
    }
    const made = maker({ text: (name) => (name === "why" ? "" : lie) });
    if (path.startsWith("/api/v1/agents")) return json(response, NOBODY);
    if (path === "/api/v1/fleet") return json(response, { ...documentOf(path, { text: () => lie }), id: fleetId() });
    if (path === "/api/v1/targets/preview") {
      const shape = documentOf(path, { text: () => lie, sound: true });
      return json(response, { ...shape, expr: "id:nobody", matched: 1, error: null, body: body.length });
    }
    return json(response, documentOf(path, { text: (_name, n) => (n % 2 ? lie : made({ type: "string" })) }));
  };
  await page.goto(`${console_.origin}/hunts/new`);
  await page.locator("[data-field=root]").fill(folder);
  await page.locator("[data-field=max_cpu]").fill("50%");
  await page.locator("[data-act=review]").click();
  await page.locator(".reviewed").waitFor().catch(async (error) => {
    const { boxes, text } = await state();
    throw new Error(`no review: ${boxes || text}`, { cause: error });
  });
  const shown = await page.locator(".reviewmain").innerText();
  assert.ok(shown.includes(folder), shown);
  assert.ok(!shown.includes("harmless"), `the review shows what the coordinator says: ${shown}`);
  assert.match(await page.locator(".reviewside .says").innerText(), /not part of what is signed/i);
  const digest = (await page.locator("code.digest").innerText()).trim();
  for (const box of await page.locator(".warnings input").all()) await box.check();
  assert.deepEqual(fake.posted.filter(({ url }) => url === "/api/v1/requests"), [], "nothing before the button");
  await page.locator("[data-act=sign]").click();
  await eventually("it is submitted", () => fake.posted.some(({ url }) => url === "/api/v1/requests"));
  const submitted = fake.posted.filter(({ url }) => url === "/api/v1/requests");
  assert.equal(submitted.length, 1, "one request");
  assert.ok(holds(submitted[0].body, digest), "the bytes that were submitted have the digest of the review");
  await eventually("the page goes on to the hunt", () => page.url().startsWith(`${console_.origin}/hunts/`) && !page.url().endsWith("/new"));
  assertCalm(await state(), "after the launch");
  opened.watch.assertClean();
});

/** Whether some part of the bytes has this SHA-256: the body within its seal. */
function holds(bytes, digest) {
  for (let from = 0; from < bytes.length; from++) {
    for (let to = bytes.length; to > from; to--) {
      if (createHash("sha256").update(bytes.subarray(from, to)).digest("hex") === digest) return true;
    }
  }
  return false;
}

test("a draft of every kind is signed as it was reviewed, whatever the coordinator answers", async () => {
  const session = await exchange(console_, await console_.newCode());
  const post = (path, body) =>
    send(console_.port, { method: "POST", path, headers: ours(console_.port, { ...both(session), "Content-Type": "application/json" }), body: JSON.stringify(body) });
  const folder = scratch("kinds");
  const id = "01a22e70-5cb1-706c-bbf4-417b6840fb9f";
  const agent = "agent-1-1304";
  fake.answer = (_, response, path) => {
    const shape = documentOf(path, { text: () => "plain", sound: true });
    if (/^\/api\/v1\/agents(\?|$)/.test(path)) return json(response, NOBODY);
    if (path.startsWith("/api/v1/agents/")) return json(response, { ...shape, id: agent, state: "live", capabilities: ["profile.cpu"] });
    if (path.startsWith("/api/v1/hunts/") || path.startsWith("/api/v1/profiles/")) return json(response, { ...shape, id, agents: [] });
    if (path === "/api/v1/requests") return json(response, { id, kind: "hunt.start", targeted: 1, route: "broadcast", published: true, note: "" });
    return json(response, { ...shape, matched: 1, error: null });
  };
  for (const form of [
    { kind: "hunt", fields: { root: [folder], target: "label:db" } },
    { kind: "profile", fields: { agents: [agent], kind: ["cpu"], seconds: "5" } },
    { kind: "profile", fields: { coordinator: true, kind: ["cpu"], seconds: "5" } },
    { kind: "hunt_cancel", fields: { hunt: id } },
    { kind: "profile_cancel", fields: { profile: id } },
  ]) {
    fake.posted.length = 0;
    const made = await post("/console/drafts", form);
    assert.equal(made.status, 200, `${JSON.stringify(form)}: ${made.body}`);
    const draft = JSON.parse(made.body);
    const launched = await post(`/console/drafts/${draft.draft}/launch`, { digest: draft.digest, confirmed: draft.warnings.map((each) => each.code) });
    const requests = fake.posted.filter(({ url }) => url === "/api/v1/requests");
    assert.equal(launched.status, 200, `${form.kind}: ${launched.body}`);
    assert.equal(requests.length, draft.review.requests.length, form.kind);
    for (const [at, { body }] of requests.entries()) {
      assert.ok(holds(body, draft.review.requests[at].sha256), `${form.kind}: request ${at} is the reviewed one`);
    }
    if (requests.length === 1) assert.ok(holds(requests[0].body, draft.digest), `${form.kind}: the digest is the body's`);
  }
});
