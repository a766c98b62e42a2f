// Measures the console on a fleet whose store is filled: measure.mjs PART…, with the fleet in MUSTER_CONSOLE_FLEET (see tests/console).
//
// Prints rows of a Markdown table: what, goal, measured. Times are medians, or what 95 of 100 are below where the goal says p95.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Console, eventually, fleet, musterJson, openSession, sleep, startBrowser, stopConsoles } from "../../../tests/console/lib.mjs";
import { ANSWER_MS, ask, hangUp, median, p95, times, whole } from "./api.mjs";
import { launch, shown, watched } from "./live.mjs";
import { answers, flame, opening, typing } from "./pages.mjs";
import { load, memory, share } from "./process.mjs";

const RUNS = 5;
/** So many for a p95. */
const MANY = 20;
const quick = process.env.MUSTER_BENCH_QUICK === "1";
/** How long what has no end is looked at. */
const SECONDS = quick ? 10 : 30;
const WATCHERS = 20;
/** Longer than the coordinator keeps an overview for the next question. */
const KEPT_MS = 1100;

const ms = (figure) => `${figure.toFixed(figure < 10 ? 1 : 0)} ms`;
const percent = (share) => `${(100 * share).toFixed(1)} %`;
const mb = (bytes) => `${(bytes / 1e6).toFixed(1)} MB`;
const row = (what, goal, measured) => console.log(`| ${what} | ${goal} | ${measured} |`);
/** Memory of a process, for a row. */
function held(pid) {
  const { resident, own } = memory(pid);
  return `${mb(resident)} RSS, ${mb(own)} of it anonymous`;
}
const both = (sorted) => `${ms(median(sorted))}, p95 ${ms(p95(sorted))}`;

/** Ids that the parts ask for. */
async function ids() {
  const hunts = await musterJson(["hunt", "list"]);
  const most = (of) => hunts.reduce((a, b) => (Number(of(b)) > Number(of(a)) ? b : a)).id;
  const [profile] = await musterJson(["profile", "list"]);
  const { agents } = await musterJson(["profile", "show", profile.id]);
  return { rows: most((hunt) => hunt.rows), profile: profile.id, agent: agents[0].agent };
}

/** Starts the coordinator again; returns when it answers. */
async function restart() {
  hangUp();
  const compose = join(fleet.repo, "compose/fleet");
  for (const verb of ["stop", "start"]) execFileSync(compose, [verb, "coordinator", "--dir", fleet.scratch], { stdio: "ignore" });
  fleet.coordinator = Number(readFileSync(join(fleet.scratch, "run/coordinator.pid"), "utf8").split(" ")[0]);
}

async function browsing(task) {
  const console_ = await Console.start();
  const browser = await startBrowser();
  try {
    await task({ ...(await openSession(browser, console_)), origin: console_.origin, console_, browser });
  } finally {
    await browser.close();
    await stopConsoles();
  }
}

const parts = {
  async lists() {
    const first = { overview: [], hunts: [] };
    for (let run = 0; run < (quick ? 1 : 3); run++) {
      await restart();
      first.overview.push((await ask("/overview")).took);
      await restart();
      first.hunts.push((await ask("/hunts")).took);
    }
    for (const [name, took] of Object.entries(first)) row(`\`/${name}\`, first after a start`, "≤ 2 s", ms(median(took.sort((a, b) => a - b))));
    row("`/overview`, made again for each question", "≤ 50 ms", both(await times("/overview", MANY, { pause: KEPT_MS })));
    row("`/overview`, within a second of another question", "≤ 50 ms", both(await times("/overview", MANY)));
    row("`/hunts`, a page of 100", "≤ 100 ms", both(await times("/hunts", MANY)));
    row("`/hunts` by CPU", "≤ 100 ms", both(await times("/hunts?sort=-cpu_ms", MANY)));
    row("`/agents`, a page of 100 with facets", "≤ 20 ms", both(await times("/agents?facets=1", MANY)));
    row("`/agents?q=web-01`, with facets", "≤ 20 ms", both(await times("/agents?q=web-01&facets=1", MANY)));
    row("`/agents?target=…` of three terms, with facets", "≤ 20 ms", both(await times(`/agents?facets=1&target=${encodeURIComponent("label:role=db and not label:site=fra and version:0.1.0")}`, MANY)));
    for (const expr of ["all", "label:role=web and not label:site=fra"]) row(`preview of \`${expr}\``, "≤ 30 ms", both(await times("/targets/preview", MANY, { body: { expr } })));
  },

  async pages() {
    await browsing(async ({ context, page, origin }) => {
      const overview = await opening(context, `${origin}/`, "#main .statebar", RUNS);
      row("first paint", "≤ 0.5 s", ms(median(overview.paint)));
      row("overview with data", "≤ 0.8 s", ms(median(overview.data)));
      await page.goto(`${origin}/agents`);
      await page.locator("[role=row]").nth(5).waitFor();
      const texts = Array.from({ length: MANY }, (_, n) => (n % 2 ? `r${String(n).padStart(2, "0")}` : `web-0${n * 13}`));
      const took = await typing(page, "#main .toolbar > input[type=search]", texts, "#main h1 + .num");
      row("`/agents` filter, key to drawn", "≤ 100 ms p95", both(took));
      row("of it the answer, through the console", "–", both(await answers(page, "/api/v1/agents?")));
    });
  },

  async rows() {
    const { rows, agent } = await ids();
    const of = `/hunts/${rows}/rows?limit=100`;
    const total = Number((await ask(of)).document.total).toLocaleString("en");
    row(`${total} rows: a page in walk order`, "≤ 50 ms", both(await times(of, MANY)));
    const filters = { "`status=denied`": "status=denied", "`errno=5`": "errno=5", "`match=yes`": "match=yes", "one agent": `agent=${agent}`, "path `/root/.ssh/**`": `path=${encodeURIComponent("/root/.ssh/**")}` };
    for (const [name, filter] of Object.entries(filters)) row(`the same by ${name}`, "≤ 200 ms p95", both(await times(`${of}&${filter}`, MANY)));
    // No row has it, and nothing but the rows themselves says so.
    const began = performance.now();
    const took = (await whole(`${of}&uid=4242`)).sort((a, b) => a - b);
    row("any other filter: one answer", "≤ 200 ms", `${both(took)}, most ${ms(took.at(-1))}`);
    row("any other filter: all looked through", "≤ 6 s", `${((performance.now() - began) / 1000).toFixed(1)} s in ${took.length} answers`);
    const absent = ask(`/who-has?hash=${"ab".repeat(32)}`).then(
      (answer) => ms(answer.took),
      (error) => (error.name === "AbortError" || error.name === "TimeoutError" ? `no answer in ${ANSWER_MS / 1000} s` : Promise.reject(error)),
    );
    row("`who-has` of an absent digest", "≤ 200 ms", await absent);
  },

  async flame() {
    const { profile, agent } = await ids();
    await browsing(async ({ context, page, origin }) => {
      const address = `${origin}/profiles/${profile}/${agent}`;
      const took = await flame(context, address, RUNS);
      const frames = (await ask(`/profiles/${profile}/${agent}/flame.json`)).document.nodes.length / 6;
      row(`flame graph of ${frames.toLocaleString("en")} frames, drawn`, "≤ 300 ms", ms(median(took)));
      await page.goto(address);
      await page.locator("g.frame").first().waitFor();
      const texts = Array.from({ length: MANY }, (_, n) => `+0x${(n + 16).toString(16)}`);
      row("its search", "≤ 50 ms", both(await typing(page, ".flamesearch", texts, "output.matched")));
    });
  },

  async idle() {
    const console_ = await Console.start();
    await sleep(2000);
    let used = await share([console_.pid], () => sleep(SECONDS * 1000));
    row("`muster console`, idle", "≤ 20 MB RSS, 0 %", `${held(console_.pid)}, ${percent(used)}`);
    const browser = await startBrowser();
    const { page } = await openSession(browser, console_);
    await page.locator("#main .statebar").waitFor();
    await sleep(2000);
    used = await share([console_.pid], () => sleep(SECONDS * 1000));
    row("`muster console`, the overview open", "≤ 20 MB RSS, ≤ 1 %", `${held(console_.pid)}, ${percent(used)}`);
    await browser.close();
    await stopConsoles();
  },

  async live() {
    const agents = (await musterJson(["agents", "list", "--search", "agent-"])).length;
    const hunt = await launch(agents, SECONDS * 12);
    await browsing(async ({ context, page, origin }) => {
      await page.close();
      const one = await shown(context, origin, hunt, SECONDS * 2);
      const pace = `${Math.round(one.rows).toLocaleString("en")} rows/s`;
      row(`hunt page at ${pace}, browser`, "≤ 15 % of a core", percent(one.used));
      row("tasks of more than 50 ms", "none", `${one.count} in ${one.seconds.toFixed(0)} s, longest ${ms(one.longest)}`);
      row(`its heap, over ${one.seconds.toFixed(0)} s`, "flat", one.heap.map(mb).join(" → "));
    });
    const figures = [];
    for (const watchers of [0, 1, WATCHERS, 0]) figures.push(await watched(hunt, watchers, SECONDS));
    const without = (figures[0].used + figures[3].used) / 2;
    const cost = (of, watchers) => `${ms((1000 * (of.used - without)) / watchers)} a second (${percent(of.used)} against ${percent(without)} of a core)`;
    const { late } = figures[1];
    row("event after the commit", "≤ 1 s", late ? `${ms(late.median)}, p95 ${ms(late.p95)}, most ${ms(late.most)}` : "no event");
    row("one watcher costs the coordinator", "≤ 2 ms CPU a second", cost(figures[1], 1));
    row(`each of ${WATCHERS}`, "≤ 2 ms CPU a second", cost(figures[2], WATCHERS));
    row(`ingest without, with 1, with ${WATCHERS}, without`, "unchanged", `${figures.map((one) => Math.round(one.rows).toLocaleString("en")).join(", ")} rows/s`);
    await eventually("the hunt is cancelled", async () => musterJson(["hunt", "cancel", hunt]));
  },
};

for (const name of process.argv.slice(2)) {
  console.error(`${name}: the load is ${load()}`);
  await parts[name]();
}
