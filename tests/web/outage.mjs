// The service is killed in the middle of a job and comes back: the page says so, goes on, and shows each segment once.

import assert from "node:assert/strict";

import { api, ask, finished, inBrowser, send, shownJob, texts } from "./browser.mjs";

await inBrowser(async (page) => {
  await send(page, "long.ogg");
  await page.locator("#transcript .segment").first().waitFor();
  await ask("kill");
  await page.locator(".banner:not([hidden])").waitFor();
  await ask("start");
  await finished(page);
  await page.locator(".banner").waitFor({ state: "hidden" });
  const job = await api(`jobs/${shownJob(page)}`);
  const shown = await texts(page);
  assert.deepEqual(shown.map((text) => text.trim()), job.result.segments.map(({ text }) => text.trim()));
});
