// Two people in a real browser, and a room that is killed while they talk.
//
// Run by ../browser.rs, which starts the server. Environment: BASE (its address), ADMIN_TOKEN, CHROMIUM
// (the browser's path) and, to make the pictures of the documentation, PICTURES (a folder).

import assert from "node:assert/strict";
import {
  accessible, connected, finish, fits, founds, here, joins, picture, said, say, shows, step, visitor,
} from "./support.mjs";

const { BASE, ADMIN_TOKEN, PICTURES } = process.env;

async function kill(code) {
  const response = await fetch(`${BASE}admin/kill/services/rooms/${code}`, {
    method: "POST",
    headers: { authorization: `Bearer ${ADMIN_TOKEN}` },
  });
  assert.equal(response.status, 200, await response.text());
}

const ada = await visitor();
const bob = await visitor();
const lines = [];
let code;

await step("a name and a room, in one form", async () => {
  await ada.goto(BASE);
  await accessible(ada, "first page");
  await picture(ada, "chat-demo-home");
  await ada.fill("#name", "Ada");
  await ada.click("text=Create a room");
  await connected(ada);
  code = new URL(ada.url()).pathname.split("/")[2];
  assert.match(code, /^[2-9A-HJKMNP-Z]{8}$/);
  assert.equal(await ada.locator("h1").textContent(), `Room ${code.slice(0, 4)} ${code.slice(4)}`);
  await accessible(ada, "empty room");
});

await step("the code, written by hand, in a second browser", async () => {
  await bob.goto(BASE);
  await bob.fill("#code", `${code.slice(0, 4).toLowerCase()} - ${code.slice(4)}`);
  await bob.click("text=Join");
  await bob.fill("#name", "Bob");
  await bob.click("text=Join");
  await connected(bob);
  await here(ada, ["Ada", "Bob"]);
  await here(bob, ["Ada", "Bob"]);
});

await step("a message each way", async () => {
  await say(ada, "Hello Bob, did the deploy go through?");
  lines.push("Hello Bob, did the deploy go through?");
  await shows(bob, lines);
  await say(bob, "Just now. <b>All green</b> & quiet.");
  lines.push("Just now. <b>All green</b> & quiet.");
  await shows(ada, lines);
  await shows(bob, lines);
  assert.equal(await bob.locator(".bubble b").count(), 0, "markup is text");
});

await step("Shift+Enter breaks the line, an Enter of a composition does not send", async () => {
  await ada.fill("#body", "");
  await ada.locator("#body").pressSequentially("Good.");
  await ada.press("#body", "Shift+Enter");
  await ada.locator("#body").pressSequentially("Then I will kill the room now.");
  await ada.locator("#body").evaluate((field) => {
    field.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", isComposing: true, bubbles: true }));
    field.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", keyCode: 229, bubbles: true }));
  });
  await shows(ada, lines);
  assert.equal(await ada.inputValue("#body"), "Good.\nThen I will kill the room now.");
  await ada.press("#body", "Enter");
  lines.push("Good.\nThen I will kill the room now.");
  await shows(ada, lines);
  await shows(bob, lines);
});

await step("the room is killed, and a message each way again", async () => {
  await kill(code);
  await say(bob, "Did you? I did not notice anything.");
  lines.push("Did you? I did not notice anything.");
  await shows(ada, lines);
  await say(ada, "It was restarted in between.");
  lines.push("It was restarted in between.");
  await shows(bob, lines);
  await shows(ada, lines);
  await here(ada, ["Ada", "Bob"]);
  await here(bob, ["Ada", "Bob"]);
});

await step("killed again and again while both talk", async () => {
  for (let round = 0; round < 5; round += 1) {
    await Promise.all([kill(code), say(ada, `Ada, round ${round}`)]);
    await ada.waitForFunction(() => document.querySelector("#outbox").children.length === 0);
    await Promise.all([kill(code), say(bob, `Bob, round ${round}`)]);
    await bob.waitForFunction(() => document.querySelector("#outbox").children.length === 0);
    lines.push(`Ada, round ${round}`, `Bob, round ${round}`);
  }
  await shows(ada, lines);
  await shows(bob, lines);
  for (const page of [ada, bob]) {
    assert.equal(await page.locator("#status").getAttribute("data-state"), "live", "nobody noticed");
  }
});

await step("a message is edited with the arrow, another one is deleted, and both see it", async () => {
  await say(ada, "A tpyo.");
  lines.push("A tpyo.");
  await shows(ada, lines);
  await shows(bob, lines);
  await ada.press("#body", "ArrowUp");
  assert.equal(await ada.inputValue("#body"), "A tpyo.");
  await ada.fill("#body", "A typo.");
  await ada.press("#body", "Enter");
  lines[lines.length - 1] = "A typo.";
  await shows(ada, lines);
  await shows(bob, lines);
  assert.equal(await bob.locator("#messages > .message .changed").last().textContent(), "edited");
  assert.equal(await bob.locator(".message:not(.mine) .tools").count(), 0, "only one's own can be changed");

  await ada.press("#body", "ArrowUp");
  await ada.fill("#body", "never mind");
  await ada.press("#body", "Escape");
  await shows(ada, lines);

  const last = ada.locator("#messages > .message.mine").last();
  await last.hover();
  await last.getByText("Delete").click();
  await kill(code);
  await last.getByText("Delete for everybody").click();
  lines[lines.length - 1] = "This message was deleted";
  await shows(ada, lines);
  await shows(bob, lines);
  assert.equal(await last.locator(".tools").count(), 0);
});

await step("who is writing is shown, until it is said", async () => {
  await ada.locator("#body").pressSequentially("Wait");
  await bob.waitForFunction(() => document.querySelector("#typing").textContent === "Ada is writing…");
  assert.equal(await ada.locator("#typing").textContent(), "");
  await ada.press("#body", "Enter");
  lines.push("Wait");
  await shows(bob, lines);
  await bob.waitForFunction(() => document.querySelector("#typing").textContent === "");
});

await step("commands: what one does, a slash, help, who is here", async () => {
  await say(ada, "/me waves <b>");
  lines.push("Ada waves <b>");
  await say(ada, "//etc is a folder");
  lines.push("/etc is a folder");
  await shows(ada, lines);
  await shows(bob, lines);
  assert.equal(await bob.locator("#messages > .message.action").count(), 1);
  assert.equal(await bob.locator(".bubble b").count(), 0, "markup is text");
  await ada.press("#body", "ArrowUp");
  await ada.press("#body", "Escape");

  await say(ada, "/wave all");
  assert.match(await ada.locator("#answer").textContent(), /no command \/wave/);
  assert.equal(await ada.inputValue("#body"), "/wave all", "the text is kept");
  await say(ada, "/nick");
  assert.equal(await ada.locator("#answer").textContent(), "Write it as /nick NAME");
  await say(ada, "/join nope");
  assert.match(await ada.locator("#answer").textContent(), /not a room code/);
  assert.equal(await ada.inputValue("#body"), "/join nope", "nobody is thrown out of the room for it");
  await say(ada, "/who");
  assert.equal(await ada.locator("#answer").textContent(), "2 here: Ada, Bob");
  assert.ok(await ada.locator("#members").isVisible());
  await ada.click(".people summary");

  await say(ada, "/help");
  assert.match(await ada.locator("dialog").innerText(), /\/nick NAME/);
  assert.equal(await ada.evaluate(() => document.activeElement.id), "help-title", "it is read from its beginning");
  await accessible(ada, "help");
  await ada.keyboard.press("Escape");
  await ada.waitForFunction(() => !document.querySelector("dialog"));
  assert.equal(await ada.evaluate(() => document.activeElement.id), "body");
  await ada.focus("#log");
  await ada.keyboard.press("?");
  await ada.getByRole("button", { name: "Close" }).press("Enter");
  await ada.waitForFunction(() => !document.querySelector("dialog"));
  assert.equal(await ada.evaluate(() => document.activeElement.id), "log");
});

await step("another name is everybody's without a reload, in all tabs", async () => {
  const second = await ada.context().newPage();
  await second.goto(`${BASE}rooms/${code}`);
  await connected(second);
  await say(ada, "/nick Countess Ada");
  for (const page of [ada, bob, second]) {
    await page.waitForFunction(() => document.querySelector("#members").textContent.includes("Countess Ada"));
  }
  await here(bob, ["Bob", "Countess Ada"]);
  assert.equal(await second.inputValue("#name"), "Countess Ada");
  await say(second, "It is me.");
  lines.push("It is me.");
  await shows(bob, lines);
  assert.equal(await bob.locator("#messages > .message .author").last().textContent(), "Countess Ada");
  await say(ada, `/nick ${"x".repeat(33)}`);
  await ada.waitForFunction(() => /at most 32/.test(document.querySelector("#answer").textContent));
  await kill(code);
  await say(ada, "/nick Ada");
  await bob.waitForFunction(() => !document.querySelector("#members").textContent.includes("Countess"));
  await here(bob, ["Ada", "Bob"]);
  await second.close();
});

await step("a page loaded anew has it all", async () => {
  await bob.reload();
  await connected(bob);
  await shows(bob, lines);
  await here(ada, ["Ada", "Bob"]);
});

await step("axe-core finds nothing, in light and in dark", async () => {
  await accessible(ada, "room");
  await ada.emulateMedia({ colorScheme: "dark" });
  await accessible(ada, "room, dark");
  await ada.emulateMedia({ colorScheme: "light" });
  await ada.click(".people summary");
  await accessible(ada, "room, with the people open");
  await ada.click(".people summary");
});

await step("a phone of 320 px", async () => {
  const phone = { viewport: { width: 320, height: 568 }, colorScheme: "dark" };
  const page = await visitor({ ...phone, storageState: await bob.context().storageState() });
  await page.goto(`${BASE}rooms/${code}`);
  await connected(page);
  await fits(page, "room");
  await accessible(page, "room on a phone");
  await picture(page, "phone-dark");
  await page.click(".people summary");
  await fits(page, "room with the people open");
  await picture(page, "phone-people");
  await page.goto(BASE);
  await fits(page, "first page");
  await accessible(page, "first page, dark");
  await picture(page, "phone-home");
  await page.context().close();
});

await step("without a script: read, and write", async () => {
  const page = await visitor({ javaScriptEnabled: false, storageState: await bob.context().storageState() });
  await page.goto(`${BASE}rooms/${code}`);
  assert.deepEqual(await said(page), lines);
  await page.fill("#body", "Written without a script.");
  await page.click("text=Send");
  lines.push("Written without a script.");
  assert.deepEqual(await said(page), lines);
  const log = await page.locator("#log").boundingBox();
  const latest = await page.locator("#messages > .message").last().boundingBox();
  assert.ok(latest.y >= log.y && latest.y + latest.height <= log.y + log.height, "what was just sent is seen");
  assert.equal(await page.locator(".status .dot").isVisible(), false, "nothing is awaited");
  assert.equal(await page.locator("#here").textContent(), "People");
  await shows(ada, lines);
  await page.context().close();
});

await step("/join goes to another room, /leave to the first page", async () => {
  const page = await visitor({ storageState: await bob.context().storageState() });
  await page.goto(`${BASE}rooms/${code}`);
  await connected(page);
  await say(page, "/join abcd efgh");
  await page.waitForURL(`${BASE}rooms/ABCDEFGH`);
  assert.match(await page.locator("main").innerText(), /There is no such room yet/);
  await page.goto(`${BASE}rooms/${code}`);
  await connected(page);
  await say(page, "/leave");
  await page.waitForURL(BASE);
  await page.context().close();
});

await step("codes that are none, and rooms that are not there yet", async () => {
  const page = await visitor();
  await page.goto(BASE);
  await page.fill("#code", "ABCDEFGO");
  await page.click("text=Join");
  assert.match(await page.locator("main").innerText(), /“O” is never part of a room code/);
  await accessible(page, "malformed code");
  await page.goto(`${BASE}rooms/YYYYYYYY`);
  assert.match(await page.locator("main").innerText(), /There is no such room yet/);
  await accessible(page, "unknown room");
  await page.fill("#name", "Cleo");
  await page.click("text=Create this room");
  await connected(page);
  await here(page, ["Cleo"]);
  await page.context().close();
});

await step("somebody leaves", async () => {
  await bob.context().close();
  await here(ada, ["Ada"]);
});

if (PICTURES) {
  await step("pictures", async () => {
    const [grace, linus, radia] = await Promise.all([visitor(), visitor(), visitor()]);
    await founds(grace, BASE, "Grace");
    await grace.screenshot({ path: `${PICTURES}/empty.png` });
    for (const [page, name] of [[linus, "Linus"], [radia, "Radia"]]) await joins(page, grace.url(), name);
    const talk = [
      [linus, "Morning! Is the demo for this afternoon ready?"],
      [grace, "Almost. I have just killed the room we are in."],
      [grace, "Twice."],
      [radia, "It was gone for a few milliseconds, and nobody lost a line. Everybody was back before I could look."],
      [linus, "So this one is number five?"],
      [grace, "Five, and stored before it said “Sent”."],
    ];
    for (const [page, text] of talk) {
      await say(page, text);
      await page.waitForFunction(() => document.querySelector("#outbox").children.length === 0);
    }
    await connected(grace);
    await picture(grace, "chat-demo");
    await grace.emulateMedia({ colorScheme: "dark" });
    await picture(grace, "chat-demo-dark");
    await grace.goto(`${BASE}rooms/ABCDEFGO`);
    await picture(grace, "malformed");
    await grace.goto(`${BASE}rooms/ABCDEFGH`);
    await picture(grace, "unknown");
  });
}

await finish();
