// Every page in both themes: no violation of WCAG 2.2 A and AA, no horizontal scrolling at 1,280 × 720, few nodes, and a picture of each
// in target/console.
import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { axeText, Console, eventually, fleet, muster, musterJson, NODES_MAX, openSession, picture, scratch, shape, startBrowser, stopConsoles } from "./lib.mjs";

const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa"];

let console_;
let browser;
let opened;
let state;
let hunt;
let profile;
let pages;

before(async () => {
  const folder = scratch("axe");
  for (let n = 0; n < 40; n++) {
    mkdirSync(join(folder, `d${n % 5}`), { recursive: true });
    writeFileSync(join(folder, `d${n % 5}`, `file-${n}.txt`), `content ${n}`);
  }
  const launched = JSON.parse((await muster(["hunt", "launch", "--root", folder, "--root", "/nowhere", "--output", "json"])).stdout);
  hunt = launched.id;
  await eventually("the hunt ends", async () => (await musterJson(["hunt", "show", hunt])).done);
  const words = ["profile", "take", "--agent", fleet.agents[0].id, "--kind", "cpu,wall,heap,tasks,metrics,logs", "--seconds", "2", "--output", "json"];
  const taken = await muster(words);
  assert.ok(taken.stdout, `${taken.code} ${taken.stderr}`);
  profile = JSON.parse(taken.stdout).id;
  await muster(["profile", "take", "--agent", fleet.agents[0].id, "--seconds", "1"]);
  console_ = await Console.start({ args: ["--source", fleet.repo] });
  browser = await startBrowser();
  opened = await openSession(browser, console_);
  state = await opened.context.storageState();
  const [agent] = fleet.agents;
  const of = `/profiles/${profile}/${agent.id}`;
  pages = {
    overview: "/",
    agents: "/agents",
    "agents-filtered": "/agents?target=os:linux&state=live",
    "agents-wrong": "/agents?target=os:",
    agent: `/agents/${agent.id}`,
    "agent-hunts": `/agents/${agent.id}?tab=hunts`,
    "agent-profiles": `/agents/${agent.id}?tab=profiles`,
    "agent-uploads": `/agents/${agent.id}?tab=uploads`,
    "agent-capabilities": `/agents/${agent.id}?tab=capabilities`,
    "agent-raw": `/agents/${agent.id}?tab=raw`,
    "agent-none": "/agents/nobody",
    hunts: "/hunts",
    "hunts-none": "/hunts?q=nothing-like-this",
    hunt: `/hunts/${hunt}`,
    "hunt-rows": `/hunts/${hunt}?tab=rows`,
    "hunt-rows-filtered": `/hunts/${hunt}?tab=rows&status=denied`,
    "hunt-errors": `/hunts/${hunt}?tab=errors`,
    "hunt-costs": `/hunts/${hunt}?tab=costs`,
    "hunt-why": `/hunts/${hunt}?tab=why`,
    "hunt-files": `/hunts/${hunt}?tab=files`,
    "hunt-profiles": `/hunts/${hunt}?tab=profiles`,
    "hunt-request": `/hunts/${hunt}?tab=request`,
    "hunt-audit": `/hunts/${hunt}?tab=audit`,
    "hunt-new": "/hunts/new",
    "hunt-copy": `/hunts/new?from=${hunt}`,
    profiles: "/profiles",
    profile: `/profiles/${profile}`,
    "profile-new": `/profiles/new?agent=${agent.id}`,
    "profile-flame": of,
    "profile-around": `${of}?around=1`,
    "profile-top": `${of}?tab=top`,
    "profile-tree": `${of}?tab=tree`,
    "profile-calls": `${of}?tab=calls`,
    "profile-lines": `${of}?tab=lines`,
    "profile-downloads": `${of}?tab=downloads`,
    "profile-heap": `${of}?kind=heap`,
    "profile-tasks": `${of}?kind=tasks`,
    "profile-metrics": `${of}?kind=metrics`,
    "profile-logs": `${of}?kind=logs`,
    "profile-merge": `/profiles/merge?of=${profile}`,
    "profile-compare": `/profiles/compare?before=${profile}&of=${profile}`,
    "who-has": "/who-has",
    "who-has-found": `/who-has?hash=${"0".repeat(64)}`,
    health: "/health",
    audit: "/audit",
    nowhere: "/no/such/page",
  };
});
after(async () => {
  await browser?.close();
  await stopConsoles();
});

/** Runs axe in the page; its text comes in by the debugger, for the policy stays on. */
async function violations(page) {
  await page.evaluate(axeText());
  const found = await page.evaluate((rules) => window.axe.run(document, { runOnly: rules }), RULES);
  return found.violations.flatMap((one) =>
    one.nodes.map((node) => `${one.id}: ${node.target.join(" ")}: ${node.html.slice(0, 160)}: ${[...node.any, ...node.all, ...node.none].map((each) => each.message).join("; ").slice(0, 200)}`),
  );
}

/** Facts of a page that hold for each. */
function facts() {
  const isShown = (element) => element.checkVisibility() && !element.closest("[aria-hidden=true], [inert]");
  const controls = [...document.querySelectorAll("a[href], button, input, select, textarea, summary, [role=grid], [role=application]")];
  return {
    unreachable: controls.filter((one) => isShown(one) && !one.disabled && one.tabIndex < 0).map((one) => one.outerHTML.slice(0, 120)),
    hasHeading: document.querySelectorAll("h1").length,
    title: document.title,
  };
}

for (const theme of ["light", "dark"]) {
  test(`every page, ${theme}`, { timeout: 240_000 }, async () => {
    const context = await browser.newContext({ viewport: { width: 1280, height: 720 }, colorScheme: theme, storageState: stateOf(theme) });
    const { Watch } = await import("./lib.mjs");
    const watch = await Watch.on(context, console_.origin);
    const page = await context.newPage();
    const wrong = [];
    for (const [name, path] of Object.entries(pages)) {
      await page.goto(console_.origin + path, { waitUntil: "domcontentloaded" });
      await page.locator("#main").waitFor();
      await watch.settled(250, 4000);
      assert.equal(await page.evaluate("document.documentElement.dataset.theme"), theme);
      const found = await page.evaluate(facts);
      const { nodes, wide } = await shape(page);
      if (nodes > NODES_MAX) wrong.push(`${name}: ${nodes} nodes`);
      if (wide) wrong.push(`${name}: scrolls sideways`);
      if (found.hasHeading !== 1) wrong.push(`${name}: ${found.hasHeading} first headings`);
      for (const one of found.unreachable) wrong.push(`${name}: not by the keyboard: ${one}`);
      for (const one of await violations(page)) wrong.push(`${name}: ${one}`);
      await picture(page, `${name}-${theme}`);
    }
    assert.deepEqual([...new Set(wrong)], [], `${wrong.length} findings`);
    watch.assertClean();
    await context.close();
  });
}

function stateOf(theme) {
  const kept = structuredClone(state);
  for (const origin of kept.origins) {
    origin.localStorage = origin.localStorage.filter(({ name }) => name !== "muster-theme");
    origin.localStorage.push({ name: "muster-theme", value: theme });
  }
  return kept;
}

test("dialogs, the review and the page without a session", async () => {
  const { page, watch } = opened;
  const wrong = [];
  const look = async (name) => {
    for (const one of await violations(page)) wrong.push(`${name}: ${one}`);
    await picture(page, `${name}-light`);
  };
  await page.goto(`${console_.origin}/`);
  await watch.settled();
  await page.keyboard.press("?");
  await page.locator("dialog.keys[open]").waitFor();
  await look("keys");
  await page.keyboard.press("Escape");
  await page.keyboard.press("/");
  await page.keyboard.type("agent");
  await watch.settled();
  await look("search");
  await page.keyboard.press("Escape");
  await page.goto(`${console_.origin}/hunts/new`);
  await page.locator("[data-field=root]").fill("/etc");
  await page.locator("[data-act=review]").press("Enter");
  await page.locator(".reviewed").waitFor();
  await look("review");
  await page.goto(`${console_.origin}/hunts/new`);
  await page.locator("[data-field=root]").fill("relative");
  await page.locator("[data-act=review]").press("Enter");
  await page.locator(".fielderror, .errorbox").first().waitFor();
  await look("review-refused");
  const stranger = await browser.newContext({ viewport: { width: 1280, height: 720 } });
  const gate = await stranger.newPage();
  await gate.goto(`${console_.origin}/`);
  await gate.getByText("needs a code").waitFor();
  for (const one of await violations(gate)) wrong.push(`gate: ${one}`);
  await picture(gate, "gate-light");
  await stranger.close();
  assert.deepEqual(wrong, []);
  watch.assertClean();
});

test("at 200 % zoom and with reduced motion nothing scrolls sideways or moves", async () => {
  const context = await browser.newContext({ viewport: { width: 640, height: 360 }, deviceScaleFactor: 2, reducedMotion: "reduce", storageState: state });
  const { Watch } = await import("./lib.mjs");
  const watch = await Watch.on(context, console_.origin);
  const page = await context.newPage();
  const wrong = [];
  for (const name of ["overview", "agents", "agent", "hunts", "hunt", "hunt-rows", "hunt-new", "profile-flame", "profile-top", "health", "audit"]) {
    await page.goto(console_.origin + pages[name], { waitUntil: "domcontentloaded" });
    await page.locator("#main").waitFor();
    await watch.settled(250, 4000);
    if (await page.evaluate("document.documentElement.scrollWidth > innerWidth")) wrong.push(`${name} scrolls sideways`);
    const moving = await page.evaluate(() => document.getAnimations().filter((one) => one.playState === "running" && one.effect.getComputedTiming().duration > 20).length);
    if (moving > 0) wrong.push(`${name}: ${moving} animations`);
  }
  assert.deepEqual(wrong, []);
  await context.close();
});
