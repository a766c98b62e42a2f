// Takes the pictures of docs/console.md: shots.mjs LINE FOLDER AGENT HUNT ENDED PROFILE, where LINE is what muster console printed.

import { mkdtempSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";

const { chromium } = createRequire(import.meta.url)("playwright-core");
const [line, folder, agent, hunt, ended, profile] = process.argv.slice(2);
const origin = new URL(line).origin;

const pages = [
  ["overview", "/", ".statebar"],
  ["agents", "/agents", "[role=row]"],
  ["agent", `/agents/${agent}?span=15m`, ".uplot"],
  ["hunt", `/hunts/${hunt}`, ".statebar"],
  ["rows", `/hunts/${ended}?tab=rows`, "[role=row]"],
  ["new-hunt", "/hunts/new?target=all", "form"],
  ["flame", `/profiles/${profile}/${agent}`, ".frame"],
  ["calls", `/profiles/${profile}/${agent}?tab=calls`, "svg"],
];

const browser = await chromium.launchPersistentContext(mkdtempSync(join(tmpdir(), "shots-")), {
  executablePath: "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-background-networking", "--disable-component-update"],
  viewport: { width: 1280, height: 800 },
});
const page = await browser.newPage();
await page.goto(line);
await page.waitForSelector("nav");
for (const theme of ["light", "dark"]) {
  await page.emulateMedia({ colorScheme: theme });
  for (const [name, path, ready] of pages) {
    await page.goto(origin + path);
    await page.waitForSelector(ready);
    await page.waitForTimeout(2_500);
    await page.screenshot({ path: join(folder, `console-${name}-${theme}.png`) });
    console.log(`${name}, ${theme}`);
  }
}
await browser.close();
