// The network between one of two people and the server is gone for a while.
//
// Run by ../browser.rs. Environment: PROGRAM and CHROMIUM.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import { createInterface } from "node:readline";
import { connected, finish, founds, here, joins, say, shows, step, visitor } from "./support.mjs";

const { PROGRAM } = process.env;

/** A network of one's own: what goes through it can be cut. */
class Network {
  #ends = new Set();
  #up = true;
  #server = createServer((near) => {
    if (!this.#up) return near.destroy();
    const far = connect(this.port, "127.0.0.1");
    for (const [from, to] of [[near, far], [far, near]]) {
      this.#ends.add(from);
      from.on("error", () => {}).on("close", () => (to.destroy(), this.#ends.delete(from)));
      from.pipe(to);
    }
  });

  /** The address that people use. */
  async open() {
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
    this.#server.unref();
    return `http://127.0.0.1:${this.#server.address().port}`;
  }

  cut() {
    this.#up = false;
    for (const end of this.#ends) end.destroy();
  }

  mend() {
    this.#up = true;
  }
}

const network = new Network();
const base = await network.open();
const program = spawn(PROGRAM, ["--port", "0", "--memory", "--origin", base], { stdio: ["ignore", "pipe", "inherit"] });
process.on("exit", () => program.kill("SIGKILL"));
const [url] = await once(createInterface(program.stdout), "line");
network.port = Number(new URL(url).port);

const [ada, bob] = await Promise.all([visitor({}, false), visitor()]);
const lines = [];
const state = (page, wanted) =>
  page.waitForFunction((wanted) => document.querySelector("#status").dataset.state === wanted, wanted);

await step("two people talk, one of them over a network of her own", async () => {
  await founds(ada, `${base}/`, "Ada");
  await joins(bob, new URL(new URL(ada.url()).pathname, url).href, "Bob");
  await say(ada, "before");
  lines.push("before");
  await shows(bob, lines);
});

await step("it is gone: what she writes waits, what he says is not lost", async () => {
  network.cut();
  await state(ada, "lost");
  await say(ada, "written without a network");
  for (let number = 0; number < 60; number += 1) {
    await say(bob, `line ${number}`);
    lines.push(`line ${number}`);
  }
  await bob.waitForFunction(() => document.querySelector("#outbox").children.length === 0, null, { timeout: 60_000 });
  assert.equal(await ada.locator("#outbox .state").innerText(), "Waiting for the connection…");
  await shows(bob, lines);
});

await step("it is back: she has what she missed, then what she wrote goes out", async () => {
  network.mend();
  await connected(ada, 30_000);
  lines.push("written without a network");
  for (const page of [ada, bob]) {
    await shows(page, lines);
    await here(page, ["Ada", "Bob"]);
  }
});

await step("gone and back five times while both talk", async () => {
  for (let round = 0; round < 5; round += 1) {
    await say(ada, `Ada, round ${round}`);
    network.cut();
    await say(bob, `Bob, round ${round}`);
    network.mend();
    await connected(ada);
    await ada.waitForFunction(() => document.querySelector("#outbox").children.length === 0);
    await bob.waitForFunction(() => document.querySelector("#outbox").children.length === 0);
  }
  const said = (page) => page.locator("#messages > .message .bubble").allTextContents();
  const wanted = [0, 1, 2, 3, 4].flatMap((round) => [`Ada, round ${round}`, `Bob, round ${round}`]).sort();
  await ada.waitForFunction((count) => document.querySelectorAll("#messages > .message").length === count, lines.length + 10);
  const all = await said(bob);
  // Whose line of a round was first is nobody's promise.
  assert.deepEqual(all.slice(lines.length).sort(), wanted);
  await shows(ada, all);
  await shows(bob, all);
});

program.kill("SIGTERM");
await once(program, "exit");
await finish();
