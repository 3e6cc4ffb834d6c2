// Two rooms, and no mouse: what is unread, who is mentioned, and how to go from one room to another.
//
// Run by ../browser.rs. Environment: BASE (the address of the server) and CHROMIUM.

import assert from "node:assert/strict";
import { accessible, connected, finish, fits, picture, step, visitor } from "./support.mjs";

const { BASE } = process.env;
const codeOf = (page) => new URL(page.url()).pathname.split("/")[2];
const [ada, bob] = [await visitor(), await visitor()];
const press = (page, ...keys) => keys.reduce((done, key) => done.then(() => page.keyboard.press(key)), Promise.resolve());

/** Goes on with Tab until the element that `selector` finds has the focus. */
async function tabTo(page, selector) {
  for (let tries = 0; tries < 40; tries += 1) {
    if (await page.evaluate((selector) => document.activeElement.matches(selector), selector)) return;
    await page.keyboard.press("Tab");
  }
  assert.fail(`${selector} is not reached by Tab`);
}

/** Makes a room, by keys alone. */
async function found(page, name) {
  await page.goto(BASE);
  await tabTo(page, "#name");
  await press(page, "Control+A");
  await page.keyboard.type(name);
  await press(page, "Enter");
  await connected(page);
  return codeOf(page);
}

async function write(page, text) {
  await tabTo(page, "#body");
  await page.keyboard.type(text);
  await press(page, "Enter");
  await page.waitForFunction(() => document.querySelector("#outbox").children.length === 0);
}

const title = (page, wanted) => page.waitForFunction((wanted) => document.title.startsWith(wanted), wanted)
  .catch(async () => assert.equal(await page.title(), wanted));
const goes = (page, code) => page.waitForURL(`${BASE}rooms/${code}`).then(() => connected(page));
const focus = (page) => page.evaluate(() => document.activeElement.id);

let one;
let two;
await step("a room each, and both in the second one", async () => {
  one = await found(ada, "Ada");
  two = await found(bob, "Bob");
  await ada.goto(`${BASE}rooms/${two}`);
  await connected(ada);
});

await step("Alt and an arrow go to the room before, and round", async () => {
  await press(ada, "Alt+ArrowUp");
  await goes(ada, one);
  await press(ada, "Alt+ArrowUp");
  await goes(ada, two);
  await press(ada, "Alt+ArrowDown");
  await goes(ada, one);
});

await step("what is said elsewhere is counted, in the list and in the title", async () => {
  await write(bob, "Is anybody here?");
  await title(ada, "(1) ");
  await write(bob, "@ada, can you come?");
  await title(ada, "(2, @1) ");
  assert.match(await ada.locator("#news").textContent(), /^Bob mentions you in/);
  await tabTo(ada, "#menu summary");
  await press(ada, "Enter");
  assert.match(await ada.locator(`#rooms [data-code="${two}"]`).innerText(), /2 new\s+1 mention/);
  await accessible(ada, "the rooms");
  await picture(ada, "rooms");
  await press(ada, "Enter");
});

await step("Ctrl+K goes to a room by a part of its code", async () => {
  await tabTo(ada, "#body");
  await press(ada, "Control+K");
  assert.equal(await focus(ada), "wanted");
  await accessible(ada, "the switcher");
  await picture(ada, "switcher");
  await press(ada, "Escape");
  await ada.waitForFunction(() => !document.querySelector("dialog"));
  assert.equal(await focus(ada), "body", "back to where it was");
  await press(ada, "Meta+K");
  assert.equal(await focus(ada), "wanted", "on a Mac");
  await press(ada, "Escape");
  await ada.waitForFunction(() => !document.querySelector("dialog"));
  await press(ada, "Control+K");
  await ada.keyboard.type("oo!");
  assert.equal(await ada.locator("#options li").count(), 0);
  assert.match(await ada.locator("#switcher .hint").textContent(), /Enter goes to this code/);
  await press(ada, "Control+A", "Backspace");
  await ada.keyboard.type(two.slice(2, 6).toLowerCase());
  assert.equal(await ada.locator("#options [aria-selected=true]").count(), 1);
  await press(ada, "Enter");
  await goes(ada, two);
});

await step("a line before what is new, a mention stands out, and then it is read", async () => {
  assert.equal(await ada.locator("#unread + .message, #unread + .day + .message").getAttribute("data-seq"), "1");
  assert.equal(await ada.locator(".mention.me").textContent(), "@ada");
  assert.equal(await bob.locator(".mention:not(.me)").textContent(), "@ada");
  await accessible(ada, "a mention");
  await press(ada, "Alt+ArrowUp");
  await goes(ada, one);
  await ada.waitForFunction(() => document.querySelector("#elsewhere").textContent === "");
  assert.doesNotMatch(await ada.title(), /^\(/);
});

await step("what is read in one tab is not new in another", async () => {
  const second = await ada.context().newPage();
  await second.goto(`${BASE}rooms/${two}`);
  await connected(second);
  await write(bob, "One more.");
  await second.waitForFunction(() => document.querySelectorAll("#messages > .message").length === 3);
  await write(bob, "And another.");
  await second.waitForFunction(() => document.querySelectorAll("#messages > .message").length === 4);
  // The server knows it too, before the tab is closed: what a closing page says last may be lost.
  for (let tries = 0; (await (await ada.context().request.get(BASE)).text()).includes('class="new"'); tries += 1) {
    assert.ok(tries < 100, "what was read is not kept");
    await second.waitForTimeout(100);
  }
  await second.close();
  await ada.waitForFunction(() => document.querySelector("#elsewhere").textContent === "");
  await ada.reload();
  await connected(ada);
  await ada.waitForFunction(() => document.querySelector("#elsewhere").textContent === "");
});

await step("? shows the keys, and Escape closes it", async () => {
  await tabTo(ada, "#log");
  await press(ada, "?");
  assert.match(await ada.locator("dialog").innerText(), /Ctrl \+ K/);
  await accessible(ada, "help");
  await press(ada, "Escape");
  await ada.waitForFunction(() => !document.querySelector("dialog"));
  assert.equal(await focus(ada), "log");
  await tabTo(ada, "#body");
  await press(ada, "?");
  assert.equal(await ada.inputValue("#body"), "?", "where one writes it is a character");
  await press(ada, "Backspace");
});

await step("one's own message is kept or deleted, and the focus is never lost", async () => {
  await write(ada, "to be kept, and then deleted");
  const mine = ada.locator("#messages > .message.mine").last();
  const text = (wanted) => ada.waitForFunction((wanted) => document.activeElement.textContent === wanted, wanted);
  await tabTo(ada, ".message.mine:last-child .tools button:last-child");
  await press(ada, "Enter");
  await text("Delete for everybody");
  await press(ada, "Tab");
  await text("Keep");
  await press(ada, "Enter");
  await text("Delete");
  await press(ada, "Enter", "Enter");
  await mine.locator(".bubble:text('This message was deleted')").waitFor();
  assert.equal(await focus(ada), "log");
});

await step("on a phone, in the dark, and on the first page without a script", async () => {
  const options = { viewport: { width: 320, height: 568 }, colorScheme: "dark", storageState: await ada.context().storageState() };
  const phone = await visitor(options);
  await phone.goto(`${BASE}rooms/${one}`);
  await connected(phone);
  await write(bob, "@Ada!");
  await title(phone, "(1, @1) ");
  await fits(phone, "room with news elsewhere");
  await picture(phone, "phone-news");
  const boxes = await phone.locator(".title, #menu, .people").evaluateAll((all) => all.map((one) => one.getBoundingClientRect().toJSON()));
  for (const [index, one] of boxes.entries()) {
    for (const other of boxes.slice(index + 1)) {
      const apart = one.right <= other.left || other.right <= one.left || one.bottom <= other.top || other.bottom <= one.top;
      assert.ok(apart, `they lie on each other: ${JSON.stringify([one, other])}`);
    }
  }
  await tabTo(phone, "#menu summary");
  await press(phone, "Enter");
  const box = await phone.locator("#menu nav").boundingBox();
  assert.ok(box.x >= 0 && box.x + box.width <= 320, JSON.stringify(box));
  await accessible(phone, "the rooms on a phone");
  await fits(phone, "the rooms on a phone");
  await picture(phone, "phone-rooms");
  await press(phone, "Enter", "Control+K");
  await fits(phone, "the switcher on a phone");
  await accessible(phone, "the switcher on a phone");
  await phone.context().close();
  const plain = await visitor({ ...options, javaScriptEnabled: false });
  await plain.goto(BASE);
  assert.match(await plain.locator(`#rooms [data-code="${two}"]`).innerText(), /1 new\s+1 mention/);
  await fits(plain, "first page with rooms");
  await plain.context().close();
});

await step("/leave leaves a room for good", async () => {
  await tabTo(ada, "#body");
  await ada.keyboard.type("/leave");
  await press(ada, "Enter");
  await ada.waitForURL(BASE);
  await accessible(ada, "first page with rooms");
  assert.equal(await ada.locator(`#rooms [data-code="${one}"]`).count(), 0);
  assert.equal(await ada.locator(`#rooms [data-code="${two}"]`).count(), 1);
  await tabTo(ada, `[data-code="${two}"]`);
  await press(ada, "Enter");
  await goes(ada, two);
});

await finish();
