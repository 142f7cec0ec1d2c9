// The model: loaded and unloaded from the page, with its memory and its events.

import assert from "node:assert/strict";

import { api, inBrowser, until } from "./browser.mjs";

await inBrowser(async (page) => {
  await page.locator("#model-chip").click();
  await page.getByRole("heading", { name: "Model", exact: true }).waitFor();
  const state = (name) => page.locator(".big-state", { hasText: name }).waitFor();
  await state("not loaded");
  await page.locator("#load").click();
  await state("ready");
  await page.locator("#events li", { hasText: /^\d+:\d+:\d+ [AP]M\s*Loaded · words-q8_0/ }).waitFor();
  await page.locator("#model-chip", { hasText: "ready" }).waitFor();
  const used = await until("memory of the model is shown", async () => {
    const text = await page.locator(".legend .model").innerText();
    return text !== "Model 0 B" && text;
  });
  assert.match(used, /^Model \d+ MB$/);
  // The picture has a part in the model's colour.
  await until("the graph is drawn", () =>
    page.locator("canvas.memory").evaluate((canvas) => {
      const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
      return data.some((value, i) => i % 4 === 3 && value > 0);
    }),
  );
  await page.locator("#unload").click();
  await state("not loaded");
  await page.locator("#events li", { hasText: "Unloaded · words-q8_0 · requested" }).waitFor();
  assert.equal((await api("model/status")).state, "unloaded");

  // What happened before the page was opened is listed as well.
  await page.reload();
  await page.locator("#events li", { hasText: /^earlier\s*Unloaded/ }).waitFor();
}, { path: "#/model" });
