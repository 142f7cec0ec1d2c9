// The microphone: the browser's device plays a bundled recording.

import assert from "node:assert/strict";

import { api, audio, finished, inBrowser, shownJob, until } from "./browser.mjs";

const args = ["--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream", `--use-file-for-fake-audio-capture=${audio("en_phrases.wav")}`];
await inBrowser(
  async (page) => {
    await page.locator("#record").click();
    await page.locator("#record", { hasText: "0:03" }).waitFor();
    await page.locator("#record").click();
    await page.getByRole("heading", { name: /^recording-.*\.webm$/ }).waitFor();
    await finished(page);
    const job = await api(`jobs/${shownJob(page)}`);
    assert.ok(job.audio.duration_secs > 2, JSON.stringify(job.audio));
    // What browsers record has no length in its head: it can be played from anywhere all the same.
    await page.locator(".player .play").waitFor();
    const last = page.locator("#transcript .text > [data-start]").last();
    const start = Number(await last.getAttribute("data-start"));
    await last.click();
    await until("the last word is marked", async () => (await page.locator(".said").getAttribute("data-start")) === String(start));
    await page.locator(".player .play").click();
    await until("it is played", () => page.locator(".clock").textContent().then((text) => text.startsWith(text.split(" / ")[1])));
  },
  { args, permissions: ["microphone"] },
);
