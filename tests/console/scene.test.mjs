// The scene, by clicks and keys alone: an agent is busy, a hunt is launched and watched, the agent is profiled while the hunt runs, the
// profile is read down to source lines, files are found, and the profile goes on to another tool.
//
// Every byte between the browser and the console is recorded. The rows in the page must be those of a walk that shares no code with
// the product.
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { createReadStream, mkdirSync, openSync, readdirSync, readFileSync, statSync, ftruncateSync, closeSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, beforeEach, test } from "node:test";
import { gunzipSync } from "node:zlib";
import { Console, eventually, fleet, LONG, musterJson, openSession, picture, Recorder, run, scratch, send, startBrowser, stopConsoles } from "./lib.mjs";

const STATES = ["silent", "seen", "queued", "running", "paused", "finishing", "finished", "failed", "cancelled", "declined", "expired", "incomplete"];
/** Small files, beside a big one that takes the agents about half a minute at this many MB/s. */
const FILES = 240;
const MBPS = 60;
const BIG_BYTES = MBPS * 1e6 * 30;
/** What the digest function is called. */
const DIGEST = /sha2|sha256|sha_256/i;

let console_;
let recorder;
let browser;
let opened;
let tree;
/** Path by path, the digest of each file: the independent walk. */
let expected;
let hunt;
let profile;

before(async () => {
  tree = scratch("tree");
  plant(tree);
  expected = await manifest(tree);
  console_ = await Console.start({ args: ["--source", fleet.repo] });
  recorder = await Recorder.to(console_.port);
  browser = await startBrowser({ map: { [`127.0.0.1:${console_.port}`]: `127.0.0.1:${recorder.port}` } });
});
after(async () => {
  await browser?.close();
  await recorder?.stop();
  await stopConsoles();
});

/** The step that is being tried; what comes after one that failed has nothing to begin with. */
let trying;
beforeEach(() => {
  assert.equal(trying, undefined, "an earlier step failed");
});

/** One step of the scene. When it fails, the page is shown as it was. */
function step(name, body) {
  test(name, async () => {
    trying = name;
    try {
      await body();
    } catch (error) {
      if (opened) {
        await picture(opened.page, "scene-failed");
        console.error(`${opened.page.url()}\n${await opened.page.locator("body").innerText()}`);
      }
      throw error;
    }
    trying = undefined;
  });
}

/** Makes the files that are hunted. */
function plant(folder) {
  const names = ["plain.txt", "two\nlines", "späce and ünicode 🔥", "back\\slash", "<img src=x onerror=alert(1)>", "__proto__", "a'quote\"s", "-rf", "tab\there"];
  for (const [n, name] of names.entries()) writeFileSync(join(folder, name), `content ${n}\n`);
  for (let n = 0; n < FILES - names.length; n++) {
    const inner = join(folder, `d${n % 7}`, `e${n % 3}`);
    mkdirSync(inner, { recursive: true });
    writeFileSync(join(inner, `f${n}.bin`), randomBytes((n * 97) % 20_000));
  }
  const big = openSync(join(folder, "big.sparse"), "w");
  ftruncateSync(big, BIG_BYTES);
  closeSync(big);
}

/** Walks the folder with nothing of the product, and hashes what is there. */
async function manifest(folder) {
  const found = new Map();
  const walk = async (at) => {
    for (const name of readdirSync(at)) {
      const path = join(at, name);
      if (statSync(path).isDirectory()) await walk(path);
      else found.set(path, await sha256(path));
    }
  };
  await walk(folder);
  return found;
}

function sha256(path) {
  return new Promise((done, failed) => {
    const hash = createHash("sha256");
    createReadStream(path).on("data", (piece) => hash.update(piece)).on("error", failed).on("end", () => done(hash.digest("hex")));
  });
}

/** As the pages show it. */
const shown = (path) => path.replaceAll("\\", "\\\\").replaceAll("\n", "\\n").replaceAll("\t", "\\t");

/** The numbers of a state bar, and what they must add up to. */
function readBar() {
  const numbers = {};
  for (const item of document.querySelectorAll(".statebar li")) {
    const number = Number(item.querySelector("b")?.textContent.replace(/[^0-9]/g, ""));
    if (item.classList.contains("sum")) numbers.targeted = number;
    else numbers[item.querySelector(".state").innerText.trim()] = number;
  }
  return numbers;
}

function assertAddsUp(numbers, what) {
  assert.deepEqual(Object.keys(numbers).filter((name) => name !== "targeted"), STATES, `${what}: all twelve, in order`);
  const sum = STATES.reduce((so, state) => so + numbers[state], 0);
  assert.equal(sum, numbers.targeted, `${what}: ${JSON.stringify(numbers)}`);
}

step("in by the printed address, to an agent, and its curve moves", async () => {
  opened = await openSession(browser, console_);
  const { page } = opened;
  assert.equal(new URL(page.url()).hash, "", "the code is gone from the address");
  await page.getByRole("heading", { name: "Fleet" }).or(page.locator(".statebar")).first().waitFor();
  await picture(page, "scene-1-overview");
  await page.getByRole("grid", { name: "Busiest agents" }).getByRole("link").first().click();
  await page.waitForURL(/\/agents\/[^/]+$/);
  await page.locator(".curves canvas").first().waitFor();
  const drawn = () => page.evaluate(() => document.querySelector(".curves canvas").toDataURL());
  const first = await drawn();
  await eventually("the curve moves", async () => (await drawn()) !== first, LONG / 2);
  await picture(page, "scene-2-agent");
});

step("a new hunt: form, review, signature", async () => {
  const { page } = opened;
  await page.locator(".actions").getByRole("link", { name: "New hunt" }).click();
  await page.waitForURL(/\/hunts\/new/);
  const target = page.getByRole("combobox", { name: "Agents that match" }).or(page.getByRole("textbox", { name: "Agents that match" })).first();
  await target.fill("all");
  await page.keyboard.press("Escape");
  await page.locator("[data-field=root]").fill(tree);
  await page.locator("[data-field=max_mbps]").fill(String(MBPS));
  await page.locator("[data-field=max_cpu]").fill("90%");
  await eventually("the preview counts the agents", async () => (await page.locator(".formside").innerText()).match(new RegExp(`\\b${fleet.agents.length}\\b`)));
  await picture(page, "scene-3-new-hunt");
  await page.locator("[data-act=review]").press("Enter");
  await page.locator(".reviewed").waitFor();
  const review = await page.locator(".reviewmain").innerText();
  assert.ok(review.includes(tree) && review.includes(`${MBPS} MB/s`) && review.includes("sha256"), review);
  assert.match(await page.locator("code.digest").innerText(), /^[0-9a-f]{64}\s*$/);
  const sign = page.locator("[data-act=sign]");
  const warnings = page.locator(".warnings input");
  assert.ok((await warnings.count()) > 0, "all agents: that is to be confirmed");
  assert.ok(await sign.isDisabled(), "not before it is confirmed");
  for (const box of await warnings.all()) await box.press("Space");
  await picture(page, "scene-4-review");
  await sign.press("Enter");
  await page.waitForURL(/\/hunts\/[0-9a-f]{8}-[0-9a-f-]+$/);
  hunt = new URL(page.url()).pathname.split("/").pop();
});

step("the state bar adds up whenever it is drawn", async () => {
  const { page } = opened;
  await page.locator(".statebar li").first().waitFor();
  await page.evaluate(() => {
    window.__bars = [];
    const read = () => {
      const bar = document.querySelector(".page .statebar, main .statebar");
      if (!bar) return;
      const numbers = [...bar.querySelectorAll("li")].map((item) => Number(item.querySelector("b")?.textContent.replace(/[^0-9]/g, "")));
      window.__bars.push(numbers);
    };
    read();
    new MutationObserver(read).observe(document.querySelector("#main"), { subtree: true, childList: true, characterData: true });
  });
  await eventually("the agents run it", async () => (await page.evaluate(readBar)).running === fleet.agents.length);
  assertAddsUp(await page.evaluate(readBar), "while it runs");
  await picture(page, "scene-5-hunt");
});

/** Presses the button of a control, reads the review, and signs. */
async function control(page, verb) {
  await page.locator(`[data-act=${verb}]`).press("Enter");
  const dialog = page.getByRole("dialog");
  await dialog.locator(".reviewed").waitFor();
  assert.match(await dialog.innerText(), new RegExp(`${verb}[^]*${hunt.slice(0, 8)}`));
  for (const box of await dialog.locator(".warnings input").all()) await box.check();
  await dialog.locator("[data-act=sign]").press("Enter");
  await dialog.waitFor({ state: "detached" });
}

step("the hunt is paused, says why it stands, and goes on", async () => {
  const { page } = opened;
  const all = fleet.agents.length;
  await control(page, "pause");
  await eventually("every agent has paused", async () => (await page.evaluate(readBar)).paused === all);
  assertAddsUp(await page.evaluate(readBar), "while it is paused");
  await eventually("the page says that it is applied", async () => (await page.locator("[data-held=pause]").innerText()).includes(`applied by ${all} of ${all}`));
  await page.locator("nav.tabs").getByRole("link", { name: "Why" }).click();
  await page.locator(".findings").getByText("It is paused by").waitFor();
  await picture(page, "scene-5b-paused");
  await page.locator("nav.tabs").getByRole("link", { name: "Agents" }).click();
  await control(page, "resume");
  await eventually("every agent goes on", async () => (await page.evaluate(readBar)).running === all);
  assert.equal(await page.locator("[data-held]").count(), 0);
});

step("a new profile while the hunt runs", async () => {
  const { page } = opened;
  const bars = await page.evaluate("window.__bars");
  assert.ok(bars.length > 1, "the bar was drawn");
  for (const numbers of bars) {
    assert.equal(numbers.length, STATES.length + 1);
    assert.equal(numbers.slice(0, -1).reduce((so, n) => so + n, 0), numbers.at(-1), `${numbers}`);
  }
  await page.locator(".actions").getByRole("link", { name: "Profile it" }).click();
  await page.waitForURL(/\/profiles\/new/);
  assert.equal(await page.locator("[data-field=while]").inputValue(), hunt);
  await page.getByRole("button", { name: "Agents by id" }).press("Enter");
  await page.locator("[data-field=agents]").fill(fleet.agents[0].id);
  await page.locator("[data-field=seconds]").fill("10");
  await page.locator("[data-field=hertz]").fill("199");
  await page.locator("[data-act=review]").press("Enter");
  await page.locator(".reviewed").waitFor();
  for (const box of await page.locator(".warnings input").all()) await box.check();
  await page.locator("[data-act=sign]").click();
  await page.waitForURL(/\/profiles\/[0-9a-f]{8}-[0-9a-f-]+/);
  profile = new URL(page.url()).pathname.split("/")[2];
  const states = (await musterJson(["hunt", "show", hunt])).states;
  assert.ok(states.running > 0, `the hunt still runs: ${JSON.stringify(states)}`);
});

step("the flame graph names the digest function", async () => {
  const { page } = opened;
  await page.locator("svg.flame g.frame").first().waitFor({ timeout: LONG });
  const names = () => page.$$eval("svg.flame g.frame", (frames) => frames.map((frame) => frame.dataset.name));
  const found = await names();
  assert.ok(found.some((name) => DIGEST.test(name)), `no digest function among ${found.join(", ")}`);
  await page.getByRole("searchbox", { name: /Search functions/ }).fill("sha2");
  await eventually("the search finds it", async () => /matches/.test(await page.locator("output.matched").innerText()));
  await picture(page, "scene-6-flame");
  await page.locator("nav.tabs").getByRole("link", { name: "Top" }).click();
  const top = page.getByRole("grid", { name: "What cost most" });
  await top.getByRole("row").filter({ hasText: DIGEST }).first().waitFor();
  await picture(page, "scene-7-top");
});

step("source lines show what they cost beside their text", async () => {
  const { page } = opened;
  await page.locator("nav.tabs").getByRole("link", { name: "Lines" }).click();
  const files = page.getByRole("grid", { name: "Source files" });
  await files.getByRole("row").nth(1).waitFor();
  // A file of this repository: its text is in --source.
  await files.getByRole("columnheader", { name: "Total" }).getByRole("button").press("Enter");
  await files.locator("[title*='agent/src/'], [title*='common/']").first().click();
  await eventually("the text stands beside the costs", async () => (await page.locator(".line.costs code").allInnerTexts()).some((text) => text.trim()));
  const lines = await page.$$eval(".line.costs", (all) => all.map((line) => ({ own: line.querySelector(".own").innerText.trim(), total: line.querySelector(".total").innerText.trim(), number: Number(line.dataset.line), text: line.querySelector("code").innerText })));
  const told = lines.find((line) => (line.own || line.total) && line.text.trim());
  assert.ok(told, `no line with a cost and a text: ${JSON.stringify(lines).slice(0, 500)}`);
  assert.match(told.own || told.total, /\d.* (ms|s)$/);
  const title = await page.locator(".linesview .panel.grow h2, .linesview .panel.grow header").first().innerText();
  const path = /\S+\.rs/.exec(title)[0].replace(/^.*?((agent|common|coordinator)\/)/, "$1");
  assert.equal(readFileSync(join(fleet.repo, path), "utf8").split("\n")[told.number - 1].trim(), told.text.trim(), `${path}:${told.number}`);
  await picture(page, "scene-8-lines");
});

step("the hunt ends, and the bar equals `muster hunt show`", async () => {
  const { page } = opened;
  await page.keyboard.press("Escape");
  await page.locator("nav.side").getByRole("link", { name: "Hunts", exact: true }).click();
  await page.locator(`a[href="/hunts/${hunt}"]`).first().click();
  await page.waitForURL(new RegExp(`/hunts/${hunt}`));
  await eventually("all have finished", async () => (await page.evaluate(readBar)).finished === fleet.agents.length, LONG);
  const numbers = await page.evaluate(readBar);
  assertAddsUp(numbers, "at the end");
  const told = await musterJson(["hunt", "show", hunt]);
  assert.deepEqual(numbers, { ...Object.fromEntries(STATES.map((state) => [state, told.states[state]])), targeted: told.targeted });
  await picture(page, "scene-9-ended");
});

step("the rows in the page are those of the independent walk", async () => {
  const { page } = opened;
  await page.locator("nav.tabs").getByRole("link", { name: /^Rows/ }).click();
  const grid = page.getByRole("grid", { name: "Rows" });
  await grid.getByRole("row").nth(1).waitFor();
  const rows = new Map();
  const read = () =>
    grid.evaluate((element) => ({
      rows: [...element.querySelectorAll(".body .row")].map((row) => ({
        key: row.getAttribute("aria-rowindex"),
        path: row.querySelector(".mono")?.title,
        digest: row.querySelector("[title^='sha256 ']")?.title.slice(7),
        agent: decodeURIComponent(row.querySelector("a[href^='/agents/']")?.getAttribute("href").slice(8) ?? ""),
      })),
      isAtEnd: element.scrollTop + element.clientHeight >= element.scrollHeight - 2,
    }));
  await grid.focus();
  await eventually("all rows were shown", async () => {
    const now = await read();
    for (const row of now.rows) rows.set(row.key, row);
    await page.keyboard.press("PageDown");
    assert.ok(now.isAtEnd && rows.size >= expected.size * fleet.agents.length, `${rows.size} rows`);
    return true;
  });
  const wanted = [];
  for (const { id } of fleet.agents) for (const [path, digest] of expected) wanted.push(`${id} ${digest} ${shown(path)}`);
  const found = [...rows.values()].map((row) => `${row.agent} ${row.digest} ${row.path}`);
  const missing = wanted.filter((row) => !found.includes(row));
  const surplus = found.filter((row) => !wanted.includes(row));
  assert.deepEqual({ missing: missing.slice(0, 5), surplus: surplus.slice(0, 5), count: found.length }, { missing: [], surplus: [], count: wanted.length });
  assert.match(await page.locator(".progressing").innerText(), new RegExp(`${wanted.length} rows`));
  await picture(page, "scene-10-rows");
});

step("a row's panel has every field, and all agents with the same content", async () => {
  const { page } = opened;
  await page.keyboard.press("Home");
  await page.keyboard.press("Enter");
  const panel = page.getByRole("complementary", { name: "The row" });
  await panel.waitFor();
  await panel.getByRole("link", { name: /same content|have this content/ }).click();
  await page.waitForURL(/\/who-has/);
  await eventually("both agents have it", async () => {
    const text = await page.locator("#main").innerText();
    return fleet.agents.every(({ id }) => text.includes(id)) || text.includes(`${fleet.agents.length} agents`);
  });
});

step("what the agent sent is listed, and the profile goes on to go tool pprof", async () => {
  const { page } = opened;
  await page.locator("nav.side").getByRole("link", { name: "Agents", exact: true }).click();
  await page.locator(`a[href="/agents/${fleet.agents[0].id}"]`).first().click();
  await page.locator("nav.tabs").getByRole("link", { name: "Uploads" }).click();
  await eventually("the profile is among what it sent", async () => /profile|cpu/i.test(await page.locator(".tab").innerText()) && /[0-9a-f]{8}/.test(await page.locator(".tab").innerText()));
  await page.locator("nav.tabs").getByRole("link", { name: "Profiles" }).click();
  await page.locator(`.tab a[href^="/profiles/${profile}"]`).first().click();
  await page.waitForURL(new RegExp(`/profiles/${profile}`));
  await page.locator("nav.tabs").getByRole("link", { name: "Downloads" }).click();
  const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: /Download pprof/ }).click()]);
  const path = join(scratch("pprof"), "profile.pb.gz");
  await download.saveAs(path);
  assert.match(download.suggestedFilename(), /\.pb\.gz$/);
  const top = await run("go", ["tool", "pprof", "-top", path], { HOME: scratch("home"), PPROF_TMPDIR: scratch("pproftmp") });
  assert.equal(top.code, 0, top.stderr);
  assert.match(top.stdout, DIGEST, top.stdout);
  assert.match(top.stdout, /flat%/);
});

step("every event of the hunt adds up", () => {
  const text = plain(recorder.down).toString("latin1");
  const events = [...text.matchAll(/^event: ?hunt\r?\n(?:id:.*\r?\n)?data: ?(\{.*\})\r?$/gm)].map(([, data]) => JSON.parse(data)).filter((view) => view.id === hunt);
  assert.ok(events.length > 1, `${events.length} events of the hunt went by`);
  let change = -1;
  for (const view of events) {
    const sum = STATES.reduce((so, state) => so + view.states[state], 0);
    assert.equal(sum, view.targeted, JSON.stringify(view.states));
    assert.ok(Number(view.change) >= change, "it never goes back");
    change = Number(view.change);
  }
});

/** Takes the chunks of an answer out of their frames: an event may lie in two of them. */
function plain(pieces) {
  return Buffer.from(Buffer.concat(pieces).toString("latin1").replace(/\r\n[0-9a-f]+\r\n/gi, ""), "latin1");
}

step("neither the token nor a key reached the browser, and the second secret no address", async () => {
  const secret = await opened.page.evaluate("localStorage.getItem('muster-console-secret')");
  const cookie = (await opened.context.cookies())[0].value;
  const bytes = recorder.bytes();
  assert.ok(bytes.length > 100_000 && bytes.includes(secret) && bytes.includes(cookie), "it was recorded");
  const assets = [];
  for (const path of ["/", "/assets/app.js", "/assets/app.css"]) assets.push((await send(console_.port, { path })).body);
  const packed = [];
  for (let at = bytes.indexOf("\x1f\x8b\x08", 0, "latin1"); at >= 0; at = bytes.indexOf("\x1f\x8b\x08", at + 1, "latin1")) {
    try {
      packed.push(gunzipSync(bytes.subarray(at), { finishFlush: 2 }));
    } catch {
      // Not the beginning of anything that is packed.
    }
  }
  const all = Buffer.concat([bytes, plain(recorder.down), ...packed, ...assets.map((text) => Buffer.from(text))]);
  const token = readFileSync(join(fleet.dir, "token"), "utf8").trim();
  assert.ok(token.length > 20);
  const hidden = { token };
  for (const name of ["operator.key", "root.key"]) {
    const text = readFileSync(join(fleet.dir, name), "utf8");
    const seed = /^seed = "([0-9a-f]{64})"/m.exec(text)?.[1] ?? /([0-9a-f]{64})/.exec(text)[1];
    hidden[`${name}`] = seed;
  }
  for (const [name, value] of Object.entries(hidden)) {
    const raw = Buffer.from(value, "hex");
    const forms = [value, value.toUpperCase(), Buffer.from(value).toString("base64"), Buffer.from(value).toString("base64url")];
    if (raw.length === 32) forms.push(raw, raw.toString("base64").replace(/=+$/, ""), raw.toString("base64url"));
    for (const form of forms) assert.equal(all.indexOf(form), -1, `${name} went by`);
  }
  const lines = Buffer.concat(recorder.up).toString("latin1").matchAll(/^(?:GET|POST|DELETE|PUT|HEAD|OPTIONS) (\S+) HTTP/gm);
  for (const url of [...opened.watch.urls, ...[...lines].map(([, path]) => path)]) {
    assert.ok(!url.includes(secret) && !url.includes(cookie), `a secret in ${url}`);
  }
  const command = readFileSync(`/proc/${console_.pid}/cmdline`, "utf8");
  assert.ok(!command.includes(secret) && !console_.text.includes(secret));
});

step("the policy was never violated, and no request left the origin", () => {
  opened.watch.assertClean();
});
