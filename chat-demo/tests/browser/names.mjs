// The names that are offered behind an @: by keys, by a click, with an input method, on a phone and in the dark.
//
// Run by ../browser.rs. Environment: BASE (the address of the server) and CHROMIUM.

import assert from "node:assert/strict";
import { accessible, connected, finish, fits, founds, here, joins, picture, say, shows, step, visitor } from "./support.mjs";

const { BASE } = process.env;
const [ada, bob, tables, zola] = await Promise.all([visitor(), visitor(), visitor(), visitor()]);
const lines = [];

const offered = (page) => page.locator("#names [role=option] .who").allTextContents();
/** Waits until these names are offered, the first of them chosen, or nothing at all. */
async function offers(page, names) {
  const wanted = JSON.stringify(names);
  await page.waitForFunction((wanted) => {
    const all = [...document.querySelectorAll("#names [role=option] .who")].map((name) => name.textContent);
    return JSON.stringify(all) === wanted;
  }, wanted).catch(async () => assert.deepEqual(await offered(page), names));
  assert.equal(await page.locator("#names").isVisible(), names.length > 0);
  await chosen(page, names[0]);
}

/** The one that is chosen, as it is seen, and as it is told to those who do not see it. */
async function chosen(page, name) {
  const [seen, told, focused] = await page.evaluate(() => {
    const name = (option) => option?.querySelector(".who").textContent;
    const told = document.querySelector("#body").getAttribute("aria-activedescendant");
    const marked = document.querySelectorAll("#names [aria-selected=true]");
    return [[...marked].map(name), told && name(document.getElementById(told)), document.activeElement.id];
  });
  assert.deepEqual(seen, name === undefined ? [] : [name]);
  assert.equal(told ?? undefined, name);
  assert.equal(focused, "body", "the field keeps the focus");
}

async function write(page, text) {
  await page.fill("#body", "");
  await page.focus("#body");
  await page.keyboard.type(text);
}

const written = (page) => page.inputValue("#body");

await step("four people, of whom one has said something and is gone", async () => {
  await founds(ada, BASE, "Ada");
  await joins(bob, ada.url(), "Bob");
  await joins(tables, ada.url(), "Bobby <i>Tables</i>");
  await joins(zola, ada.url(), "Émile Zola");
  await say(zola, "J'accuse");
  lines.push("J'accuse");
  await shows(ada, lines);
  await zola.context().close();
  await here(ada, ["Ada", "Bob", "Bobby <i>Tables</i>"]);
});

await step("behind an @ all are offered but oneself, first those who are here", async () => {
  await write(ada, "@");
  await offers(ada, ["Bob", "Bobby <i>Tables</i>", "Émile Zola"]);
  assert.equal(await ada.locator("#names i").count(), 0, "markup is text");
  assert.match(await ada.locator("#names [role=option]").last().innerText(), /not here/);
  assert.match(await ada.locator("#names + [role=status]").textContent(), /^3 names\. /);
  await accessible(ada, "the names");
  await picture(ada, "names");
});

await step("arrows go round, and Enter takes one without sending it", async () => {
  for (const name of ["Bobby <i>Tables</i>", "Émile Zola", "Bob"]) {
    await ada.keyboard.press("ArrowDown");
    await chosen(ada, name);
  }
  await ada.keyboard.press("ArrowUp");
  await ada.keyboard.press("ArrowUp");
  await chosen(ada, "Bobby <i>Tables</i>");
  await ada.keyboard.press("Enter");
  assert.equal(await written(ada), "@Bobby <i>Tables</i> ");
  await offers(ada, []);
  await shows(ada, lines);
});

await step("Tab takes one in the middle of a text, whatever its case; what is sent mentions them", async () => {
  await write(ada, "Come,  please");
  for (let back = 0; back < 7; back += 1) await ada.keyboard.press("ArrowLeft");
  await ada.keyboard.type("@BO");
  await offers(ada, ["Bob", "Bobby <i>Tables</i>"]);
  await ada.keyboard.press("Tab");
  await chosen(ada, undefined);
  assert.equal(await written(ada), "Come, @Bob  please");
  await ada.keyboard.press("Enter");
  lines.push("Come, @Bob  please");
  await shows(bob, lines);
  assert.equal(await bob.locator(".mention.me").textContent(), "@Bob");
  await ada.focus("#body");
  await ada.keyboard.press("Tab");
  assert.notEqual(await ada.evaluate(() => document.activeElement.id), "body", "without names Tab goes on");
});

await step("Escape closes the names for this @, and Enter sends what is written", async () => {
  await write(ada, "@b");
  await offers(ada, ["Bob", "Bobby <i>Tables</i>"]);
  await ada.keyboard.press("Escape");
  await offers(ada, []);
  await ada.keyboard.type("o");
  await offers(ada, []);
  await ada.keyboard.press("Enter");
  lines.push("@bo");
  await shows(ada, lines);
});

await step("Escape closes the names, and not what is edited", async () => {
  await ada.focus("#body");
  await ada.keyboard.press("ArrowUp");
  assert.equal(await written(ada), "@bo");
  await ada.keyboard.type("b");
  await ada.keyboard.press("Escape");
  assert.equal(await written(ada), "@bob");
  await ada.keyboard.press("Escape");
  assert.equal(await written(ada), "");
});

await step("a name that is written out is sent, and nothing is offered where no name can be", async () => {
  await write(ada, "@zola");
  await offers(ada, ["Émile Zola"]);
  await write(ada, "ada@bo");
  await offers(ada, []);
  await write(ada, "@bo\u00a0");
  await offers(ada, []);
  await write(ada, "@émile zola");
  await offers(ada, []);
  await ada.keyboard.press("Enter");
  lines.push("@émile zola");
  await shows(ada, lines);
});

await step("keys of an input method are not taken from it", async () => {
  const input = await ada.context().newCDPSession(ada);
  await write(ada, "@");
  await input.send("Input.imeSetComposition", { text: "bo", selectionStart: 2, selectionEnd: 2 });
  await offers(ada, ["Bob", "Bobby <i>Tables</i>"]);
  await ada.locator("#body").evaluate((field) => {
    for (const key of ["ArrowDown", "Enter", "Tab", "Escape"]) {
      field.dispatchEvent(new KeyboardEvent("keydown", { key, isComposing: true, bubbles: true, cancelable: true }));
      field.dispatchEvent(new KeyboardEvent("keydown", { key, keyCode: 229, bubbles: true, cancelable: true }));
    }
  });
  await offers(ada, ["Bob", "Bobby <i>Tables</i>"]);
  await input.send("Input.insertText", { text: "bobb" });
  await offers(ada, ["Bobby <i>Tables</i>"]);
  assert.equal(await written(ada), "@bobb");
  await shows(ada, lines);
});

await step("a click takes one, on a phone of 320 px and in the dark", async () => {
  const options = { viewport: { width: 320, height: 568 }, colorScheme: "dark", storageState: await ada.context().storageState() };
  const phone = await visitor(options);
  await phone.goto(ada.url());
  await connected(phone);
  await write(phone, "Ho @");
  await offers(phone, ["Bob", "Bobby <i>Tables</i>", "Émile Zola"]);
  await fits(phone, "the names on a phone");
  const box = await phone.locator("#names").boundingBox();
  assert.ok(box.x >= 0 && box.x + box.width <= 320 && box.y >= 0, JSON.stringify(box));
  await accessible(phone, "the names on a phone, in the dark");
  await picture(phone, "phone-names");
  await phone.locator("#names [role=option]").nth(1).click();
  assert.equal(await written(phone), "Ho @Bobby <i>Tables</i> ");
  await chosen(phone, undefined);
  await phone.keyboard.press("Shift+Tab");
  await phone.context().close();
});

await finish();
