// Messages of several days and authors, with a line before each day and one name for what belongs together.
//
// Run by ../browser.rs, which has made the messages. Environment: BASE (the server's address), ROOM (a code), COOKIE (Ada's session) and
// CHROMIUM.

import assert from "node:assert/strict";
import { connected, everywhere, finish, step, visitor } from "./support.mjs";

const { BASE, ROOM, COOKIE } = process.env;
const [, name, value] = /^([^=]*)=(.*)$/.exec(COOKIE);
const now = new Date("2026-03-03T15:00:00Z");

/** The room, as somebody sees it who lives there. */
async function room(options) {
  const page = await visitor({ locale: "en-GB", ...options });
  await page.context().addCookies([{ name, value, url: BASE }]);
  await page.clock.setFixedTime(now);
  await page.goto(`${BASE}rooms/${ROOM}`);
  return page;
}

/** Days by what they are called, messages by what they say, those that begin a group with a >. */
const list = (page) => page.locator("#messages > li:not(#unread)").evaluateAll((items) => items.map((item) => {
  if (item.classList.contains("day")) return item.textContent.replace(",", "");
  return `${item.classList.contains("first") ? "> " : ""}${item.querySelector(".bubble").textContent}`;
}));

await step("a line before each day, and a name before each group", async () => {
  const page = await room({ timezoneId: "UTC" });
  await connected(page);
  assert.deepEqual(await list(page), [
    "Friday 20 February", "> long ago", "Yesterday", "> one", "two", "> after a while", "> another", "Today", "> today",
  ]);
  const shown = await page.locator(".message .meta").evaluateAll((all) => all.map((meta) => getComputedStyle(meta).clipPath === "none"));
  assert.deepEqual(shown, [true, true, false, true, true, true], "the name of a group is shown once");
  assert.deepEqual(
    await page.locator(".message .author").allTextContents(),
    ["You", "You", "You", "You", "Bob", "Bob"], "and told for each message to those who do not see it",
  );
  await everywhere(page, "several days");
  await page.context().close();
});

await step("days are those of where one is", async () => {
  const page = await room({ timezoneId: "Pacific/Kiritimati" });
  await connected(page);
  assert.deepEqual(await list(page), [
    "Saturday 21 February", "> long ago", "Yesterday", "> one", "two", "> after a while", "> another", "> today",
  ]);
  await page.context().close();
});

await step("without a script they are those of UTC, as dates", async () => {
  const page = await room({ javaScriptEnabled: false });
  const days = await page.locator("#messages .day").allTextContents();
  assert.equal(days.length, 3);
  for (const [index, part] of ["20 February", "2 March", "3 March"].entries()) assert.ok(days[index].includes(part), days[index]);
  assert.deepEqual((await list(page)).filter((item) => item.startsWith("> ")).length, 5);
  await page.context().close();
});

await finish();
