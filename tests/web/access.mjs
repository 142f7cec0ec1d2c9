// For everyone: no violation that axe finds in any view, in light and dark, wide and narrow; keyboard alone; German.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

import { audio, finished, inBrowser, over, queue, send, until } from "./browser.mjs";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const PHONE = { width: 360, height: 740 };

async function hasNoViolations(page, where) {
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => globalThis.axe.run({ resultTypes: ["violations"] }));
  const told = violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html, failureSummary }) => `${html} ${failureSummary}`).join("\n")}`);
  assert.deepEqual(told, [], where);
}

async function hasNoScrollbarBelow(page, where) {
  const excess = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  assert.ok(excess <= 0, `${where} is ${excess} pixels too wide`);
}

const id = await queue("en_phrases.wav", { word_timestamps: "true" });
await over(id);
const views = { new: "", transcript: `#/jobs/${id}`, model: "#/model" };

for (const options of [{}, { colorScheme: "dark" }, { viewport: PHONE, colorScheme: "dark", hasTouch: true }, { viewport: PHONE }]) {
  await inBrowser(async (page) => {
    for (const [name, hash] of Object.entries(views)) {
      await page.evaluate((hash) => (location.hash = hash), hash || "#/");
      await page.locator({ new: "#files", transcript: "#find", model: ".legend li" }[name]).first().waitFor({ state: "attached" });
      await page.locator("#model-chip .state").waitFor({ state: "attached" });
      const where = `${name} ${JSON.stringify(options)}`;
      await hasNoViolations(page, where);
      await hasNoScrollbarBelow(page, where);
    }
  }, options);
}

// A phone shows one thing at a time, and the way back.
await inBrowser(async (page) => {
  await page.locator(`#jobs li[data-id="${id}"] a`).tap();
  await finished(page);
  assert.ok(!(await page.locator("#jobs").isVisible()));
  await page.getByRole("link", { name: "All transcripts" }).tap();
  await page.locator("#jobs").waitFor();
}, { viewport: PHONE, hasTouch: true });

// By keyboard alone: skip the list, choose a file, open the transcript, play a part, and go back to the list.
await inBrowser(async (page) => {
  // The browser is told to leave choosers to the test, which takes it a moment.
  const chooser = page.waitForEvent("filechooser");
  const focused = () => page.evaluate(() => document.activeElement?.id || document.activeElement?.className);
  const tabTo = (id) => until(`Tab reaches ${id}`, async () => {
    await page.keyboard.press("Tab");
    return (await focused()) === id;
  });
  await page.keyboard.press("Tab");
  assert.equal(await focused(), "skip");
  await page.keyboard.press("Enter");
  assert.equal(await focused(), "main");
  await tabTo("files");
  await page.keyboard.press("Enter");
  await (await chooser).setFiles(audio("en_short.wav"));
  await page.getByRole("heading", { name: "en_short.wav" }).waitFor();
  await until("the focus follows to the new view", () => page.evaluate(() => document.activeElement?.tagName === "H1"));
  await finished(page);
  await tabTo("find");
  await tabTo("copy");
  await tabTo("time");
  await page.keyboard.press("Enter");
  await page.locator(".segment.current").waitFor();
  await page.locator("#new").focus();
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "New transcript" }).waitFor();
}, {});

// German, by the browser's own wish, and by choice; the choice stays.
await inBrowser(async (page) => {
  await page.getByRole("heading", { name: "Neues Transkript" }).waitFor();
  assert.equal(await page.evaluate(() => document.documentElement.lang), "de");
  await page.locator("#language option[value=fr]", { hasText: "Französisch" }).waitFor({ state: "attached" });
  await hasNoViolations(page, "German");
  await page.locator("#page-language").selectOption("en");
  await page.getByRole("heading", { name: "New transcript" }).waitFor();
  await page.reload();
  await page.getByRole("heading", { name: "New transcript" }).waitFor();
  await send(page, "en_short.wav");
  await finished(page);
}, { locale: "de-DE" });

// Colours by choice, whatever the system has.
await inBrowser(async (page) => {
  const background = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const light = await background();
  await page.locator("#theme").click();
  assert.equal(await background(), light);
  await page.locator("#theme").click();
  assert.notEqual(await background(), light);
}, { colorScheme: "light" });
