// A model is downloaded from the page: how far it is, a download that is cancelled, and that it is there at last.

import { ask, inBrowser } from "./browser.mjs";

const name = process.env.MODEL;

await inBrowser(async (page) => {
  const row = page.locator(`#offers li[data-model="${name}"]`);
  const start = row.getByRole("button", { name: `Download: ${name}` });
  await start.click();
  await row.locator("progress").waitFor();
  await row.getByRole("button", { name: `Cancel: ${name}` }).click();
  await start.click();
  await row.locator(".about", { hasText: /^\d+ % · / }).waitFor();
  await ask("send the rest");
  await row.getByText("installed").waitFor();
}, { path: "#/model" });
