// What a person waits for: from a navigation or a key to what is drawn, by the browser's own clock.
import { eventually, sleep } from "../../../tests/console/lib.mjs";

/** Until the answer to a cleared field is there, too. */
const SETTLED_MS = 500;

/** Notes in the page when a selector is there and the frame with it has been drawn. */
async function drawn(page, selector) {
  await page.addInitScript((wanted) => {
    const look = () => {
      if (!document.querySelector(wanted)) return requestAnimationFrame(look);
      requestAnimationFrame(() => {
        window.__drawn = performance.now();
      });
    };
    requestAnimationFrame(look);
  }, selector);
  return () => eventually(selector, () => page.evaluate("window.__drawn"));
}

/** Opens an address so often in a new tab; returns of each run the first paint and when `selector` was drawn, in milliseconds. */
export async function opening(context, address, selector, runs) {
  const took = { paint: [], data: [] };
  // The first one warms up.
  for (let run = 0; run <= runs; run++) {
    const page = await context.newPage();
    const wait = await drawn(page, selector);
    await page.goto(address, { waitUntil: "commit" });
    const data = await wait();
    const paint = await eventually("a paint", () => page.evaluate(() => performance.getEntriesByName("first-contentful-paint")[0]?.startTime));
    if (run > 0) {
      took.paint.push(paint);
      took.data.push(data);
    }
    await page.close();
  }
  for (const each of Object.values(took)) each.sort((a, b) => a - b);
  return took;
}

/** Types each text into the empty field; returns the times until what `shown` reads has changed and is drawn, sorted. */
export async function typing(page, field, texts, shown) {
  const took = [];
  for (const text of texts) {
    await page.locator(field).fill("");
    await sleep(SETTLED_MS);
    await page.evaluate(
      ([field, shown]) => {
        window.__took = undefined;
        const read = () => document.querySelector(shown)?.textContent;
        document.querySelector(field).addEventListener(
          "input",
          () => {
            const began = performance.now();
            const before = read();
            const look = () => {
              if (read() === before) return requestAnimationFrame(look);
              requestAnimationFrame(() => {
                window.__took = performance.now() - began;
              });
            };
            requestAnimationFrame(look);
          },
          { once: true, capture: true },
        );
      },
      [field, shown],
    );
    await page.locator(field).fill(text);
    took.push(await eventually(`${field} shows ${text}`, () => page.evaluate("window.__took")));
  }
  return took.sort((a, b) => a - b);
}

/** Returns how long answers to a path took as the browser saw it, sorted: console and coordinator together. */
export async function answers(page, path) {
  const took = await page.evaluate(
    (path) => performance.getEntriesByType("resource").filter((one) => one.name.includes(path)).map((one) => one.responseEnd - one.requestStart),
    path,
  );
  return took.sort((a, b) => a - b);
}

/** Opens a flame graph so often; returns from the answer's last byte to the drawn picture, sorted. */
export async function flame(context, address, runs) {
  const took = [];
  for (let run = 0; run <= runs; run++) {
    const page = await context.newPage();
    const wait = await drawn(page, "g.frame");
    await page.goto(address, { waitUntil: "commit" });
    const at = await wait();
    const answered = await page.evaluate(() => performance.getEntriesByType("resource").find((one) => one.name.includes("flame.json")).responseEnd);
    if (run > 0) took.push(at - answered);
    await page.close();
  }
  return took.sort((a, b) => a - b);
}

/** Counts tasks of more than 50 ms from now on; returns what reads how many and the longest. */
export async function longTasks(page) {
  await page.evaluate(() => {
    window.__long = [];
    new PerformanceObserver((list) => window.__long.push(...list.getEntries().map((one) => one.duration))).observe({ type: "longtask" });
  });
  return () => page.evaluate(() => ({ count: window.__long.length, longest: Math.max(0, ...window.__long) }));
}

/** Returns the bytes of the page's heap, after garbage was collected. */
export async function heap(page) {
  const session = await page.context().newCDPSession(page);
  await session.send("HeapProfiler.collectGarbage");
  const { usedSize } = await session.send("Runtime.getHeapUsage");
  await session.detach();
  return usedSize;
}
