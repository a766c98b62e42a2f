// A hunt while its rows come in: what its page costs the browser, what watchers cost the coordinator, how late events are.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { eventually, fleet, muster, musterJson, sleep } from "../../../tests/console/lib.mjs";
import { ask, median, p95, watch } from "./api.mjs";
import { heap, longTasks } from "./pages.mjs";
import { below, cpu, share } from "./process.mjs";

/** Rows a second of all agents together, which the limit of each hunt keeps. */
const ROWS_PER_S = 5000;
const FOLDER_FILES = 250;

/** Writes small files for agents that each take so many a second for so long. */
function plant(folder, files) {
  for (let n = 0; n < files; n++) {
    if (n % FOLDER_FILES === 0) mkdirSync(join(folder, `d${n / FOLDER_FILES}`), { recursive: true });
    writeFileSync(join(folder, `d${Math.floor(n / FOLDER_FILES)}`, `f${n}`), `content ${n}\n`);
  }
}

/** Launches a hunt of all agents that goes on for so many seconds at a steady pace; returns its id. */
export async function launch(agents, seconds) {
  const each = Math.round(ROWS_PER_S / agents);
  const tree = join(fleet.scratch, `tree-${Date.now()}`);
  plant(tree, each * seconds);
  const words = ["hunt", "launch", "--target", "all", "--root", tree, "--hash", "sha256", "--max-files-per-s", String(each), "--yes", "--output", "json"];
  const launched = await muster(words);
  const { id } = JSON.parse(launched.stdout || `{"error": ${JSON.stringify(launched.stderr)}}`);
  await eventually("rows come in", async () => Number((await musterJson(["hunt", "show", id])).progress.rows) > 0);
  return id;
}

const rows = async (hunt) => Number((await ask(`/hunts/${hunt}`)).document.progress.rows);

/** Measures the coordinator for so many seconds beside some watchers: CPU as a share of a core, rows a second, lateness of events. */
export async function watched(hunt, watchers, seconds) {
  const late = [];
  const heard = (_, data) => late.push(Date.now() - Number(JSON.parse(data).change));
  const ends = Array.from({ length: watchers }, (_, n) => watch(`hunt:${hunt}`, n === 0 ? heard : () => {}));
  await sleep(2000);
  late.length = 0;
  const before = await rows(hunt);
  const began = performance.now();
  const used = await share([fleet.coordinator], () => sleep(seconds * 1000));
  const took = (performance.now() - began) / 1000;
  const came = ((await rows(hunt)) - before) / took;
  for (const end of ends) end();
  late.sort((a, b) => a - b);
  return { used, rows: came, events: late.length / took, late: late.length ? { median: median(late), p95: p95(late), most: late.at(-1) } : undefined };
}

/** Measures the hunt's page for so many seconds. */
export async function shown(context, origin, hunt, seconds) {
  const page = await context.newPage();
  await page.goto(`${origin}/hunts/${hunt}`);
  await page.locator(".statebar").first().waitFor();
  await sleep(5000);
  const first = await heap(page);
  const long = await longTasks(page);
  const pids = below("chrom");
  const before = pids.map(cpu);
  const came = await rows(hunt);
  const began = performance.now();
  await sleep(seconds * 1000);
  const took = (performance.now() - began) / 1000;
  const used = pids.reduce((sum, pid, at) => sum + Math.max(0, cpu(pid) - before[at]), 0) / took;
  const result = { used, rows: ((await rows(hunt)) - came) / took, ...(await long()), heap: [first, await heap(page)], seconds: took };
  await page.close();
  return result;
}
