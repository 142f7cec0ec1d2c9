// A model that finds no memory: the page says how much it needs and how much is free, at the model and at a job that waits.

import { inBrowser, send } from "./browser.mjs";

await inBrowser(async (page) => {
  await send(page, "en_short.wav");
  const why = /Not enough memory: \d+ MB needed, [\d.]+ [KMG]?B free\. Next try at/;
  await page.locator(".why", { hasText: why }).waitFor();
  await page.locator("#model-chip").click();
  await page.locator(".big-state", { hasText: "waits for memory" }).waitFor();
  await page.locator(".notice", { hasText: why }).waitFor();
  await page.locator(".facts-list", { hasText: /Needed\s*\d+ MB/ }).waitFor();
  await page.locator(".legend .needed", { hasText: /Needed \d+ MB/ }).waitFor();
});
