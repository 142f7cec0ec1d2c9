// A list of ten thousand jobs comes page by page, as far as it is scrolled, and is searched by the service.

import assert from "node:assert/strict";

import { inBrowser, until } from "./browser.mjs";
import { pretend } from "./many_jobs.mjs";

await inBrowser(async (page) => {
  const { asked } = await pretend(page, { count: 10_000 });
  await page.reload();
  // Only rows in sight are elements; each knows how many there are.
  const rows = async () => Number(await page.locator("#jobs li").first().getAttribute("aria-setsize"));
  await until("the first page", async () => (await rows()) >= 50);
  for (const wanted of [150, 300, 450]) {
    await page.locator(".scroller").evaluate((list) => list.scrollTo(0, list.scrollHeight));
    await until(`${wanted} rows`, async () => (await rows()) >= wanted || (await page.locator(".scroller").evaluate((list) => list.scrollTo(0, list.scrollHeight)), false));
  }
  const names = await page.locator("#jobs .name").allTextContents();
  const first = Number(names[0].match(/\d+/));
  assert.deepEqual(names, names.map((_, i) => `recording ${first - i}.wav`), "each once, newest first");
  assert.ok(names.length < 60, `${names.length} rows are elements`);

  // Asking for the first page again keeps the others.
  const before = await rows();
  const questions = asked.length;
  await page.evaluate(() => document.dispatchEvent(new Event("visibilitychange")));
  await until("the list is asked for again", () => asked.length > questions);
  await until("no row is lost", async () => (await rows()) >= before);

  await page.locator("#search").fill("recording 77");
  await until("what was found", async () => (await page.locator("#jobs .name").allTextContents()).every((name) => name.startsWith("recording 77")) && (await rows()) > 0);
  assert.equal(asked.at(-1).q, "recording 77");
});

// At phone width the list is hidden behind other views, and is all there when it comes back.
await inBrowser(async (page) => {
  await pretend(page, { count: 100 });
  await page.reload();
  await page.getByRole("heading", { name: "Model", exact: true }).waitFor();
  await page.getByRole("link", { name: "Verbatim" }).tap();
  await until("rows fill the screen", async () => (await page.locator("#jobs li").count()) > 5);
}, { path: "#/model", viewport: { width: 360, height: 740 }, hasTouch: true });
