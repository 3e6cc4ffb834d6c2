// Every state of a room, as axe-core, a phone and a keyboard find it, and what moves only for those who like it.
//
// Run by ../browser.rs. Environment: BASE (the address of the server) and CHROMIUM.

import assert from "node:assert/strict";
import { connected, everywhere, finish, founds, joins, say, step, tabbed, visitor } from "./support.mjs";

const { BASE } = process.env;
const ada = await visitor({}, false);
const bob = await visitor();
const count = (page, number) =>
  page.waitForFunction((number) => document.querySelectorAll("#messages > .message").length === number, number);
const press = async (page, ...keys) => { for (const key of keys) await page.keyboard.press(key); };

// Between Ada's pages and the server, once she has a session: what is sent can be held up or refused, and the connection cut.
let cut = false;
let hold = false;
let refuse = null;
let open = [];
await ada.routeWebSocket(/\/socket$/, (near) => {
  if (cut) return near.close({ code: 1001, reason: "The network is gone" });
  const far = near.connectToServer();
  open.push(near);
  near.onMessage((text) => {
    const { type, id } = JSON.parse(text);
    if (type === "post" && hold) return;
    if (type === "post" && refuse) near.send(JSON.stringify({ type: "refused", id, reason: "body", text: refuse }));
    else far.send(text);
  });
});

await step("an empty room, for somebody with a name and for a stranger", async () => {
  await founds(ada, BASE, "Ada");
  await everywhere(ada, "an empty room");
  await tabbed(ada, "an empty room");
  await bob.goto(ada.url());
  await everywhere(bob, "a room, to a stranger");
  await tabbed(bob, "a room, to a stranger");
  await joins(bob, ada.url(), "Bob");
  const role = await ada.locator("#messages").evaluate((list) => [list.parentElement.tagName, list.parentElement.getAttribute("role")]);
  assert.deepEqual(role, ["DIV", "log"]);
});

await step("messages of all kinds", async () => {
  await say(ada, "Hello,\nBob " + "and a very long word ".replaceAll(" ", "-").repeat(20));
  await count(ada, 1);
  await ada.setInputFiles("#file", { name: "a long name of a file, which is no picture, and a quote \".txt", mimeType: "text/plain", buffer: Buffer.from("text") });
  await count(ada, 2);
  await say(bob, "@ada https://example.org <b>");
  await say(bob, "/me waves to @Ada");
  await count(bob, 4);
  for (const text of ["edited", "deleted"]) {
    await say(bob, `to be ${text}`);
    await bob.waitForFunction(() => document.querySelector("#outbox").children.length === 0);
  }
  await bob.hover(".message.mine:last-child");
  await bob.click(".message.mine:last-child .tools >> text=Delete");
  await everywhere(bob, "whether to delete a message");
  await tabbed(bob, "whether to delete a message");
  await bob.click("text=Delete for everybody");
  await bob.locator(".message.deleted").waitFor();
  await bob.locator(".message:has-text('to be edited')").hover();
  await bob.locator(".message:has-text('to be edited') .tools >> text=Edit").click();
  await everywhere(bob, "a message that is edited");
  await bob.fill("#body", "was edited");
  await press(bob, "Enter");
  await bob.locator(".changed").waitFor();
  await count(ada, 6);
  await ada.locator(".message.deleted").waitFor();
  await everywhere(ada, "messages");
  await tabbed(ada, "messages");
  await say(ada, "the last");
  await ada.locator(".message.mine:last-child .state:text('Sent')").waitFor();
  await everywhere(ada, "a message that is sent");
});

await step("the list of rooms, the people, the help and the switcher", async () => {
  for (const menu of ["#menu", ".people"]) {
    await ada.click(`${menu} summary`);
    await everywhere(ada, `${menu} open`);
    await tabbed(ada, `${menu} open`);
    await ada.click(`${menu} summary`);
  }
  await ada.focus("#log");
  await press(ada, "?");
  await everywhere(ada, "help");
  await press(ada, "Escape", "Control+K");
  await everywhere(ada, "the switcher");
  await ada.keyboard.type("ZZZZ");
  await everywhere(ada, "the switcher without a room");
  await press(ada, "Escape");
});

await step("the past, and one message of it", async () => {
  const page = await ada.context().newPage();
  await page.setViewportSize({ width: 1080, height: 720 });
  for (const part of ["?before=4", "?around=3#m-3"]) {
    await page.goto(`${ada.url()}${part}`);
    await everywhere(page, part);
    await tabbed(page, part);
  }
  await page.close();
});

await step("answers, news, and a message that is too long", async () => {
  await say(ada, "/who");
  await ada.click(".people summary");
  await everywhere(ada, "an answer");
  await ada.fill("#body", "x".repeat(4200));
  await everywhere(ada, "a message that is too long");
  await ada.fill("#body", "");
});

await step("a message that waits, and one that is refused", async () => {
  hold = true;
  await say(ada, "held up");
  await ada.locator("#outbox .pending").waitFor();
  await everywhere(ada, "a message on its way");
  [hold, refuse] = [false, "This is only a test."];
  open.at(-1).close();
  await ada.locator("#outbox .failed").waitFor();
  await everywhere(ada, "a message that is refused");
  await tabbed(ada, "a message that is refused");
  refuse = null;
  await ada.focus("text=Try again");
  await press(ada, "Enter");
  assert.equal(await ada.evaluate(() => document.activeElement.id), "log", "the focus is not lost with the button");
  await ada.locator("#messages .bubble:text('held up')").waitFor();
  assert.equal(await ada.locator("#outbox > li").count(), 0);
});

await step("a connection that is lost, and one that is over", async () => {
  cut = true;
  await ada.clock.install();
  open.at(-1).close();
  // Longer and longer, until one can ask for another try.
  for (let tries = 0; tries < 20 && !(await ada.locator("#now").isVisible()); tries += 1) {
    await ada.waitForFunction(() => document.querySelector("#status").dataset.state === "lost");
    if (!(await ada.locator("#now").isVisible())) await ada.clock.runFor(2_000);
  }
  await everywhere(ada, "no connection");
  await tabbed(ada, "no connection");
  cut = false;
  await ada.focus("#now");
  await press(ada, "Enter");
  await connected(ada);
  assert.equal(await ada.evaluate(() => document.activeElement.id), "log");
  open.at(-1).close({ code: 1008, reason: "This room is not open to you any more" });
  await ada.waitForFunction(() => /Reload the page/.test(document.querySelector("#connection").textContent));
  await everywhere(ada, "a connection that is over");
});

await step("a conversation of two", async () => {
  await say(bob, "/msg ada Just for you");
  await bob.waitForURL(/rooms\/Z/);
  await connected(bob);
  await everywhere(bob, "a conversation");
});

await step("nothing moves for those who do not like it", async () => {
  const moves = (page) => page.evaluate(() => {
    document.querySelector(".message").classList.add("fresh");
    document.querySelector("#status").dataset.state = "wait";
    const style = (selector) => getComputedStyle(document.querySelector(selector));
    return [style(".message").animationName, style("#status .dot").animationName, style("#send").transitionDuration];
  });
  assert.deepEqual(await moves(bob), ["none", "none", "0s"]);
  await bob.emulateMedia({ reducedMotion: "no-preference" });
  assert.deepEqual(await moves(bob), ["arrive", "breathe", "0.15s, 0.15s"]);
});

await finish();
