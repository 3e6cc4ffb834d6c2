// Two people who talk with each other alone, by keys, on a phone, and without a script.
//
// Run by ../browser.rs. Environment: BASE (the address of the server) and CHROMIUM.

import assert from "node:assert/strict";
import { accessible, connected, finish, fits, here, picture, say, step, visitor } from "./support.mjs";

const { BASE } = process.env;
const codeOf = (page) => new URL(page.url()).pathname.split("/")[2];
const [ada, bob] = [await visitor(), await visitor()];

async function founds(page, name) {
  await page.goto(BASE);
  await page.fill("#name", name);
  await page.press("#name", "Enter");
  await connected(page);
  return codeOf(page);
}

const title = (page, wanted) => page.waitForFunction((wanted) => document.title === wanted, wanted)
  .catch(async () => assert.equal(await page.title(), wanted));
const last = (page) => page.locator("#messages > .message .bubble").last();
const told = (place) => (page, wanted) => page.waitForFunction(
  ([place, wanted]) => document.querySelector(place).textContent.includes(wanted), [place, wanted],
).catch(async () => assert.equal(await page.locator(place).textContent(), wanted));
const [answer, news] = [told("#answer"), told("#news")];

let shared;
let between;
await step("two people in one room, one of them in another as well", async () => {
  shared = await founds(ada, "Ada");
  await founds(bob, "Bob");
  const elsewhere = bob.url();
  await bob.goto(`${BASE}rooms/${shared}`);
  await connected(bob);
  await here(ada, ["Ada", "Bob"]);
  await bob.goto(elsewhere);
  await connected(bob);
});

await step("/msg to a name that nobody has is refused, and what was written is kept", async () => {
  await say(ada, "/msg Cleo Are you there?");
  await answer(ada, "Nobody in your rooms has this name");
  assert.equal(await ada.inputValue("#body"), "/msg Cleo Are you there?");
});

await step("/msg goes to the room between two, and the other is told in theirs", async () => {
  await say(ada, "  /msg bob Are you there?");
  await ada.waitForURL((url) => /rooms\/Z/.test(url.pathname));
  await connected(ada);
  between = codeOf(ada);
  await title(ada, "Bob · Rooms");
  assert.equal(await last(ada).textContent(), "Are you there?");
  await news(bob, "Ada writes to you");
  await bob.waitForFunction(() => document.title.startsWith("(1, @1) "));
  assert.match(await bob.locator(`#rooms [data-code="${between}"]`).evaluate((link) => link.textContent), /Ada\s+1 new\s+1 mention/);
  await accessible(ada, "a conversation");
  await picture(ada, "conversation");
});

await step("Ctrl+K finds the conversation by the name, and the answer comes back", async () => {
  await bob.locator("#body").focus();
  await bob.keyboard.press("Control+K");
  await bob.keyboard.type("ad");
  assert.equal(await bob.locator("#options [aria-selected=true]").count(), 1);
  await accessible(bob, "the switcher with a name");
  await bob.keyboard.press("Enter");
  await bob.waitForURL(`${BASE}rooms/${between}`);
  await connected(bob);
  await title(bob, "Ada · Rooms");
  await bob.locator("#body").focus();
  await bob.keyboard.type("I am.");
  await bob.keyboard.press("Enter");
  await ada.waitForFunction(() => document.querySelectorAll("#messages > .message").length === 2);
  assert.equal(await last(ada).textContent(), "I am.");
  await say(bob, "/who");
  await answer(bob, "Nobody else can come here. 2 here: Ada, Bob");
});

await step("another name is followed in the title, the heading and the list", async () => {
  await say(bob, "/nick Robert");
  await title(ada, "Robert · Rooms");
  assert.equal(await ada.locator("#with").textContent(), "Robert");
  assert.match(await ada.locator(`#rooms [data-code="${between}"]`).evaluate((link) => link.textContent), /Robert/);
});

await step("/leave closes it, and the next message opens it again", async () => {
  await say(ada, "/leave");
  await ada.waitForURL(BASE);
  assert.equal(await ada.locator(`#rooms [data-code="${between}"]`).count(), 0);
  await ada.goto(`${BASE}rooms/${shared}`);
  await connected(ada);
  await say(bob, "One more thing");
  await news(ada, "Robert writes to you");
  await ada.waitForFunction((code) => document.querySelector(`#rooms [data-code="${code}"]`), between);
});

await step("the button beside a person opens it, by keys, on a phone and in the dark", async () => {
  const options = { viewport: { width: 320, height: 568 }, colorScheme: "dark", storageState: await ada.context().storageState() };
  await bob.goto(`${BASE}rooms/${shared}`);
  await connected(bob);
  const phone = await visitor(options);
  await phone.goto(`${BASE}rooms/${shared}`);
  await connected(phone);
  await here(phone, ["Ada", "Robert"]);
  await phone.locator(".people summary").focus();
  await phone.keyboard.press("Enter");
  await accessible(phone, "people with buttons");
  await fits(phone, "people with buttons");
  await picture(phone, "phone-people");
  const focused = () => phone.evaluate(() => document.activeElement.matches(".talk button"));
  for (let tries = 0; !(await focused()) && tries < 20; tries += 1) await phone.keyboard.press("Tab");
  assert.ok(await focused(), "it is reached by Tab");
  await phone.keyboard.press("Enter");
  await phone.waitForURL(`${BASE}rooms/${between}`);
  await connected(phone);
  await title(phone, "Robert · Rooms");
  await accessible(phone, "a conversation on a phone");
  await fits(phone, "a conversation on a phone");
  await picture(phone, "phone-conversation");
  await phone.context().close();
  const plain = await visitor({ ...options, javaScriptEnabled: false });
  await plain.goto(`${BASE}rooms/${shared}`);
  await plain.locator(".people summary").click();
  await plain.locator(".talk button").click();
  await plain.waitForURL(`${BASE}rooms/${between}`);
  assert.equal(await plain.title(), "Robert · Rooms");
  await plain.context().close();
});

await step("a stranger with the code finds no such room", async () => {
  const eve = await visitor();
  await founds(eve, "Eve");
  await eve.goto(`${BASE}rooms/${between}`);
  assert.match(await eve.locator("h1").textContent(), /no such room/);
  await accessible(eve, "no such room");
});

await finish();
