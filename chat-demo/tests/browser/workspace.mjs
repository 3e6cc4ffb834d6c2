// A team in a workspace: its channels, its people, and what they notice when its process is killed: nothing.
//
// Run by ../browser.rs. Environment: BASE (the address of the server), ADMIN_TOKEN and CHROMIUM.

import assert from "node:assert/strict";
import { accessible, connected, finish, fits, here, picture, say, shows, step, visitor } from "./support.mjs";

const { BASE, ADMIN_TOKEN, PICTURES } = process.env;
const [ada, bob] = [await visitor(), await visitor()];
const codeOf = (page) => new URL(page.url()).pathname.split("/")[2];
const lines = [];
let workspace;
let general;
let random;

await step("a workspace is made, and joined by its code", async () => {
  await ada.goto(BASE);
  await ada.click("text=A workspace, with channels");
  await accessible(ada, "the first page, with the form for workspaces");
  await ada.fill("#workspace-name", "Ada");
  await ada.fill("#workspace", "Engines");
  await ada.click("text=Create a workspace");
  await ada.waitForURL(/\/workspaces\//);
  workspace = codeOf(ada);
  const code = await ada.locator(".big-code").innerText();
  assert.equal(code.replace(" ", ""), workspace);
  await bob.goto(BASE);
  await bob.click("text=A workspace, with channels");
  await bob.fill("#workspace-code", code.toLowerCase());
  await bob.click("text=Go there");
  await bob.waitForURL(ada.url());
  assert.match(await bob.locator("h1").innerText(), /Engines/);
  await accessible(bob, "the invitation");
  await bob.fill("#name", "Bob");
  await bob.click("button:has-text('Join')");
  await bob.locator("#members").waitFor();
  assert.deepEqual(await bob.locator("#members .name").allTextContents(), ["Ada", "Bob"]);
});

await step("both talk in its first channel, and one opens another", async () => {
  await ada.click("#channels >> text=#general");
  await connected(ada);
  general = codeOf(ada);
  await bob.click("#channels >> text=#general");
  await connected(bob);
  await here(ada, ["Ada", "Bob"]);
  await say(ada, "hello");
  lines.push("hello");
  await shows(bob, lines);
  assert.equal(await ada.locator("h1").textContent(), "Channel #general");
  const other = await ada.context().newPage();
  await other.goto(`${BASE}workspaces/${workspace}`);
  assert.deepEqual(await other.locator("#members .presence").allTextContents(), ["online", "online"]);
  await accessible(other, "the workspace");
  await picture(other, "workspace");
  await other.fill("#channel", "Off Topic");
  await other.click("text=Open");
  await connected(other);
  random = codeOf(other);
  await say(other, "the first here");
  await shows(other, ["the first here"]);
  await other.close();
});

await step("the other channel is in the list at once, and Ctrl+K finds it by its name", async () => {
  await bob.waitForFunction((code) => document.querySelector(`[data-sibling="${code}"]`), random);
  await bob.click("#menu summary");
  assert.deepEqual(await bob.locator("#siblings a").allTextContents(), ["#general", "#off-topic"]);
  await accessible(bob, "the channels");
  await picture(bob, "channels");
  await bob.click("#menu summary");
  await bob.press("#body", "Control+K");
  await bob.keyboard.type("off");
  assert.deepEqual(await bob.locator("#options .code").allTextContents(), ["#off-topic"]);
  await accessible(bob, "the switcher");
  await bob.keyboard.press("Enter");
  await bob.waitForURL(`${BASE}rooms/${random}`);
  await connected(bob);
  await shows(bob, ["the first here"]);
});

await step("/join goes to a channel by its name, and /leave back to the workspace", async () => {
  await say(bob, "/join #General");
  await bob.waitForURL(`${BASE}rooms/${general}`);
  await connected(bob);
  await say(bob, "/join #nowhere");
  await bob.locator("text=There is no such channel yet").waitFor();
  await bob.goto(`${BASE}rooms/${random}`);
  await connected(bob);
  await say(bob, "/leave");
  await bob.waitForURL(`${BASE}workspaces/${workspace}`);
  await bob.click("#channels >> text=#general");
  await connected(bob);
  await shows(bob, lines);
});

await step("the process of the workspace is killed while both talk: nobody notices, and nothing is lost", async () => {
  for (const page of [ada, bob]) {
    await page.evaluate(() => {
      globalThis.states = [];
      const status = document.querySelector("#status");
      new MutationObserver(() => globalThis.states.push(status.dataset.state)).observe(status, { attributes: true });
    });
  }
  let kills = 0;
  for (let number = 0; number < 10; number += 1) {
    const page = number % 2 ? ada : bob;
    const killing = fetch(`${BASE}admin/kill/services/workspaces/${workspace}`, {
      method: "POST",
      headers: { authorization: `Bearer ${ADMIN_TOKEN}` },
    });
    await say(page, `line ${number}`);
    lines.push(`line ${number}`);
    kills += (await killing).status === 200;
    await shows(ada, lines);
    await shows(bob, lines);
  }
  assert.ok(kills >= 5, `${kills} kills are no test`);
  for (const page of [ada, bob]) {
    const states = await page.evaluate(() => globalThis.states);
    assert.ok(states.every((state) => state === "live"), `${states}`);
  }
  // And the workspace is as it was, for those who ask it.
  const other = await bob.context().newPage();
  await other.goto(`${BASE}workspaces/${workspace}`);
  assert.deepEqual(await other.locator("#channels .code").allTextContents(), ["#general", "#off-topic"]);
  // Whoever is there says so again, in a moment.
  for (let tries = 0; tries < 20 && !/2 in a channel/.test(await other.locator(".lead").innerText()); tries += 1) await other.reload();
  assert.match(await other.locator(".lead").innerText(), /2 members, 2 in a channel now/);
  await other.close();
});

await step("what is told to all is shown in every channel", async () => {
  const other = await ada.context().newPage();
  await other.goto(`${BASE}workspaces/${workspace}`);
  await other.fill("#body", "Lunch!");
  await other.click("button:has-text('Tell')");
  await other.locator("text=All who are in a channel now were told.").waitFor();
  await bob.waitForFunction(() => document.querySelector("#news").textContent === "Ada to all: Lunch!");
  await other.close();
});

await step("on a small phone, in the dark, and without a script", async () => {
  const storageState = await bob.context().storageState();
  const phone = { viewport: { width: 320, height: 640 }, colorScheme: "dark", storageState };
  const small = await visitor(phone);
  for (const [path, name] of [["", "first"], [`workspaces/${workspace}`, "workspace"], [`rooms/${general}`, "channel"]]) {
    await small.goto(`${BASE}${path}`);
    await fits(small, name);
    await accessible(small, `${name} on a phone, in the dark`);
    await picture(small, `phone-${name}`);
  }
  await connected(small);
  await small.click("#menu summary");
  await fits(small, "the channels on a phone");
  await accessible(small, "the channels on a phone, in the dark");
  const plain = await visitor({ ...phone, javaScriptEnabled: false });
  await plain.goto(`${BASE}workspaces/${workspace}`);
  await plain.fill("#channel", "plain");
  await plain.click("text=Open");
  await plain.fill("#body", "by hand");
  await plain.click("#send");
  assert.deepEqual(await plain.locator("#messages .bubble").allTextContents(), ["by hand"]);
  await plain.click("#menu summary");
  await plain.click("text=Members and more");
  assert.deepEqual(await plain.locator("#channels .code").allTextContents(), ["#general", "#off-topic", "#plain"]);
  await plain.click("text=Leave this workspace");
});

await step("whoever has left the workspace is out of its channels", async () => {
  await bob.waitForFunction(() => document.querySelector("#status").dataset.state === "lost");
  assert.match(await bob.locator("#connection").innerText(), /not open to you any more/);
  await say(ada, "where is Bob?");
  lines.push("where is Bob?");
  await shows(ada, lines);
  const answer = await bob.goto(`${BASE}rooms/${general}`);
  assert.equal(answer.status(), 404);
});

if (PICTURES) {
  await step("pictures", async () => {
    const grace = await visitor({ viewport: { width: 560, height: 856 } });
    await grace.goto(BASE);
    await grace.click("text=A workspace, with channels");
    await grace.fill("#workspace-name", "Grace");
    await grace.fill("#workspace", "Engines");
    await grace.click("text=Create a workspace");
    await grace.waitForURL(/\/workspaces\//);
    const address = grace.url();
    await grace.click("#channels >> text=#general");
    await connected(grace);
    await grace.goto(address);
    for (const name of ["Linus", "Radia"]) {
      const page = await visitor();
      await page.goto(address);
      await page.fill("#name", name);
      await page.click("button:has-text('Join')");
      await page.click("#channels >> text=#general");
      await connected(page);
      if (name === "Radia") await say(page, "The new build is out. @grace, can you look at it?");
      if (name === "Radia") await page.locator("#messages .mention").waitFor();
    }
    for (const name of ["off-topic", "releases"]) {
      await grace.goto(address);
      await grace.fill("#channel", name);
      await grace.click("text=Open");
      await connected(grace);
    }
    await grace.goto(address);
    await picture(grace, "chat-demo-workspace");
  });
}

await finish();
