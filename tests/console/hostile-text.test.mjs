// An endpoint that was taken over names its host, labels, files and reasons as it likes. No script runs, no request leaves, nothing is
// drawn outside its box, and the exact bytes can be copied.
//
// `main.rs` gives the agent its host name and labels. What an endpoint cannot say to a sound coordinator (NUL in a label, a function
// name of 100 kB) comes from a fake one at the end.
import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { documentOf, fakeCoordinator, json } from "./fake.mjs";
import { Console, eventually, fleet, muster, musterJson, openSession, picture, scratch, serve, startBrowser, stopConsoles } from "./lib.mjs";

const SCRIPT = "<img src=x onerror=window.__pwned=1>";
const NAMES = [
  Buffer.from(`${SCRIPT}.txt`),
  Buffer.from("\"'><svg onload=window.__pwned=1>"),
  Buffer.from("__proto__"),
  Buffer.from("constructor"),
  Buffer.from("\u202egnp.exe\u202c"),
  Buffer.from("\u2066zero\u200bwidth\u2069\ufeff"),
  Buffer.from("two\nlines\r\nand\ttabs\u001b[31mred\u0007"),
  Buffer.from([0x66, 0xff, 0xfe, 0xc0, 0xaf, 0xed, 0xa0, 0x80, 0x6f]),
  Buffer.from("javascript:window.__pwned=1"),
  Buffer.from("{{7*7}}${7*7}"),
  Buffer.from(`${"W".repeat(250)}<b>`),
  Buffer.from(`${"\u0301".repeat(120)}z`),
];

let console_;
let browser;
let opened;
let hunt;
let folder;
const exact = new Map();

before(async () => {
  folder = scratch("hostile");
  for (const name of NAMES) write(Buffer.concat([Buffer.from(`${folder}/`), name]));
  // A path of almost 4,096 bytes.
  let deep = `${folder}/deep`;
  while (deep.length < 3_700) deep += `/${"<i>d".repeat(50)}`;
  mkdirSync(deep, { recursive: true });
  write(Buffer.from(`${deep}/${SCRIPT}`));
  const missing = `/nowhere/${SCRIPT}\u202e/__proto__`;
  const ended = await muster(["hunt", "launch", "--root", folder, "--root", missing, "--output", "json"]);
  assert.ok(ended.stdout, ended.stderr);
  hunt = JSON.parse(ended.stdout).id;
  await eventually("the hunt ends", async () => (await musterJson(["hunt", "show", hunt])).done);
  await muster(["profile", "take", "--agent", fleet.agents[0].id, "--seconds", "1"]);
  console_ = await Console.start();
  browser = await startBrowser();
  opened = await openSession(browser, console_);
});
after(async () => {
  await browser?.close();
  await stopConsoles();
});

function write(path) {
  writeFileSync(path, path.subarray(0, 100));
  exact.set(path.toString("base64"), path);
}

/** Text that is drawn outside the panel or cell that it belongs to. */
function outside() {
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const range = document.createRange();
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const element = node.parentElement;
    if (!node.data.trim() || !element.checkVisibility() || element.closest(".sr, svg, dialog:not([open])")) continue;
    range.selectNodeContents(node);
    let { left, right, top, bottom } = range.getBoundingClientRect();
    // What an ancestor clips is not drawn.
    for (let at = element; at; at = at.parentElement) {
      const style = getComputedStyle(at);
      const box = at.getBoundingClientRect();
      if (style.overflowX !== "visible") [left, right] = [Math.max(left, box.left), Math.min(right, box.right)];
      if (style.overflowY !== "visible") [top, bottom] = [Math.max(top, box.top), Math.min(bottom, box.bottom)];
    }
    if (left >= right || top >= bottom) continue;
    const box = (element.closest("[role=gridcell], .panel, .side, .top, .pagehead, dialog") ?? document.body).getBoundingClientRect();
    const slack = 2;
    if (left < box.left - slack || right > box.right + slack) {
      found.push(`${element.outerHTML.slice(0, 120)}: ${Math.round(left)}–${Math.round(right)} in ${Math.round(box.left)}–${Math.round(box.right)}`);
    }
  }
  return found;
}

/** What holds for a page whatever it shows. */
function facts() {
  const raw = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]/;
  const away = [...document.querySelectorAll("a[href]")].filter((link) => new URL(link.href).origin !== location.origin);
  const titles = [...document.querySelectorAll("[title], [aria-label]")].filter((one) => raw.test(`${one.title}${one.ariaLabel ?? ""}`));
  return {
    pwned: window.__pwned,
    polluted: Object.keys(Object.prototype),
    raw: raw.exec(document.body.innerText)?.[0].codePointAt(0).toString(16),
    titles: titles.map((one) => one.outerHTML.slice(0, 200)),
    away: away.map((link) => link.outerHTML.slice(0, 200)),
    elements: document.querySelectorAll("#main img, #main b b, #main script, #main iframe, #main i > i").length,
    wide: document.documentElement.scrollWidth > innerWidth,
    title: document.title.length,
    nodes: document.querySelectorAll("*").length,
  };
}

async function look(page, watch, url, name) {
  await page.goto(url, { waitUntil: "domcontentloaded" });
  await page.locator("#main").waitFor();
  await watch.settled(250, 5000);
  const found = await page.evaluate(facts);
  const { nodes, title, ...rest } = found;
  assert.deepEqual(rest, { polluted: [], titles: [], away: [], elements: 0, wide: false, raw: undefined, pwned: undefined }, `${name}: ${url}`);
  assert.ok(nodes <= 3000, `${name}: ${nodes} nodes`);
  assert.ok(title <= 400, `${name}: a title of ${title} characters`);
  assert.deepEqual(await page.evaluate(outside), [], `${name}: ${url}: drawn outside its box`);
  await picture(page, `hostile-${name}`);
}

test("the agent is as hostile as it should be", async () => {
  const told = await eventually("the agent has told its names", async () => {
    const now = await musterJson(["agents", "show", fleet.agents[0].id]);
    assert.match(now.host, /<img/, JSON.stringify(now));
    return now;
  });
  assert.ok(Object.entries(told.labels).some(([key, value]) => /__proto__|<img/.test(`${key}${value}`)), JSON.stringify(told.labels));
});

test("every page that shows what an endpoint says", async () => {
  const { page, watch } = opened;
  const [agent] = fleet.agents;
  const pages = {
    overview: "/",
    agents: "/agents",
    agent: `/agents/${agent.id}`,
    "agent-hunts": `/agents/${agent.id}?tab=hunts`,
    "agent-uploads": `/agents/${agent.id}?tab=uploads`,
    "agent-raw": `/agents/${agent.id}?tab=raw`,
    hunts: "/hunts",
    hunt: `/hunts/${hunt}`,
    rows: `/hunts/${hunt}?tab=rows`,
    errors: `/hunts/${hunt}?tab=errors`,
    costs: `/hunts/${hunt}?tab=costs`,
    why: `/hunts/${hunt}?tab=why`,
    request: `/hunts/${hunt}?tab=request`,
    copy: `/hunts/new?from=${hunt}`,
    profiles: "/profiles",
    audit: "/audit",
    health: "/health",
  };
  for (const [name, path] of Object.entries(pages)) await look(page, watch, console_.origin + path, name);
  watch.assertClean();
});

test("the side panel shows each row whole, and copies its exact bytes", async () => {
  const { page, context, watch } = opened;
  // The pages' own policy forbids to read the clipboard: another page does.
  const reader = await serve((_, response) => response.setHeader("Content-Type", "text/html").end("<!doctype html><title>paste</title><textarea></textarea>"));
  const paste = await context.newPage();
  await paste.goto(reader.origin);
  await page.goto(`${console_.origin}/hunts/${hunt}?tab=rows`);
  const grid = page.getByRole("grid", { name: "Rows" });
  await grid.getByRole("row").nth(1).waitFor();
  const seen = new Set();
  const panel = page.getByRole("complementary", { name: "The row" });
  for (let n = 0; n < exact.size + 4; n++) {
    await page.bringToFront();
    await grid.focus();
    await page.keyboard.press("j");
    await page.keyboard.press("Enter");
    await panel.waitFor();
    assert.deepEqual(await page.evaluate(outside), [], "the panel's text is in the panel");
    assert.equal(await page.evaluate("window.__pwned"), undefined);
    const base64 = panel.getByRole("button", { name: "Copy the exact bytes as base64" });
    const isRaw = (await base64.count()) > 0;
    const button = isRaw ? base64.first() : panel.getByRole("button", { name: "Copy path", exact: true });
    await button.click();
    await button.getByText("copied").waitFor();
    await paste.bringToFront();
    const text = await paste.evaluate(() => navigator.clipboard.readText());
    const bytes = isRaw ? Buffer.from(text, "base64") : Buffer.from(text);
    if (exact.has(bytes.toString("base64"))) seen.add(bytes.toString("base64"));
  }
  const missing = [...exact.entries()].filter(([key]) => !seen.has(key)).map(([, path]) => path.toString("latin1").slice(0, 120));
  assert.deepEqual(missing, [], "paths whose exact bytes were not copied");
  watch.foreign = watch.foreign.filter((url) => !url.startsWith(reader.origin));
  watch.assertClean();
  await reader.stop();
});

test("what no sound coordinator passes on: NUL, 100 kB of a name, 10,000 labels", async () => {
  const fake = await fakeCoordinator();
  const long = `${"W".repeat(100_000)}${SCRIPT}`;
  const texts = [long, `a\u0000b${SCRIPT}\u202e`, "\ud800 a half of a pair", "__proto__", "\u0301".repeat(5_000), "line\n".repeat(2_000)];
  fake.answer = (_, response, path) => {
    const document = documentOf(path, { text: (_name, n) => texts[n % texts.length] });
    if (/\/agents\/[^/]+$/.test(path)) {
      document.labels = JSON.parse(`{"__proto__":"${SCRIPT}",${Array.from({ length: 10_000 }, (_, n) => `"l${n}":"v"`).join(",")}}`);
      const labels = JSON.stringify(document.labels);
      return json(response, JSON.stringify({ ...document, labels: 0 }).replace('"labels":0', `"labels":${labels}`));
    }
    return json(response, document);
  };
  const other = await Console.start({ url: fake.url });
  const { context, page, watch } = await openSession(browser, other);
  for (const path of ["/", "/agents", "/agents/x", "/hunts", "/hunts/x", "/hunts/x?tab=rows", "/hunts/x?tab=errors", "/profiles/x/y", "/profiles/x/y?tab=top", "/profiles/x/y?tab=tree", "/profiles/x/y?tab=lines", "/who-has?hash=00000000", "/health", "/audit"]) {
    await look(page, watch, other.origin + path, `fake${path.replaceAll(/\W+/g, "-")}`);
  }
  watch.assertClean();
  await context.close();
  await other.stop();
  await fake.stop();
});
