// The queue: places, progress, cancel, retry, delete, search and filter, and a reload in the middle of a job.

import assert from "node:assert/strict";

import { api, finished, inBrowser, send, texts, until } from "./browser.mjs";

await inBrowser(async (page) => {
  await send(page, "long.ogg", "en_phrases.wav", "en_short.wav");
  const row = (name) => page.locator("#jobs li", { hasText: name });
  await row("en_short.wav").locator(".state", { hasText: /Number [12] in the queue/ }).waitFor();

  await row("long.ogg").locator("a").click();
  await page.locator(".now", { hasText: /Chunk \d+ of \d+ · \d+ %/ }).waitFor();
  await page.locator("#transcript .segment").first().waitFor();
  const before = await texts(page);
  await page.reload();
  await page.locator("#transcript .segment").first().waitFor();
  const after = await until("the text so far is back", async () => {
    const shown = await texts(page);
    return shown.length >= before.length && shown;
  });
  assert.deepEqual(after.slice(0, before.length), before);

  // Cancelled, what there is stays readable; tried again, it is a new job.
  await page.locator("#end").click();
  await page.locator(".notice", { hasText: "Cancelled" }).waitFor();
  await page.locator("#transcript .segment").first().waitFor();
  await row("long.ogg").locator(".state.cancelled").waitFor();

  await until("the others are done", async () => (await api("jobs?status=completed")).jobs.length === 2);

  await page.locator("#status").selectOption("cancelled");
  await until("only those cancelled", async () => (await page.locator("#jobs li").count()) === 1);
  await page.locator("#status").selectOption("");
  await page.locator("#search").fill("phrases");
  await until("only what was searched for", async () => (await page.locator("#jobs li .name").allTextContents()).join() === "en_phrases.wav");
  await page.locator("#search").fill("nothing is called that");
  await page.getByText("Nothing found.").waitFor();
  await page.locator("#search").fill("");

  await row("en_short.wav").locator("a").click();
  await finished(page);
  await page.locator("#end").click();
  await page.getByRole("button", { name: "Keep" }).click();
  await page.locator("#end").click();
  await page.locator("dialog").getByRole("button", { name: "Delete" }).click();
  await page.getByRole("heading", { name: "New transcript" }).waitFor();
  await until("the row is gone", async () => (await row("en_short.wav").count()) === 0);

  // Tried again, a job is done once more with the recording that the service has.
  await row("long.ogg").locator("a").click();
  await page.locator(".notice", { hasText: "Cancelled" }).waitFor();
  const old = new URL(page.url()).hash;
  await page.getByRole("button", { name: "Try again" }).click();
  await page.locator(".now").waitFor();
  assert.notEqual(new URL(page.url()).hash, old);
  await page.locator("#end").click();
  await page.locator(".notice", { hasText: "Cancelled" }).waitFor();
});
