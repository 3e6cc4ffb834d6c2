// Who is mentioned in another room: the count, the list, quiet rooms; by keys, on a phone, and without a script.
//
// Run by ../browser.rs. Environment: BASE, PUSH (whether the server sends push messages) and CHROMIUM.

import assert from "node:assert/strict";
import { accessible, connected, finish, fits, picture, say, step, visitor } from "./support.mjs";

const { BASE, PUSH } = process.env;
const ada = await visitor({ viewport: { width: 320, height: 568 } });
const bob = await visitor();
const badge = (page, text) => page.waitForFunction((text) => document.querySelector("#notices .badge")?.textContent === text, text);

await step("two people in one room, of whom one goes to another", async () => {
  await bob.goto(BASE);
  await bob.fill("#name", "Bob");
  await bob.click("text=Create a room");
  await connected(bob);
  await ada.goto(bob.url());
  await ada.fill("#name", "Ada");
  await ada.click("text=Join");
  await connected(ada);
  await ada.goto(BASE);
  await ada.click("text=Create a room");
  await connected(ada);
  assert.equal(await ada.locator("#notices .badge").count(), 0);
});

await step("a mention is counted while it happens, on a phone and in the dark", async () => {
  await say(bob, "@Ada <i>hello</i>");
  await badge(ada, "1 new");
  await say(bob, "@ada once more");
  await badge(ada, "2 new");
  await fits(ada, "the room with a count");
  await accessible(ada, "the room with a count");
  await ada.emulateMedia({ colorScheme: "dark" });
  await accessible(ada, "the room with a count, in the dark");
});

await step("the list, reached and marked by keys", async () => {
  await ada.focus("#notices");
  await ada.keyboard.press("Enter");
  await ada.waitForURL("**/notifications");
  assert.deepEqual(await ada.locator("#notices p").allTextContents(), ["@ada once more", "@Ada <i>hello</i>"]);
  await fits(ada, "the list");
  await accessible(ada, "the list");
  await picture(ada, "notifications");
  await ada.focus("text=Mark all as seen");
  await ada.keyboard.press("Enter");
  await ada.waitForSelector("text=Nothing new");
  assert.equal(await ada.locator("#notices .new").count(), 0);
});

await step("a quiet room", async () => {
  await ada.click("text=How you are told");
  await fits(ada, "the settings");
  await accessible(ada, "the settings");
  const room = ada.locator(".ways li", { has: ada.locator(`a[href="${new URL(bob.url()).pathname}"]`) });
  await room.locator("button").focus();
  await ada.keyboard.press("Enter");
  await room.locator("text=Notify me again").waitFor();
  await accessible(ada, "the settings with a quiet room");
  await ada.goto(bob.url());
  await connected(ada);
  await ada.click("#menu summary");
  await ada.click("text=Notify me again");
  await connected(ada);
  await ada.click("#menu summary");
  await ada.waitForSelector("text=Make quiet");
  await accessible(ada, "the menu");
  await fits(ada, "the menu");
});

await step("all of it without a script", async () => {
  await ada.goto(`${BASE}notifications`);
  const context = ada.context().browser().newContext({ javaScriptEnabled: false, storageState: await ada.context().storageState() });
  const plain = await (await context).newPage();
  await plain.goto(`${BASE}notifications`);
  assert.equal(await plain.locator("#notices li").count(), 2);
  await plain.click("text=How you are told");
  await plain.locator(".ways button").first().click();
  await plain.waitForSelector("text=Notify me again");
});

if (PUSH) {
  await step("a push message is shown once, as text, and only to those who allow it", async () => {
    await ada.goto(`${BASE}account/notifications`);
    await ada.click("text=Tell me in this browser");
    await ada.locator("#push [role=status]:has-text('The browser does not allow it')").waitFor();
    await ada.context().grantPermissions(["notifications"]);
    await ada.evaluate(() => navigator.serviceWorker.register("/worker.js").then(() => navigator.serviceWorker.ready));
    // What a push service would do.
    const browser = await ada.context().newCDPSession(ada);
    const registered = new Promise((resolve) => browser.on("ServiceWorker.workerRegistrationUpdated", ({ registrations }) =>
      registrations.length && resolve(registrations[0].registrationId)));
    await browser.send("ServiceWorker.enable");
    const message = { id: "notice-1", title: "Bob in room 7KQ2 MXPD", body: "<b>hello", url: "/rooms/7KQ2MXPD" };
    for (let times = 0; times < 2; times += 1) {
      await browser.send("ServiceWorker.deliverPushMessage", {
        origin: new URL(BASE).origin, registrationId: await registered, data: JSON.stringify(message),
      });
    }
    await ada.waitForFunction(async () => (await (await navigator.serviceWorker.ready).getNotifications()).length > 0);
    const shown = await ada.evaluate(async () => {
      const all = await (await navigator.serviceWorker.ready).getNotifications();
      return all.map(({ title, body, data }) => [title, body, data.url]);
    });
    assert.deepEqual(shown, [[message.title, message.body, message.url]]);
  });
}

await finish();
