// A finished transcript beside its player: marked words, keys, speed, search, doubtful words, copy and download.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";

import { api, audio, finished, inBrowser, send, shownJob, until } from "./browser.mjs";

const truth = JSON.parse(readFileSync(audio("truth.json"), "utf8"))["en_phrases.wav"].text;

/** Whether the waveform has bars. */
function isDrawn(page) {
  return page
    .locator(".waveform canvas")
    .evaluate((canvas) => canvas.width > 0 && new Set(canvas.getContext("2d").getImageData(0, 0, canvas.width, 4).data).size > 1);
}

await inBrowser(
  async (page) => {
    // One doubtful word and one flag, whatever the model thinks.
    await page.route(/\/jobs\/[^/?]+$/, async (route) => {
      if (route.request().method() !== "GET") return route.continue();
      const answer = await route.fetch();
      const job = await answer.json();
      if (job.result) {
        job.result.segments[0].words[1].probability = 0.2;
        job.result.segments[1].flags = ["low_confidence"];
      }
      await route.fulfill({ response: answer, json: job });
    });
    await send(page, "en_phrases.wav");
    await finished(page);
    const { result } = await api(`jobs/${shownJob(page)}`);
    const words = result.segments.flatMap((segment) => segment.words);
    const said = () => page.locator(".said").innerText();

    assert.equal(await page.locator(".doubtful").innerText(), words[1].word.trim());
    await page.getByText("1 doubtful word is underlined.").waitFor();
    assert.equal(await page.locator(".segment").nth(1).locator(".flag").innerText(), "uncertain");

    // A click plays from a word; keys go on from there.
    await page.locator(".player .play").waitFor();
    await until("the waveform is drawn", () => isDrawn(page));
    const number = words.length - 2;
    await page.locator("#transcript .text > [data-start]").nth(number).click();
    await until("the word is marked", async () => (await said()) === words[number].word.trim());
    await page.keyboard.press("ArrowLeft");
    const earlier = words.findLast(({ start }) => start <= words[number].start - 5 + 0.001);
    await until("five seconds earlier", async () => (await said()) === earlier.word.trim());
    await page.keyboard.press("Shift+ArrowRight");
    const next = result.segments.find(({ start }) => start > earlier.start);
    await until("the next segment", async () => (await said()) === next.words[0].word.trim());
    await page.keyboard.press("Space");
    await page.getByRole("button", { name: "Pause" }).waitFor();
    await until("the mark moves on", async () => (await said()) !== next.words[0].word.trim());
    await page.keyboard.press("Space");
    await page.getByRole("button", { name: "Play", exact: true }).waitFor();
    await page.keyboard.press(">");
    assert.equal(await page.locator("#speed").inputValue(), "1.25");
    await page.locator("#speed").selectOption("2");
    const slider = page.getByRole("slider", { name: "Position" });
    await slider.focus();
    await page.keyboard.press("Home");
    await until("the beginning", async () => (await slider.getAttribute("aria-valuenow")) === "0");

    // Search goes over the borders of words, and through all places.
    await page.keyboard.press("/");
    await page.keyboard.type("no st");
    await page.locator(".count", { hasText: "1 of 1" }).waitFor();
    const wanted = truth.toLowerCase().split("start").length - 1;
    await page.locator("#find").fill("start");
    await page.locator(".count", { hasText: `1 of ${wanted}` }).waitFor();
    await page.keyboard.press("Enter");
    await page.locator(".count", { hasText: `2 of ${wanted}` }).waitFor();
    const marked = await page.evaluate(() => [...CSS.highlights.get("found-here")].map((range) => range.toString().toLowerCase()));
    assert.deepEqual(marked, ["start"]);

    await page.locator("#copy").click();
    await page.locator("#copy", { hasText: "Copied" }).waitFor();
    assert.equal(await page.evaluate(() => navigator.clipboard.readText()), truth);

    for (const [format, begins] of Object.entries({ txt: "Three down", srt: "1\n", vtt: "WEBVTT", json: "{", tsv: "start\tend" })) {
      const started = page.waitForEvent("download");
      await page.locator("#download summary").click();
      await page.locator(`[data-format=${format}]`).click();
      const download = await started;
      assert.equal(download.suggestedFilename(), `en_phrases.${format}`);
      const text = readFileSync(await download.path(), "utf8");
      assert.ok(text.startsWith(begins), `${format}: ${text}`);
    }

    // From the service, which has the recording after a reload, too.
    await page.reload();
    await finished(page);
    await until("the waveform is back", () => isDrawn(page));
    await page.locator("#transcript .text > [data-start]").nth(number).click();
    await until("the word is marked again", async () => (await said()) === words[number].word.trim());

    // All that were chosen with the upload.
    const files = [];
    page.on("download", (download) => files.push(download.suggestedFilename()));
    await page.locator("#download summary").click();
    await page.locator("[data-format=all]").click();
    await until("both files", () => files.length === 2);
    assert.deepEqual(files.sort(), ["en_phrases.srt", "en_phrases.txt"]);
  },
  { permissions: ["clipboard-read", "clipboard-write"] },
);
