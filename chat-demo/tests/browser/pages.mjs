// The pages of somebody who is in, but for the rooms, as axe-core, a phone and a keyboard find them. Those on the way in are in
// entrance.mjs, the states of a room in states.mjs.
//
// Run by ../browser.rs. Environment: BASE (the address of the server), EMAIL (whether it sends mails) and CHROMIUM.

import assert from "node:assert/strict";
import { checked, connected, finish, founds, say, shown, step, visitor } from "./support.mjs";

const { BASE, EMAIL } = process.env;
const ada = await visitor();
const bob = await visitor();
const last = (page, text) => page.waitForFunction((text) => [...document.querySelectorAll("#messages > .message .bubble")].at(-1)?.textContent === text, text);

await step("a workspace, its invitation, and a channel that is not there", async () => {
  await ada.goto(BASE);
  await ada.click("text=A workspace, with channels");
  await ada.fill("#workspace-name", "Ada");
  await ada.fill("#workspace", "Engines & Co");
  await ada.click("text=Create a workspace");
  await ada.waitForURL(/\/workspaces\//);
  const workspace = new URL(ada.url()).pathname.slice(1);
  await shown(bob, BASE, workspace, /Engines & Co/);
  await bob.fill("#name", "Bob");
  await bob.click("button:has-text('Join')");
  await bob.locator("#members").waitFor();
  await checked(bob, /Engines & Co/);
  await shown(ada, BASE, `${workspace}/channels?name=nowhere`, /no such channel/, 404);
  await ada.goto(`${BASE}${workspace}`);
  const offline = ada.locator(".presence[data-status=offline] .dot").first();
  assert.equal(await offline.evaluate((dot) => getComputedStyle(dot).visibility), "hidden", "no green dot");
  await ada.fill("#channel", "!?");
  await ada.click("text=Open");
  await ada.locator("[role=alert]").waitFor();
  await checked(ada, /Engines & Co/);
  await ada.fill("#body", "Lunch!");
  await ada.click("button:has-text('Tell')");
  await ada.locator("[role=status]").waitFor();
  await checked(ada, /Engines & Co/);
  await bob.goto(`${BASE}${workspace}`);
  await bob.click("#channels a");
  await connected(bob);
});

await step("notifications: none, new and seen ones, of rooms, channels and people", async () => {
  await shown(ada, BASE, "notifications", /Notifications/);
  await ada.goto(bob.url());
  await connected(ada);
  const room = await visitor();
  await founds(room, BASE, "Cleo");
  await ada.goto(room.url());
  await connected(ada);
  await ada.goto(BASE);
  await say(room, "@ada in a room");
  await last(room, "@ada in a room");
  await say(bob, "@ada in a channel");
  await last(bob, "@ada in a channel");
  await say(bob, "/msg ada alone");
  await last(bob, "alone");
  await shown(ada, BASE, "notifications", /Notifications/);
  const code = (await room.locator("h1").textContent()).replace("Room ", "");
  const places = await ada.locator("#notices a").allTextContents();
  assert.deepEqual(places.sort(), ["Bob in #general of Engines & Co new", "Bob to you new", `Cleo in ${code} new`]);
  await ada.click("text=Mark all as seen");
  await ada.waitForSelector("text=Nothing new");
  await checked(ada, /Notifications/);
  await shown(ada, BASE, "notifications?at=0&room=22222222&seq=0", /Notifications/);
  await room.context().close();
});

await step("how one is told", async () => {
  await shown(ada, BASE, "account/notifications", /How you are told/);
  await ada.locator(".ways button").first().click();
  await ada.locator("text=Notify me again").waitFor();
  await checked(ada, /How you are told/);
  if (!EMAIL) return;
  await ada.fill("#address", "ada@example.org");
  await ada.press("#address", "Enter");
  await ada.locator("[role=status]:has-text('Look into your mail')").waitFor();
  await checked(ada, /How you are told/);
  await shown(ada, BASE, "confirm/1/something", /Is this your address/);
  await ada.click("main button");
  await ada.locator("text=does not work any more").waitFor();
  await checked(ada, /does not work any more/);
  await shown(ada, BASE, "unsubscribe/1/something", /No more mails/);
  await ada.click("main button");
  await ada.locator("text=none of ours").waitFor();
  await checked(ada, /none of ours/);
});

await step("search: nothing asked, found, not found, refused", async () => {
  await shown(ada, BASE, "search", /Search/);
  await shown(ada, BASE, "search?q=channel", /Search/);
  assert.equal(await ada.locator("#found li").count(), 1);
  await shown(ada, BASE, "search?q=nothing+of+this", /Search/);
  await shown(ada, BASE, "search?q=a*", /Search/, 422);
});

await step("the first page of somebody with rooms and workspaces", async () => {
  await shown(ada, BASE, "", /A room of your own/);
  assert.equal(await ada.locator("#rooms li").count(), 3);
});

await finish();
