// Finding what was said: by keys, on a phone, and without a script.
//
// Run by ../browser.rs. Environment: BASE (the address of the server) and CHROMIUM.

import assert from "node:assert/strict";
import { accessible, connected, finish, fits, picture, say, step, visitor } from "./support.mjs";

const { BASE } = process.env;
const ada = await visitor();
await ada.goto(BASE);
await ada.fill("#name", "Ada");
await ada.press("#name", "Enter");
await connected(ada);
const code = new URL(ada.url()).pathname.split("/")[2];

const sent = (page, count) => page.waitForFunction(
  (count) => document.querySelectorAll("#messages > .message").length === count, count,
);

await step("something is said", async () => {
  await say(ada, "Un été à Genève <b>");
  await sent(ada, 1);
  for (let n = 2; n <= 12; n += 1) {
    await say(ada, `hay ${n}`);
    await sent(ada, n);
  }
});

await step("/ goes to the search of this room, and what is found is marked", async () => {
  await ada.locator("#log").focus();
  await ada.keyboard.press("/");
  await ada.waitForURL(`${BASE}search?room=${code}`);
  assert.equal(await ada.evaluate(() => document.activeElement.id), "q");
  await accessible(ada, "search");
  await ada.keyboard.type("ETE gene*");
  await ada.keyboard.press("Enter");
  await ada.waitForSelector("#found li");
  assert.deepEqual(await ada.locator("#found mark").allTextContents(), ["été", "Genève"]);
  assert.match(await ada.locator("#found p").innerText(), /<b>/);
  await accessible(ada, "what is found");
  await picture(ada, "search");
});

await step("the link shows the message in its room", async () => {
  await ada.locator("#found a").focus();
  await ada.keyboard.press("Enter");
  await ada.waitForURL(`${BASE}rooms/${code}?around=1#m-1`);
  const shown = await ada.locator(".message:target").boundingBox();
  assert.ok(shown.y >= 0 && shown.y + shown.height <= 720, JSON.stringify(shown));
  assert.match(await ada.locator(".message:target").innerText(), /été/);
  await accessible(ada, "a message that was found");
  await ada.click("text=To the latest messages");
  await connected(ada);
});

await step("/search finds what was edited, and no more what was deleted", async () => {
  await ada.locator("#body").focus();
  await ada.keyboard.press("ArrowUp");
  await ada.fill("#body", "a needle");
  await ada.keyboard.press("Enter");
  await ada.waitForFunction(() => document.querySelector("#messages").textContent.includes("a needle"));
  await say(ada, "/search needle");
  await ada.waitForSelector("#found li");
  assert.equal(await ada.locator("#found li").count(), 1);
  await ada.goBack();
  await connected(ada);
  const last = ada.locator("#messages > .message").last();
  await last.hover();
  await last.locator("text=Delete").click();
  await last.locator("text=Delete for everybody").click();
  await ada.waitForFunction(() => document.querySelector("#messages").textContent.includes("This message was deleted"));
  await say(ada, "/search needle");
  await ada.waitForSelector("#results");
  assert.equal(await ada.locator("#results").textContent(), "Nothing is found");
});

await step("on a phone, in the dark, without a script", async () => {
  const options = { viewport: { width: 320, height: 568 }, colorScheme: "dark", javaScriptEnabled: false, storageState: await ada.context().storageState() };
  const plain = await visitor(options);
  await plain.goto(`${BASE}search`);
  await plain.fill("#q", "hay");
  await plain.selectOption("#where", code);
  await plain.click("form.search button");
  assert.equal(await plain.locator("#found li").count(), 10);
  await fits(plain, "what is found on a phone");
  await picture(plain, "phone-search");
  await plain.fill("#q", "a*");
  await plain.click("form.search button");
  assert.match(await plain.locator("#problem").textContent(), /at least 2 letters/);
  await plain.context().close();
  const phone = await visitor({ ...options, javaScriptEnabled: true });
  await phone.goto(`${BASE}search?q=hay`);
  await accessible(phone, "what is found on a phone");
  await phone.context().close();
});

await finish();
