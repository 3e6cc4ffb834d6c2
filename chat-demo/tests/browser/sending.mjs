// Sending: what is on its way, sent, failed and tried again; drafts; the code of a room, read and copied.
//
// Run by ../browser.rs. Environment: BASE (the address of the server) and CHROMIUM.

import assert from "node:assert/strict";
import { connected, finish, founds, joins, say, shows, step, visitor } from "./support.mjs";

const { BASE } = process.env;
const ada = await visitor({ permissions: ["clipboard-read", "clipboard-write"] });
const bob = await visitor();
const lines = [];
let code;

// What the server says to Ada, on its way: some of it is held up, some changed.
let change = (frame) => frame;
let holds = () => false;
let held = [];
await ada.routeWebSocket(/\/socket$/, (near) => {
  const far = near.connectToServer();
  far.onMessage((text) => {
    const frame = change(JSON.parse(text));
    const pass = () => near.send(JSON.stringify(frame));
    if (holds(frame)) held.push(pass);
    else pass();
  });
});
function release() {
  holds = () => false;
  for (const pass of held.splice(0)) pass();
}

const clipboard = () => ada.evaluate(() => navigator.clipboard.readText());

await step("the code is large enough to be read aloud, and copied by one click, as the address is", async () => {
  await founds(ada, BASE, "Ada");
  code = new URL(ada.url()).pathname.split("/")[2];
  for (const [viewport, least] of [[{ width: 1080, height: 720 }, 40], [{ width: 320, height: 568 }, 28]]) {
    await ada.setViewportSize(viewport);
    const shown = ada.locator(".big-code");
    assert.equal(await shown.innerText(), `${code.slice(0, 4)} ${code.slice(4)}`);
    assert.ok(await shown.evaluate((node) => parseFloat(getComputedStyle(node).fontSize)) >= least, "the size of its letters");
    const box = await shown.boundingBox();
    assert.ok(box.x >= 0 && box.x + box.width <= viewport.width, JSON.stringify(box));
  }
  await ada.setViewportSize({ width: 1080, height: 720 });
  await ada.click("text=Copy the link");
  await ada.locator("text=Copied").waitFor();
  assert.equal(await clipboard(), ada.url());
  await ada.click(".title button");
  await ada.locator(".title >> text=Copied").waitFor();
  assert.equal(await clipboard(), code);
  await joins(bob, ada.url(), "Bob");
});

await step("a message is on its way, and then sent, which is said below the last one only", async () => {
  holds = ({ type }) => type === "stored" || type === "message";
  await say(ada, "one");
  lines.push("one");
  await shows(bob, lines);
  assert.equal(await ada.locator("#outbox .pending .state").textContent(), "Sending…");
  assert.equal(await ada.locator("#messages > .message").count(), 0);
  release();
  await shows(ada, lines);
  await say(ada, "two");
  await say(ada, "three");
  lines.push("two", "three");
  await shows(ada, lines);
  const states = await ada.locator("#messages .state").evaluateAll((all) => all.map((one) => [one.textContent, one.checkVisibility()]));
  assert.deepEqual(states, [["Sent", false], ["Sent", false], ["Sent", true]]);
});

await step("what cannot be taken now is sent again by itself, what failed when one says so, and it is there once", async () => {
  const answers = [{ text: "Busy.", retry_ms: 10 }, { text: "Not now." }];
  // It is stored each time, but Ada is told otherwise.
  change = (frame) => {
    if (frame.type !== "stored" || !answers.length) return frame;
    return { type: "refused", id: frame.id, reason: "busy", ...answers.shift() };
  };
  holds = ({ type }) => type === "message";
  await say(ada, "four");
  const failed = ada.locator("#outbox .failed");
  await failed.waitFor();
  assert.match(await failed.locator(".state").innerText(), /^Not sent\. Not now\./);
  await failed.getByText("Try again").focus();
  await ada.keyboard.press("Enter");
  await failed.waitFor({ state: "detached" });
  release();
  lines.push("four");
  for (const page of [ada, bob]) await shows(page, lines);
});

await step("what was said last stays in sight while the field grows, and what is read of the past does not move", async () => {
  for (let number = 0; number < 12; number += 1) lines.push(`line ${number}`);
  for (const line of lines.slice(-12)) await say(bob, line);
  await shows(ada, lines);
  await ada.setViewportSize({ width: 320, height: 568 });
  const below = () => ada.evaluate(() => {
    const [log, last] = [document.querySelector("#log"), document.querySelector("#messages").lastElementChild];
    return last.getBoundingClientRect().bottom - log.getBoundingClientRect().bottom;
  });
  const top = () => ada.locator("#log").evaluate((log) => log.scrollTop);
  const height = () => ada.locator("#log").evaluate((log) => log.clientHeight);
  const lower = async (before) => ada.waitForFunction((before) => document.querySelector("#log").clientHeight < before, before);
  let before = await height();
  await ada.fill("#body", "one\ntwo\nthree\nfour\nfive");
  await lower(before);
  await ada.waitForFunction(() => {
    const [log, last] = [document.querySelector("#log"), document.querySelector("#messages").lastElementChild];
    return last.getBoundingClientRect().bottom <= log.getBoundingClientRect().bottom;
  }).catch(async () => assert.fail(`${await below()} px of it are hidden`));
  await ada.fill("#body", "");
  await ada.locator("#log").evaluate((log) => new Promise((done) => {
    log.addEventListener("scroll", done, { once: true });
    log.scrollTop = 10;
  }));
  before = await height();
  await ada.fill("#body", "one\ntwo\nthree\nfour\nfive");
  await lower(before);
  await ada.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
  assert.equal(await top(), 10);
  await ada.fill("#body", "");
  await ada.setViewportSize({ width: 1080, height: 720 });
});

await step("each room has a draft of its own, which stays when one goes away and comes back", async () => {
  await ada.fill("#body", "half a thought");
  await ada.goto(BASE);
  await ada.click("text=Create a room");
  await connected(ada);
  assert.equal(await ada.inputValue("#body"), "");
  await ada.fill("#body", "another one");
  const other = ada.url();
  await ada.goto(`${BASE}rooms/${code}`);
  await connected(ada);
  assert.equal(await ada.inputValue("#body"), "half a thought");
  await ada.goto(other);
  await connected(ada);
  assert.equal(await ada.inputValue("#body"), "another one");
  await ada.press("#body", "Enter");
  await shows(ada, ["another one"]);
  await ada.reload();
  await connected(ada);
  assert.equal(await ada.inputValue("#body"), "", "what is sent is no draft");
});

await finish();
