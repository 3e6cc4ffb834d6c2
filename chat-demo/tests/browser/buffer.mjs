// The message buffer is killed while two people talk, and neither of them notices.
//
// Run by ../browser.rs, which starts the server. Environment: BASE (its address), KILL (an address that kills the message buffer
// whenever it is asked) and CHROMIUM.

import assert from "node:assert/strict";
import { finish, founds, joins, say, shows, step, visitor } from "./support.mjs";

const { BASE, KILL } = process.env;

async function kill() {
  const response = await fetch(KILL);
  assert.equal(response.status, 200);
}

const ada = await visitor();
const bob = await visitor();
const lines = [];

await step("two people talk", async () => {
  await founds(ada, BASE, "Ada");
  await joins(bob, ada.url(), "Bob");
  await say(ada, "before");
  lines.push("before");
  await shows(bob, lines);
});

await step("the message buffer is killed again and again while both talk", async () => {
  for (let round = 0; round < 4; round += 1) {
    for (const [name, page] of [["Ada", ada], ["Bob", bob]]) {
      await Promise.all([say(page, `${name}, round ${round}`), kill()]);
      await page.waitForFunction(() => document.querySelector("#outbox").children.length === 0);
      lines.push(`${name}, round ${round}`);
    }
  }
});

await step("both have all of it once and in order, and stayed connected", async () => {
  for (const page of [ada, bob]) {
    await shows(page, lines);
    assert.equal(await page.locator("#status").getAttribute("data-state"), "live", "nobody noticed");
  }
});

await step("whoever comes later has it too", async () => {
  await ada.reload();
  await shows(ada, lines);
});

await finish();
