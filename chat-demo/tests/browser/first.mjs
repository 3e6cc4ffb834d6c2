// How long it takes until the first page, and then a room, can be used, by a browser that has nothing of it yet.
//
// Run by ../browser.rs. Environment: BASE (the server's address), LIMIT (milliseconds) and CHROMIUM.

import assert from "node:assert/strict";
import { finish, founds, joins, step, visitor } from "./support.mjs";

const { BASE, LIMIT } = process.env;

/** Milliseconds from the beginning of the navigation until `usable` says so, in the browser's own time. */
const until = async (page, usable) => (await page.waitForFunction(usable)).jsonValue();

const took = async (name, times) => {
  const longest = Math.max(...times);
  console.log(`${name}: usable after ${times.map(Math.round).join(", ")} ms`);
  assert.ok(longest < Number(LIMIT), `${name}: ${longest} ms`);
};

await step("the first page", async () => {
  const times = [];
  for (let visit = 0; visit < 5; visit += 1) {
    const page = await visitor();
    await page.goto(BASE, { waitUntil: "commit" });
    times.push(await until(page, () => {
      const styled = [...document.styleSheets].length > 0 && document.readyState === "complete";
      return styled && document.querySelector("#name")?.checkVisibility() && performance.now();
    }));
    await page.context().close();
  }
  await took("the first page", times);
});

await step("a room, by somebody who is known there, in a browser that has nothing in its cache", async () => {
  const ada = await visitor();
  await founds(ada, BASE, "Ada");
  const times = [];
  for (let visit = 0; visit < 5; visit += 1) {
    const guest = await visitor();
    await joins(guest, ada.url(), `Guest ${visit}`);
    const cookies = await guest.context().cookies();
    const cold = await visitor();
    await cold.context().addCookies(cookies);
    await cold.goto(ada.url(), { waitUntil: "commit" });
    times.push(await until(cold, () => document.querySelector("#status")?.dataset.state === "live" && performance.now()));
    await cold.context().close();
    await guest.context().close();
  }
  await took("a room", times);
});

await finish();
