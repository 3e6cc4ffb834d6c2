// Who is online and who is away, in two browsers and two tabs of one of them.
//
// Run by ../browser.rs with a server for which two seconds without activity are enough. Environment: BASE, CHROMIUM.

import assert from "node:assert/strict";
import { accessible, connected, finish, fits, founds, here, joins, step, visitor } from "./support.mjs";

const { BASE } = process.env;
const [ada, bob] = [await visitor(), await visitor({ viewport: { width: 320, height: 568 }, colorScheme: "dark" })];

/** Waits until `page` says of somebody that they are this. */
const is = (page, name, status) => page.waitForFunction(([name, status]) => {
  const item = [...document.querySelectorAll("#members li")].find((item) => item.querySelector(".name").textContent === name);
  return item?.querySelector(".presence").textContent === status;
}, [name, status]);

/** Waits until each of `pages` has shown Ada as online, who does something in `tab` again and again. */
async function online(tab, pages) {
  let shown = false;
  const all = Promise.all(pages.map((page) => is(page, "Ada", "online"))).finally(() => { shown = true; });
  while (!shown) await Promise.race([all, tab.press("#log", "ArrowDown").then(() => tab.waitForTimeout(200))]);
  await all;
}

await step("two people, one of them in two tabs", async () => {
  await founds(ada, BASE, "Ada");
  await joins(bob, ada.url(), "Bob");
});
const second = await ada.context().newPage();
await second.goto(ada.url());
await connected(second);
await here(bob, ["Ada", "Bob"]);

await step("whoever does nothing is away, for everybody", async () => {
  for (const page of [ada, second, bob]) await is(page, "Ada", "away");
});

await step("one key in one of the tabs, and they are online in all", async () => {
  await online(second, [ada, second, bob]);
});

await step("a tab that is closed changes nothing while the other one is there", async () => {
  await second.close();
  await is(bob, "Ada", "away");
  await here(bob, ["Ada", "Bob"]);
  await online(ada, [ada, bob]);
});

await step("as dot and word, on a phone and in the dark", async () => {
  await bob.click(".people summary");
  await accessible(bob, "the people");
  await fits(bob, "the people");
  assert.equal(await bob.locator("#members .presence .dot").count(), 2);
});

await step("whoever closes all of them is gone", async () => {
  await ada.context().close();
  await here(bob, ["Bob"]);
});

await finish();
