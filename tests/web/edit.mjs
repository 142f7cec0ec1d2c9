// Text and speakers are edited, undone, saved, exported, and the original stays.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";

import { api, finished, inBrowser, send, shownJob, texts, until } from "./browser.mjs";

await inBrowser(async (page) => {
  await send(page, "en_phrases.wav");
  await finished(page);
  const id = shownJob(page);
  const original = (await api(`jobs/${id}`)).result.segments;
  const text = async (at) => (await texts(page))[at];

  await page.locator("#edit").click();
  await page.locator("#transcript .text").nth(1).click();
  await page.locator(".edit-text").fill("Eight too bright.");
  await page.locator(".edit-speaker").fill("Anna");
  await page.keyboard.press("Enter");
  assert.equal(await text(1), "Eight too bright.");
  await page.locator(".speaker", { hasText: "Anna" }).waitFor();

  // Each change can be taken back, by button and by keys.
  await page.locator("#transcript .text").nth(2).click();
  await page.locator(".edit-text").fill("Something else.");
  await page.keyboard.press("Control+Enter");
  await page.locator(".edit-text").waitFor();
  await page.keyboard.press("Escape");
  await page.locator("#undo").click();
  assert.equal(await text(2), original[2].text.trim());
  await page.keyboard.press("Control+z");
  assert.equal(await text(1), original[1].text.trim());
  assert.equal(await page.locator(".speaker").count(), 0);
  await page.keyboard.press("Control+Shift+z");
  await page.locator(".speaker", { hasText: "Anna" }).waitFor();

  // What is not saved yet survives a look at another view.
  await page.locator("#new").click();
  await page.goBack();
  await until("the change is there", async () => (await text(1)) === "Eight too bright.");

  await page.locator("#edit").waitFor();
  await page.keyboard.press("Control+s");
  await page.getByText("Saved.").first().waitFor();
  const saved = (await api(`jobs/${id}/transcript?format=json`)).segments;
  assert.equal(saved[1].text.trim(), "Eight too bright.");
  assert.equal(saved[1].speaker, "Anna");
  // Words that stayed have their times; the new ones share those of the words that they replace.
  assert.deepEqual(saved[1].words[0].start, original[1].words[0].start);
  assert.deepEqual(saved[1].words.at(-1).end, original[1].words.at(-1).end);

  const started = page.waitForEvent("download");
  await page.locator("#download summary").click();
  await page.locator("[data-format=srt]").click();
  assert.match(readFileSync(await (await started).path(), "utf8"), /Eight too bright\./);

  // A rename goes to all segments of the same speaker.
  if ((await page.locator("#edit").getAttribute("aria-pressed")) === "false") await page.locator("#edit").click();
  for (const [at, name] of [[3, "Anna"], [1, "Berta"]]) {
    await page.locator("#transcript .text").nth(at).click();
    await page.locator(".edit-speaker").fill(name);
    await page.keyboard.press("Enter");
  }
  assert.deepEqual(await page.locator(".speaker").allTextContents(), ["Berta", "Berta"]);

  // Someone else saves in between: nothing of theirs is overwritten without a question.
  const theirs = saved.map(({ start, end, text, speaker, words }) => ({ start, end, text, speaker, words }));
  const answer = await api(`jobs/${id}/transcript`, { method: "PUT", headers: { "content-type": "application/json" }, body: JSON.stringify({ base_revision: 1, segments: theirs }) });
  assert.equal(answer.revision, 2);
  await page.locator("#save").click();
  await page.locator("dialog").getByRole("button", { name: "Save mine" }).click();
  await page.getByText("Saved.").first().waitFor();
  await until("a third version", async () => (await api(`jobs/${id}/transcript/revisions`)).revisions.some(({ revision }) => revision === 3));

  // The original is always there.
  await page.locator("#version").selectOption("0");
  await until("the original", async () => (await text(1)) === original[1].text.trim());
  await page.locator("#undo").click();
  await until("mine again", async () => (await text(1)) === "Eight too bright.");
});
