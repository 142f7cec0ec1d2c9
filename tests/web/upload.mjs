// Recordings come in as files, by drop and by address; the text comes while the job runs.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";

import { api, audio, finished, inBrowser, shownJob, texts, until } from "./browser.mjs";

const truth = JSON.parse(readFileSync(audio("truth.json"), "utf8"));
const words = (text) => text.replace(/\s+/g, " ").trim();

const server = createServer((_, answer) => answer.end(readFileSync(audio("en_short.wav"))));
await new Promise((done) => server.listen(0, "127.0.0.1", done));

await inBrowser(async (page) => {
  // Held back, so that the upload can be seen.
  let go;
  const held = new Promise((done) => (go = done));
  await page.route("**/jobs?queue=true", async (route) => {
    await held;
    await route.continue();
  });
  await page.locator("#language").selectOption("en");
  await page.getByLabel("VTT").check();
  await page.locator("#files").setInputFiles(audio("en_phrases.wav"));
  await page.locator(".sending progress").waitFor();
  go();
  await finished(page);
  const shown = await texts(page);
  assert.equal(words(shown.join(" ")), truth["en_phrases.wav"].text);
  const id = shownJob(page);
  const job = await api(`jobs/${id}`);
  assert.deepEqual([job.options.language, job.options.word_timestamps, job.metadata], ["en", true, { formats: ["txt", "srt", "vtt"] }]);

  // The choices stay for the next one, which is dropped.
  await page.locator("#new").click();
  assert.equal(await page.locator("#language").inputValue(), "en");
  const bytes = readFileSync(audio("en_short.wav")).toString("base64");
  await page.evaluate(async (base64) => {
    const data = new DataTransfer();
    data.items.add(new File([Uint8Array.from(atob(base64), (c) => c.charCodeAt(0))], "dropped.wav"));
    for (const kind of ["dragenter", "dragover", "drop"]) window.dispatchEvent(new DragEvent(kind, { dataTransfer: data, cancelable: true }));
  }, bytes);
  await page.getByRole("heading", { name: "dropped.wav" }).waitFor();
  await finished(page);

  await page.locator("#new").click();
  await page.locator("#url").fill(`http://127.0.0.1:${server.address().port}/by-url.wav`);
  await page.getByRole("button", { name: "Fetch" }).click();
  await page.getByRole("heading", { name: "by-url.wav" }).waitFor();
  await finished(page);
  assert.equal(words((await texts(page)).join(" ")), truth["en_short.wav"].text);

  // What is not a recording is refused, and can be put away.
  await page.locator("#new").click();
  await page.locator("#files").setInputFiles({ name: "notes.txt", mimeType: "text/plain", buffer: Buffer.from("these are only notes") });
  await page.locator(".sending .error").waitFor();
  await page.getByRole("button", { name: "Cancel: notes.txt" }).click();
  await until("the row is gone", async () => (await page.locator(".sending li").count()) === 0);
});
server.close();
