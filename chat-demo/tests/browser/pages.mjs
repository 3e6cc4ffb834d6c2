// Every page but the rooms, as axe-core, a phone and a keyboard find it. The states of a room are in states.mjs.
//
// Run by ../browser.rs. Environment: BASE (the address of the server), EMAIL (whether it sends mails) and CHROMIUM.

import assert from "node:assert/strict";
import { connected, everywhere, finish, founds, joins, say, step, tabbed, visitor } from "./support.mjs";

const { BASE, EMAIL } = process.env;
const ada = await visitor();
const bob = await visitor();
const last = (page, text) => page.waitForFunction((text) => [...document.querySelectorAll("#messages > .message .bubble")].at(-1)?.textContent === text, text);

/** A page, which is answered with this status and has this heading. */
async function shown(page, path, heading, status = 200) {
  const answer = await page.goto(`${BASE}${path}`);
  assert.equal(answer.status(), status, path);
  await checked(page, heading);
}

async function checked(page, heading) {
  assert.match(await page.locator("h1").textContent(), heading);
  const name = new URL(page.url()).pathname;
  await everywhere(page, `${name} ${heading}`);
  await tabbed(page, `${name} ${heading}`);
}

/** Sends a form that the page does not have itself. */
async function sends(page, path, fields) {
  await page.goto(BASE);
  await Promise.all([page.waitForEvent("load"), page.evaluate(([path, fields]) => {
    const form = document.createElement("form");
    Object.assign(form, { method: "post", action: path });
    for (const [name, value] of Object.entries(fields)) {
      const field = document.createElement("input");
      Object.assign(field, { name, value });
      form.append(field);
    }
    document.body.append(form);
    form.submit();
  }, [path, fields])]);
}

await step("the first page, to a stranger", async () => {
  await shown(ada, "", /A room of your own/);
  await ada.click("text=A workspace, with channels");
  await checked(ada, /A room of your own/);
});

await step("what is refused: codes, names, addresses, forms", async () => {
  await shown(ada, "rooms?code=ABC", /not a room code/, 404);
  await shown(ada, "rooms/YYYYYYYY", /no such room yet/, 404);
  await shown(ada, "rooms/ZYYYYYYY", /no such room/, 404);
  await shown(ada, "workspaces?code=ABC", /./, 404);
  await shown(ada, "workspaces/WYYYYYYY", /./, 404);
  await shown(ada, "nowhere", /nothing here/, 404);
  await shown(ada, "rooms/ABCDEFGH/files/1", /Who are you/, 403);
  await sends(ada, "/rooms", { name: "x".repeat(33) });
  await ada.getByText("At most 32 characters", { exact: false }).waitFor();
  await checked(ada, /./);
  await sends(ada, "/rooms", { other: "" });
  await checked(ada, /./);
});

await step("logging in, and making an account", async () => {
  await shown(ada, "account/login", /Log in/);
  await ada.fill("#login", "ada-lovelace");
  await ada.fill("#password", "no such password");
  await ada.press("#password", "Enter");
  await ada.locator("[role=alert]").waitFor();
  await checked(ada, /Log in/);
  await shown(ada, "account/register", /Keep your name/);
  await ada.fill("#name", "Ada");
  await ada.fill("#login", "ada-lovelace");
  await ada.fill("#new", "password");
  await ada.locator("form").evaluate((form) => { form.noValidate = true; });
  await ada.fill("#new", "short");
  await ada.press("#new", "Enter");
  await ada.locator("[role=alert]").waitFor();
  await checked(ada, /Keep your name/);
  await ada.fill("#new", "a password that is long");
  await ada.press("#new", "Enter");
  await ada.waitForURL((url) => !url.pathname.startsWith("/account/register"));
});

await step("the account", async () => {
  await shown(ada, "account", /Your account/);
  await ada.fill("#password", "another password");
  await ada.fill("#new", "yet another password");
  await ada.press("#new", "Enter");
  await ada.locator("[role=alert]").waitFor();
  await checked(ada, /Your account/);
  await ada.fill("#password", "a password that is long");
  await ada.fill("#new", "yet another password");
  await ada.press("#new", "Enter");
  await ada.locator("[role=status]").waitFor();
  await checked(ada, /Your account/);
});

await step("a workspace, its invitation, and a channel that is not there", async () => {
  await ada.goto(BASE);
  await ada.click("text=A workspace, with channels");
  await ada.fill("#workspace", "Engines & Co");
  await ada.click("text=Create a workspace");
  await ada.waitForURL(/\/workspaces\//);
  const workspace = new URL(ada.url()).pathname.slice(1);
  await shown(bob, workspace, /Engines & Co/);
  await bob.fill("#name", "Bob");
  await bob.click("button:has-text('Join')");
  await bob.locator("#members").waitFor();
  await checked(bob, /Engines & Co/);
  await shown(ada, `${workspace}/channels?name=nowhere`, /no such channel/, 404);
  await ada.goto(`${BASE}${workspace}`);
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
  await shown(ada, "notifications", /Notifications/);
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
  await shown(ada, "notifications", /Notifications/);
  const code = (await room.locator("h1").textContent()).replace("Room ", "");
  const places = await ada.locator("#notices a").allTextContents();
  assert.deepEqual(places.sort(), ["Bob in #general of Engines & Co new", "Bob to you new", `Cleo in ${code} new`]);
  await ada.click("text=Mark all as seen");
  await ada.waitForSelector("text=Nothing new");
  await checked(ada, /Notifications/);
  await shown(ada, "notifications?at=0&room=22222222&seq=0", /Notifications/);
  await room.context().close();
});

await step("how one is told", async () => {
  await shown(ada, "account/notifications", /How you are told/);
  await ada.locator(".ways button").first().click();
  await ada.locator("text=Notify me again").waitFor();
  await checked(ada, /How you are told/);
  if (!EMAIL) return;
  await ada.fill("#address", "ada@example.org");
  await ada.press("#address", "Enter");
  await ada.locator("[role=status]:has-text('Look into your mail')").waitFor();
  await checked(ada, /How you are told/);
  await shown(ada, "confirm/1/something", /Is this your address/);
  await ada.click("main button");
  await ada.locator("text=does not work any more").waitFor();
  await checked(ada, /does not work any more/);
  await shown(ada, "unsubscribe/1/something", /No more mails/);
  await ada.click("main button");
  await ada.locator("text=none of ours").waitFor();
  await checked(ada, /none of ours/);
});

await step("search: nothing asked, found, not found, refused", async () => {
  await shown(ada, "search", /Search/);
  await shown(ada, "search?q=channel", /Search/);
  assert.equal(await ada.locator("#found li").count(), 1);
  await shown(ada, "search?q=nothing+of+this", /Search/);
  await shown(ada, "search?q=a*", /Search/, 422);
});

await step("the first page of somebody with rooms and workspaces, and of somebody who was there", async () => {
  await shown(ada, "", /A room of your own/);
  assert.equal(await ada.locator("#rooms li").count(), 3);
  await ada.goto(`${BASE}account`);
  await ada.click("text=Log out");
  await ada.waitForURL(BASE);
  await checked(ada, /A room of your own/);
  await shown(ada, "account/login?room=ABCDEFGH", /Log in/);
});

await finish();
