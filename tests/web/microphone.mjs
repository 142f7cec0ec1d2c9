// The microphone: the browser's device plays a bundled recording.

import assert from "node:assert/strict";

import { api, audio, finished, inBrowser } from "./browser.mjs";

const args = ["--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream", `--use-file-for-fake-audio-capture=${audio("en_phrases.wav")}`];
await inBrowser(
  async (page) => {
    await page.locator("#record").click();
    await page.locator("#record", { hasText: "0:03" }).waitFor();
    await page.locator("#record").click();
    await page.getByRole("heading", { name: /^recording-.*\.webm$/ }).waitFor();
    await finished(page);
    const job = await api(`jobs/${new URL(page.url()).hash.split("/").pop()}`);
    assert.ok(job.audio.duration_secs > 2, JSON.stringify(job.audio));
    // The recording can be played from where it was made.
    await page.locator(".player .play").waitFor();
  },
  { args, permissions: ["microphone"] },
);
