// Every page of a fleet of 10,000 agents at 1,280 × 720: few nodes, no sideways scrolling, no error,
// nothing that the policy refuses, no command that `muster` does not know, and a picture of each in
// target/console.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Console, fleet, musterJson, NODES_MAX, openSession, picture, run, shape, startBrowser, stopConsoles } from "./lib.mjs";

let console_;
let browser;
let opened;

before(async () => {
  console_ = await Console.start({ args: ["--source", fleet.repo] });
  browser = await startBrowser();
  opened = await openSession(browser, console_);
});
after(async () => {
  await browser?.close();
  await stopConsoles();
});

/** A table; words that name a page's controls do not count where only it is looked at. */
const TABLE = "#main [role=grid]";

/** Addresses by name, a text of the fleet that each must show, and where. */
async function pages() {
  const hunts = await musterJson(["hunt", "list"]);
  const most = (of) => hunts.reduce((a, b) => (Number(of(b)) > Number(of(a)) ? b : a)).id;
  const rows = most((hunt) => hunt.rows);
  const open = most((hunt) => hunt.states.running);
  const [profile] = await musterJson(["profile", "list"]);
  const { agents } = await musterJson(["profile", "show", profile.id]);
  const agent = agents[0].agent;
  const of = `/profiles/${profile.id}/${agent}`;
  return {
    overview: ["/", "10,000"],
    agents: ["/agents", "10,000"],
    "agents-filtered": ["/agents?target=label:role=db&q=fra&sort=-cpu", ".fra.example.net"],
    "agents-nobody": ["/agents?target=os:plan9", "No agent"],
    agent: [`/agents/${agent}`, agent],
    "agent-hunts": [`/agents/${agent}?tab=hunts`, "/srv/www"],
    "agent-profiles": [`/agents/${agent}?tab=profiles`, "cpu", TABLE],
    "agent-uploads": [`/agents/${agent}?tab=uploads`, "cpu", TABLE],
    "agent-raw": [`/agents/${agent}?tab=raw`, "x86_64", "#main pre"],
    hunts: ["/hunts", "/srv/www"],
    hunt: [`/hunts/${open}`, "10,000"],
    "hunt-running": [`/hunts/${open}?state=running`, "running", TABLE],
    "hunt-costs": [`/hunts/${open}?tab=costs`, "p99"],
    "hunt-why": [`/hunts/${open}?tab=why`, "hunt why"],
    "hunt-request": [`/hunts/${open}?tab=request`, "file_hash"],
    "hunt-audit": [`/hunts/${open}?tab=audit`, "request", TABLE],
    "hunt-rows": [`/hunts/${rows}?tab=rows`, "file-0000"],
    "hunt-rows-denied": [`/hunts/${rows}?tab=rows&status=denied`, "denied", TABLE],
    "hunt-errors": [`/hunts/${rows}?tab=errors`, "EACCES"],
    "hunt-new": ["/hunts/new?target=all", "10,000"],
    profiles: ["/profiles", "cpu", TABLE],
    profile: [`/profiles/${profile.id}`, agent],
    "profile-flame": [of, "muster-agent"],
    "profile-top": [`${of}?tab=top`, "muster-agent"],
    "profile-tree": [`${of}?tab=tree`, "muster-agent"],
    "profile-calls": [`${of}?tab=calls`, "muster-agent"],
    "profile-merge": [`/profiles/merge?of=${profile.id}`, "muster-agent"],
    "who-has": [`/who-has?hash=${"0".repeat(15)}1${"0".repeat(48)}`, "file-0"],
    health: ["/health", "dead_letters"],
    audit: ["/audit", "100,0"],
  };
}

/** Runs a command line only as far as its words are read: help is its last one. */
function reads(line) {
  return run("sh", ["-c", `${line} --help`], { PATH: `${fleet.bin}:${process.env.PATH}` });
}

test("every page of 10,000 agents", { timeout: 180_000 }, async () => {
  const { page, watch } = opened;
  const wrong = [];
  const commands = new Set();
  for (const [name, [path, text, where]] of Object.entries(await pages())) {
    await page.goto(console_.origin + path, { waitUntil: "domcontentloaded" });
    await page.locator("#main").waitFor();
    const shown = page.locator(where ?? "#main").getByText(text).first();
    await shown.waitFor({ state: "attached", timeout: 15_000 }).catch(() => wrong.push(`${name}: ${text} is not shown`));
    await watch.settled(150, 4000);
    const { nodes, wide } = await shape(page);
    if (nodes > NODES_MAX) wrong.push(`${name}: ${nodes} nodes`);
    if (wide) wrong.push(`${name}: scrolls sideways`);
    for (const said of await page.locator(".errorbox").allTextContents()) wrong.push(`${name}: ${said}`);
    for (const line of await page.locator(".command code").allTextContents()) commands.add(line);
    // What a tab shows is below what all tabs share.
    if (path.includes("tab=")) await page.evaluate(() => document.querySelector("nav.tabs")?.scrollIntoView());
    await picture(page, `big-${name}`);
  }
  for (const line of commands) {
    const { code, stderr } = await reads(line);
    if (code !== 0) wrong.push(`${line}: ${stderr.split("\n")[0]}`);
  }
  assert.deepEqual(wrong, []);
  assert.ok(commands.size > 20, "pages show the commands that do the same");
  watch.assertClean();
});
