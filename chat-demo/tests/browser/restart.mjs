// The whole program is killed and started again while people have its pages open.
//
// Run by ../browser.rs. Environment: PROGRAM, DATABASE (a file that is not there yet) and CHROMIUM.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { connected, finish, founds, here, joins, picture, say, shows, step, visitor } from "./support.mjs";

const { PROGRAM, DATABASE } = process.env;
let program;
process.on("exit", () => program?.kill("SIGKILL"));

/** Starts the program, and gives its address. */
async function start(port) {
  program = spawn(PROGRAM, ["--port", port, "--database", DATABASE], { stdio: ["ignore", "pipe", "inherit"] });
  const [url] = await once(createInterface(program.stdout), "line");
  return url;
}

async function end(signal) {
  const ended = once(program, "exit");
  program.kill(signal);
  await ended;
}

const state = (page, wanted) =>
  page.waitForFunction((wanted) => document.querySelector("#status").dataset.state === wanted, wanted);

const base = await start("0");
const { port } = new URL(base);
const [ada, bob] = await Promise.all([visitor({}, false), visitor({}, false)]);
const lines = ["before"];

await step("two people talk", async () => {
  await founds(ada, base, "Ada");
  await joins(bob, ada.url(), "Bob");
  await say(ada, "before");
  await shows(bob, lines);
});

await step("the program is killed; what is written meanwhile waits", async () => {
  await say(bob, "/who");
  await end("SIGKILL");
  await state(ada, "lost");
  await state(bob, "lost");
  assert.equal(await bob.locator("#answer").innerText(), "2 here: Ada, Bob", "beside how the connection is");
  assert.match(await ada.locator("#connection").innerText(), /Trying again/);
  await say(ada, "while it was down");
  await say(ada, "and another");
  assert.deepEqual(
    await ada.locator("#outbox .state").allInnerTexts(),
    ["Waiting for the connection…", "Waiting for the connection…"],
  );
  await ada.fill("#body", "a draft");
  await picture(ada, "lost");
});

await step("it is started again: everybody comes back by themselves, and what waited is sent", async () => {
  await start(port);
  lines.push("while it was down", "and another");
  for (const page of [ada, bob]) {
    await connected(page);
    await shows(page, lines);
    await here(page, ["Ada", "Bob"]);
  }
  assert.equal(await ada.inputValue("#body"), "a draft");
  assert.equal(await bob.locator("#connection").textContent(), "Connected");
  assert.equal(await bob.locator("#answer").innerText(), "2 here: Ada, Bob", "still there");
});

await step("a message waits even over a reload of its page", async () => {
  await ada.fill("#body", "");
  await end("SIGTERM");
  await state(ada, "lost");
  await say(ada, "written before the reload");
  await ada.goto("about:blank");
  await start(port);
  await ada.goBack();
  await connected(ada);
  lines.push("written before the reload");
  await shows(ada, lines);
  await shows(bob, lines);
});

await step("a message that is refused says why, and can be thrown away", async () => {
  await ada.evaluate(() => {
    // What no keyboard can do: a message of nothing but an invisible character.
    document.querySelector("#body").value = "\u200b";
    document.querySelector("#composer").requestSubmit();
  });
  const failed = ada.locator("#outbox .failed");
  await failed.waitFor();
  assert.match(await failed.locator(".state").innerText(), /Not sent\. There is nothing to send\. Try again.*Discard/s);
  await picture(ada, "failed");
  await failed.getByText("Discard").click();
  await shows(ada, lines);
});

await step("earlier messages are loaded into the page", async () => {
  for (let number = 0; number < 60; number += 1) {
    await say(bob, `line ${number}`);
    lines.push(`line ${number}`);
  }
  await bob.waitForFunction(() => document.querySelector("#outbox").children.length === 0, null, { timeout: 60_000 });
  await ada.reload();
  await connected(ada);
  assert.equal(await ada.locator("#messages > .message").count(), 50);
  await ada.locator("#earlier").scrollIntoViewIfNeeded();
  await picture(ada, "earlier");
  await ada.click("#earlier");
  await shows(ada, lines);
  assert.equal(await ada.locator("#earlier").count(), 0);
  assert.equal(await ada.locator(".day").count(), 1);
});

await end("SIGTERM");
await finish();
