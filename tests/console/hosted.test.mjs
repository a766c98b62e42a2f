// The console that the coordinator hosts: a token opens it, it shows everything, and what is launched is signed elsewhere.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { eventually, fleet, LONG, muster, musterJson, picture, run, scratch, send, startBrowser, Watch } from "./lib.mjs";

const token = fleet ? readFileSync(join(fleet.dir, "token"), "utf8").trim() : "";
let browser;
let context;
let page;
let watch;
let tree;
let hunt;

before(async () => {
  tree = scratch("tree");
  for (let n = 0; n < 20; n++) writeFileSync(join(tree, `f${n}`), `content ${n}\n`);
  const launched = await muster(["hunt", "launch", "--root", tree, "--yes", "--output", "json"]);
  assert.equal(launched.code, 0, launched.stderr);
  hunt = JSON.parse(launched.stdout).id;
  browser = await startBrowser();
  context = await browser.newContext({ viewport: { width: 1280, height: 720 }, permissions: ["clipboard-read", "clipboard-write"] });
  context.setDefaultTimeout(LONG / 3);
  watch = await Watch.on(context, fleet.url);
  page = await context.newPage();
});
after(async () => await browser?.close());

/** Types a token into the form. */
async function give(text) {
  await page.getByLabel("Token").fill(text);
  await page.getByLabel("Token").press("Enter");
}

test("the page asks for a token, and for no key", async () => {
  const answer = await page.goto(`${fleet.url}/hunts/${hunt}`);
  assert.match(answer.headers()["content-security-policy"], /trusted-types 'none'/);
  await page.getByLabel("Token").waitFor();
  await picture(page, "hosted-1-token");
  await give("guessed");
  await page.getByRole("alert").filter({ hasText: "not known" }).waitFor();
  assert.equal(await page.getByLabel("Token").inputValue(), "", "it is not kept in the page");
  await give(token);
  await page.locator(".statebar li").first().waitFor();
  assert.equal(new URL(page.url()).pathname, `/hunts/${hunt}`, "where the link led");
});

test("the token stays behind, and a cookie alone is not enough", async () => {
  const kept = await page.evaluate(() => JSON.stringify({ ...localStorage, ...sessionStorage, cookie: document.cookie }));
  assert.ok(!kept.includes(token), "the token is kept nowhere");
  const [cookie, ...others] = await context.cookies();
  assert.equal(others.length, 0);
  assert.deepEqual(
    { name: cookie.name, httpOnly: cookie.httpOnly, secure: cookie.secure, sameSite: cookie.sameSite, path: cookie.path },
    { name: "muster", httpOnly: true, secure: false, sameSite: "Strict", path: "/" },
  );
  for (const [path, options, status] of [
    ["/api/v1/fleet", { headers: {} }, 401],
    [`/api/v1/agents/${fleet.agents[0].id}/revoke`, { method: "POST", own: true }, 403],
    ["/api/v1/requests", { method: "POST", own: true }, 403],
    ["/console/drafts", { method: "POST", own: true }, 404],
  ]) {
    const found = await page.evaluate(
      async ([path, { own, ...options }]) => {
        const secret = localStorage.getItem("muster-console-secret");
        return (await fetch(path, own ? { ...options, headers: { "X-Muster-Console": secret } } : options)).status;
      },
      [path, options],
    );
    assert.equal(found, status, path);
  }
  for (const url of watch.urls) assert.ok(!url.includes(token) && !url.includes(cookie.value), url);
});

test("the pages show the fleet, and no panel fails", async () => {
  await page.goto(fleet.url);
  await page.getByRole("grid", { name: "Busiest agents" }).getByRole("link").first().waitFor();
  assert.match(await page.locator("header.top .who").innerText(), /read-only/);
  await page.locator("[data-link=live]").waitFor();
  await picture(page, "hosted-2-overview");
  const places = ["/agents", `/agents/${fleet.agents[0].id}`, "/hunts", "/profiles", "/who-has", "/health", "/audit"];
  for (const tab of ["", "?tab=rows", "?tab=errors", "?tab=costs", "?tab=why", "?tab=files", "?tab=request"]) places.push(`/hunts/${hunt}${tab}`);
  for (const place of places) {
    await page.goto(fleet.url + place);
    await page.locator("#main h1").first().waitFor();
    await watch.settled();
    assert.equal(await page.locator("#main .errorbox").count(), 0, `${place}: ${await page.locator("#main").innerText()}`);
  }
  await page.getByText("The signature is not checked here").waitFor();
  await picture(page, "hosted-3-request");
});

test("a new hunt becomes a draft, which the operator's machine signs", async () => {
  await page.goto(`${fleet.url}/hunts/new`);
  const target = page.getByRole("combobox", { name: "Agents that match" }).or(page.getByRole("textbox", { name: "Agents that match" })).first();
  await target.fill("label:test=yes");
  await page.keyboard.press("Escape");
  await page.locator("[data-field=root]").fill(tree);
  await eventually("the preview counts the agents", async () => (await page.locator(".formside").innerText()).match(new RegExp(`\\b${fleet.agents.length}\\b`)));
  assert.equal(await page.locator("[data-field=list] input").count(), 0, "a list stays on the operator's machine");
  await page.getByRole("button", { name: "Make a draft" }).click();
  const link = page.getByRole("link", { name: "hunt-draft.json" });
  await link.waitFor();
  await picture(page, "hosted-4-draft");
  await page.getByText("muster hunt launch --draft hunt-draft.json").first().waitFor();
  const [download] = await Promise.all([page.waitForEvent("download"), link.click()]);
  const path = join(scratch("drafts"), download.suggestedFilename());
  await download.saveAs(path);
  const launched = await muster(["hunt", "launch", "--draft", path, "--yes", "--output", "json"]);
  assert.equal(launched.code, 0, launched.stderr);
  const { id } = JSON.parse(launched.stdout);
  const request = await musterJson(["hunt", "show", id]);
  assert.match(request.target, /test/);
  await page.goto(`${fleet.url}/hunts/${id}`);
  await eventually("all have finished", async () => {
    const finished = page.locator(".statebar li").filter({ hasText: "finished" }).locator("b").first();
    return (await finished.innerText()).trim() === String(fleet.agents.length);
  });
  await page.locator("[data-act=cancel]").waitFor({ state: "detached" });
});

test("a cancel is a command", async () => {
  const launched = await muster(["hunt", "launch", "--root", tree, "--spread", "1h", "--yes", "--output", "json"]);
  assert.equal(launched.code, 0, launched.stderr);
  const { id } = JSON.parse(launched.stdout);
  await page.goto(`${fleet.url}/hunts/${id}`);
  await page.locator("[data-act=cancel]").first().click();
  await page.getByRole("dialog").getByText(`muster hunt cancel ${id}`).waitFor();
  await page.getByRole("dialog").getByRole("button", { name: "Back" }).click();
  assert.equal((await muster(["hunt", "cancel", id])).code, 0);
});

test("rows are saved from the page", async () => {
  await page.goto(`${fleet.url}/hunts/${hunt}?tab=rows`);
  const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "CSV" }).click()]);
  const path = join(scratch("rows"), "rows.csv");
  await download.saveAs(path);
  const text = readFileSync(path, "utf8");
  assert.match(download.suggestedFilename(), /\.csv$/);
  assert.equal(text.trim().split("\n").length, 1 + 20 * fleet.agents.length, text.slice(0, 500));
});

test("a file that an agent sent is saved as an archive with a password", async () => {
  const content = "content 7\n";
  const digest = createHash("sha256").update(content).digest("hex");
  const folder = scratch("archives");
  const list = join(folder, "bad.txt");
  writeFileSync(list, `${digest}\n`);
  const launched = await muster(["hunt", "launch", "--root", tree, "--ioc", list, "--upload-matches", "--upload-max-file", "100k", "--upload-max", "1M", "--yes", "--output", "json"]);
  assert.equal(launched.code, 0, launched.stderr);
  const { id } = JSON.parse(launched.stdout);
  await eventually("all have finished", async () => (await musterJson(["hunt", "show", id])).states.finished === fleet.agents.length);
  await page.goto(`${fleet.url}/hunts/${id}?tab=files`);
  await page.getByText("The password of ZIP archives is infected").waitFor();
  const button = page.getByRole("button", { name: "ZIP archive with the password infected" }).first();
  const [download] = await Promise.all([page.waitForEvent("download"), button.click()]);
  assert.equal(download.suggestedFilename(), `${digest.slice(0, 16)}.zip`);
  const path = join(folder, "file.zip");
  await download.saveAs(path);
  const out = join(folder, "out");
  const unzipped = await run("unzip", ["-q", "-P", "infected", path, "-d", out]);
  assert.equal(unzipped.code, 0, unzipped.stderr);
  assert.deepEqual(readdirSync(out), [digest]);
  assert.equal(readFileSync(join(out, digest), "utf8"), content);
});

test("signing out ends the session", async () => {
  const secret = await page.evaluate(() => localStorage.getItem("muster-console-secret"));
  const [{ value }] = await context.cookies();
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByLabel("Token").waitFor();
  assert.deepEqual(await context.cookies(), []);
  const headers = { Cookie: `muster=${value}`, "X-Muster-Console": secret, "Sec-Fetch-Site": "same-origin", "Sec-Fetch-Dest": "empty" };
  const answer = await send(Number(new URL(fleet.url).port), { path: "/api/v1/fleet", headers });
  assert.equal(answer.status, 401, answer.body);
});

test("the policy was never violated, and no request left the origin", () => {
  watch.assertClean();
});
