// Streams that break: many tabs, a coordinator that restarts, cuts at any byte, a console that is started again. Nothing is doubled,
// nothing is missing, and the page says what to do.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { closeSync, ftruncateSync, openSync, writeFileSync } from "node:fs";
import http from "node:http";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Console, eventually, fleet, LONG, muster, musterJson, openSession, scratch, serve, startBrowser, stopConsoles } from "./lib.mjs";

const STATES = ["silent", "seen", "queued", "running", "paused", "finishing", "finished", "failed", "cancelled", "declined", "expired", "incomplete"];
const MBPS = 20;

let console_;
let browser;
let coordinator;

before(async () => {
  console_ = await Console.start();
  browser = await startBrowser();
});
after(async () => {
  await browser?.close();
  await stopConsoles();
  coordinator?.kill("SIGKILL");
});

/** Launches a hunt that takes so many seconds on each agent; returns its id. */
async function launch(seconds, files = 20) {
  const folder = scratch("stream");
  for (let n = 0; n < files; n++) writeFileSync(join(folder, `f${n}`), `content ${n}`);
  const big = openSync(join(folder, "zz-big"), "w");
  ftruncateSync(big, MBPS * 1e6 * seconds);
  closeSync(big);
  const ended = await muster(["hunt", "launch", "--root", folder, "--max-mbps", String(MBPS), "--output", "json"]);
  assert.ok(ended.stdout, ended.stderr);
  return { hunt: JSON.parse(ended.stdout).id, files: files + 1 };
}

function readBar(page) {
  return page.evaluate(() => {
    const numbers = {};
    for (const item of document.querySelectorAll(".statebar li")) {
      const number = Number(item.querySelector("b")?.textContent.replace(/[^0-9]/g, ""));
      if (item.classList.contains("sum")) numbers.targeted = number;
      else numbers[item.querySelector(".state").innerText.trim()] = number;
    }
    return numbers;
  });
}

/** The bar of the page is what the command line says, the rows are there once, each agent once. */
async function assertCaughtUp(page, { hunt, files }) {
  const told = await eventually("the hunt ends", async () => {
    const shown = await musterJson(["hunt", "show", hunt]);
    return shown.done ? shown : undefined;
  });
  const wanted = { ...Object.fromEntries(STATES.map((state) => [state, told.states[state]])), targeted: told.targeted };
  await eventually("the page has caught up", async () => {
    assert.deepEqual(await readBar(page), wanted);
    return true;
  });
  // "How it goes" is asked for once more at the end: what it had before lacks the last parts.
  await eventually("the curve has the end", async () => {
    const said = await page.locator(".plot[aria-label*='finished']").getAttribute("aria-label");
    return said.includes(`finished ${told.states.finished},`);
  }, 3000);
  const agents = await page.$$eval("[role=grid][aria-label^='Agents'] .body .row a[href^='/agents/']", (links) => links.map((link) => link.getAttribute("href")));
  assert.deepEqual([...new Set(agents)].sort(), [...agents].sort(), "each agent once");
  assert.equal(new Set(agents).size, fleet.agents.length, "and all of them");
  await page.locator("nav.tabs").getByRole("link", { name: /^Rows/ }).click();
  await eventually("all rows, none twice", async () => {
    const rows = await page.$$eval("[role=grid][aria-label=Rows] .body .row", (all) => all.map((row) => `${row.querySelector("a[href^='/agents/']")?.getAttribute("href")} ${row.querySelector(".mono")?.title}`));
    assert.equal(new Set(rows).size, rows.length, "none twice");
    const { total } = await page.evaluate(() => ({ total: Number(document.querySelector("[role=grid][aria-label=Rows]").getAttribute("aria-rowcount")) }));
    assert.equal(total, files * fleet.agents.length + 1, "none missing");
    return true;
  });
}

const linkState = (page) => page.evaluate(() => document.querySelector("[data-link]")?.dataset.link ?? (document.querySelector(".notlive") ? "broken" : "none"));

/** As a browser does it with a tab that is not in front: the automation shows all of them. */
const hideable = () => {
  let isHidden = false;
  Object.defineProperty(Document.prototype, "hidden", { get: () => isHidden });
  Object.defineProperty(Document.prototype, "visibilityState", { get: () => (isHidden ? "hidden" : "visible") });
  window.__hide = (hide) => {
    isHidden = hide;
    document.dispatchEvent(new Event("visibilitychange"));
  };
};

test("eight tabs: the hidden ones hold no stream, and the last one loads", async () => {
  const { context, page, watch } = await openSession(browser, console_);
  await context.addInitScript(hideable);
  const tabs = [page];
  await page.reload();
  for (let n = 0; n < 7; n++) {
    await eventually(`tab ${n + 1} is live`, async () => (await linkState(tabs.at(-1))) === "live");
    await tabs.at(-1).evaluate("__hide(true)");
    const tab = await context.newPage();
    await tab.goto(`${console_.origin}/${["agents", "hunts", "profiles", "", "agents", "hunts", ""][n]}`);
    await tab.locator("h1").first().waitFor();
    tabs.push(tab);
  }
  await eventually("the last one is live", async () => (await linkState(tabs.at(-1))) === "live");
  // Coming back, the first one goes on.
  await tabs.at(-1).evaluate("__hide(true)");
  await page.evaluate("__hide(false)");
  await eventually("the first one is live again", async () => (await linkState(page)) === "live");
  watch.assertClean();
  await context.close();
});

test("eight windows side by side: each of them loads and has its figures", async () => {
  const { context, page, watch } = await openSession(browser, console_);
  const windows = [page];
  for (let n = 0; n < 7; n++) {
    const next = await context.newPage();
    await next.goto(`${console_.origin}/agents`);
    windows.push(next);
  }
  for (const [n, one] of windows.entries()) {
    await eventually(`window ${n + 1} shows figures`, async () => (await one.locator(".row").count()) >= (n === 0 ? 1 : fleet.agents.length));
  }
  watch.assertClean();
  await context.close();
});

test("the coordinator is killed and started again while a hunt's page is open", async () => {
  const { context, page, watch } = await openSession(browser, console_);
  const one = await launch(12);
  await page.goto(`${console_.origin}/hunts/${one.hunt}`);
  await eventually("it runs", async () => (await readBar(page)).running === fleet.agents.length);
  process.kill(coordinator?.pid ?? fleet.coordinator, "SIGKILL");
  await eventually("the page says since when it is not live", async () => /Not live since \d\d:\d\d:\d\d/.test(await page.locator(".notlive").innerText()));
  assert.equal((await readBar(page)).targeted, fleet.agents.length, "the figures of before stay");
  coordinator = spawn(join(fleet.bin, "muster"), ["serve"], { env: { ...process.env, MUSTER_DIR: fleet.dir, MUSTER_URL: fleet.url }, stdio: "ignore" });
  await eventually("the page is live again", async () => (await linkState(page)) === "live", LONG);
  await assertCaughtUp(page, one);
  watch.assertClean();
  await context.close();
});

test("a stream that is cut at any byte loses and doubles nothing", async () => {
  // Stands between console and coordinator, and cuts each event stream a little later than the one before.
  let cuts = 0;
  const target = new URL(fleet.url);
  const proxy = await serve((request, response) => {
    const isStream = request.url.startsWith("/api/v1/events");
    const onward = http.request({ host: target.hostname, port: target.port, method: request.method, path: request.url, headers: { ...request.headers, host: target.host } }, (answer) => {
      response.writeHead(answer.statusCode, answer.headers);
      let left = isStream && cuts < 20 ? 1 + cuts * 61 : Number.POSITIVE_INFINITY;
      answer.on("data", (piece) => {
        response.write(piece.subarray(0, Math.min(piece.length, left)));
        left -= piece.length;
        if (left <= 0) {
          cuts++;
          setTimeout(() => response.destroy(), 5);
          onward.destroy();
        }
      });
      answer.on("end", () => response.end());
      answer.on("error", () => response.destroy());
    });
    onward.on("error", () => response.destroy());
    response.on("close", () => onward.destroy());
    request.pipe(onward);
  });
  const between = await Console.start({ url: proxy.origin });
  const { context, page, watch } = await openSession(browser, between);
  const one = await launch(15);
  await page.goto(`${between.origin}/hunts/${one.hunt}`);
  await eventually("it was cut often", () => cuts >= 8, LONG);
  await assertCaughtUp(page, one);
  watch.assertClean();
  await context.close();
  await between.stop();
  await proxy.stop();
});

test("the console is started again: the page says how to get a new code, and what was typed is kept", async () => {
  const first = await Console.start();
  const { context, page, watch } = await openSession(browser, first);
  await page.goto(`${first.origin}/hunts/new`);
  await page.locator("[data-field=root]").fill("/srv/typed");
  await page.locator("[data-field=max_mbps]").fill("7");
  const { port, origin } = first;
  await first.stop();
  const second = await Console.start({ port });
  assert.equal(second.origin, origin);
  // The open page asks the new console by itself: where it was told first that its session is over, the next page only asks for a code.
  await page.goto(`${origin}/hunts/new`);
  await page.getByText(/^(The session is over|This page needs a code)$/).waitFor();
  const says = await page.locator("main").innerText();
  assert.match(says, /press Enter/);
  assert.match(says, /muster console/);
  const code = await second.newCode();
  await page.goto(`${origin}/hunts/new#${code}`);
  await page.locator("[data-field=root]").waitFor();
  assert.equal(await page.locator("[data-field=root]").inputValue(), "/srv/typed");
  assert.equal(await page.locator("[data-field=max_mbps]").inputValue(), "7");
  watch.assertClean();
  await context.close();
  await second.stop();
});

test("a console that goes away under an open page is said so", async () => {
  const first = await Console.start();
  const { context, page } = await openSession(browser, first);
  await page.goto(`${first.origin}/agents`);
  await eventually("it is live", async () => (await linkState(page)) === "live");
  await first.stop();
  await eventually("the page says that it is not live", async () => /Not live since/.test(await page.locator(".notlive").innerText()));
  const second = await Console.start({ port: first.port });
  // The session ended with the console: the next thing that is asked for says so.
  await eventually("the page says how to get a new code", async () => /session is over/i.test(await page.locator("body").innerText()), LONG);
  await context.close();
  await second.stop();
});
