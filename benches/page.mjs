// Measures the web page: bytes and time of its first load, and frames while a transcript of 10,000 words and a list of 10,000 jobs
// are scrolled. `scripts/bench-page.sh` starts the service.

import { inBrowser, until } from "../tests/web/browser.mjs";
import { pretend } from "../tests/web/many_jobs.mjs";

const RUNS = 9;
const WORDS = 10_000;
const SCROLL_MS = 5000;

const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];

const loads = [];
await inBrowser(async (_, outer) => {
  for (let run = 0; run < RUNS; run += 1) {
    // Nothing is cached in it.
    const context = await outer.browser().newContext();
    const page = await context.newPage();
    const session = await context.newCDPSession(page);
    await session.send("Network.enable");
    let bytes = 0;
    session.on("Network.loadingFinished", ({ encodedDataLength }) => (bytes += encodedDataLength));
    // Interactive: the first view is there, a frame was drawn, and the page has time for what a reader does.
    await page.addInitScript(() => {
      new MutationObserver((_, observer) => {
        if (!document.getElementById("files")) return;
        observer.disconnect();
        requestAnimationFrame(() => setTimeout(() => (globalThis.interactive = performance.now())));
      }).observe(document, { childList: true, subtree: true });
    });
    await page.goto(process.argv[2]);
    const ms = await until("interactive", () => page.evaluate(() => globalThis.interactive));
    await page.locator("#model-chip .state").waitFor();
    loads.push({ ms, bytes });
    await context.close();
  }
});
console.log(`first load: ${Math.round(median(loads.map(({ bytes }) => bytes)) / 1000)} KB transferred, interactive after ${Math.round(median(loads.map(({ ms }) => ms)))} ms (median of ${RUNS})`);

/** Scrolls for some seconds, a step in each frame, and counts the frames. */
async function frames(page, selector) {
  return page.locator(selector).evaluate(
    (element, total) =>
      new Promise((done) => {
        const times = [];
        const step = (now) => {
          times.push(now);
          element.scrollTop += 60;
          if (element.scrollTop + element.clientHeight >= element.scrollHeight - 1) element.scrollTop = 0;
          if (now - times[0] < total) return requestAnimationFrame(step);
          const gaps = times.slice(1).map((time, i) => time - times[i]).sort((a, b) => a - b);
          done({ rate: (1000 * gaps.length) / (now - times[0]), p99: gaps[Math.floor(gaps.length * 0.99)] });
        };
        requestAnimationFrame(step);
      }),
    SCROLL_MS,
  );
}

await inBrowser(async (page) => {
  const { id } = await pretend(page, { count: 10_000, words: WORDS });
  const began = Date.now();
  await page.goto(`${process.argv[2]}/#/jobs/${id(0)}`);
  await page.reload();
  await page.locator("#find").waitFor();
  console.log(`transcript of ${await page.locator("#transcript .text > [data-start]").count()} words: shown after ${Date.now() - began} ms`);
  const text = await frames(page, "#main");
  console.log(`scrolling it: ${text.rate.toFixed(1)} frames a second, 99 % of frames within ${text.p99.toFixed(1)} ms`);
  const at = await page.evaluate(() => {
    const began = performance.now();
    const input = document.getElementById("find");
    input.value = "yesterday";
    input.dispatchEvent(new Event("input"));
    return performance.now() - began;
  });
  console.log(`finding a word in it: ${Math.round(at)} ms`);
  const filled = Date.now();
  await until("all jobs are listed", async () => {
    await page.locator(".scroller").evaluate((list) => list.scrollTo(0, list.scrollHeight));
    return (await page.locator("#jobs li").first().getAttribute("aria-setsize")) === "10000";
  });
  console.log(`paging through 10,000 jobs: ${Date.now() - filled} ms`);
  const list = await frames(page, ".scroller");
  console.log(`scrolling their list: ${list.rate.toFixed(1)} frames a second, 99 % of frames within ${list.p99.toFixed(1)} ms`);
});
