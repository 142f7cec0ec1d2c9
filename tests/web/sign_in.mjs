// With keys, the page asks for one, and everything works with it: lists, uploads, events and players.

import assert from "node:assert/strict";

import { finished, inBrowser, send } from "./browser.mjs";

const key = process.env.KEY;

await inBrowser(async (page) => {
  await page.locator("#key").fill("not-the-key-that-it-asks-for");
  await page.locator("dialog").getByRole("button", { name: "Sign in" }).click();
  await page.getByText("does not accept this key").waitFor();
  await page.locator("#key").fill(key);
  await page.keyboard.press("Enter");
  await page.getByText("No transcripts yet.").waitFor();
  await send(page, "en_short.wav");
  await finished(page);

  // Kept over a reload, and by no other tab.
  await page.reload();
  await finished(page);
  assert.equal(await page.locator("dialog").count(), 0);
  // A player sends no key by itself: the page fetches the stored recording.
  await page.locator(".player .play").click();
  await page.locator(".said").waitFor();
  const stored = await page.evaluate(() => JSON.stringify(localStorage));
  assert.ok(!stored.includes(key), stored);

  await page.locator("#sign-out").click();
  await page.locator("#key").waitFor();
});
