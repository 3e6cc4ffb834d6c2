// A browser, the people in it, and what can be asked of their pages.

import assert from "node:assert/strict";
import axe from "axe-core";
import { chromium } from "playwright-core";

const { CHROMIUM, PICTURES } = process.env;
const WAIT = 10_000;

const browser = await chromium.launch({
  executablePath: CHROMIUM,
  args: [
    "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
  ],
});

const complaints = [];

/** A page of somebody's own. With `strict` false the browser may complain, as it does of a server that is gone. */
export async function visitor(options = {}, strict = true) {
  const context = await browser.newContext({ viewport: { width: 1080, height: 720 }, reducedMotion: "reduce", ...options });
  context.setDefaultTimeout(WAIT);
  const page = await context.newPage();
  page.on("pageerror", (error) => complaints.push(`${error}`));
  page.on("console", (message) => {
    // That a page is answered with 404 or 422 is what some steps ask for.
    if (strict && message.type() === "error" && message.location().url !== page.url()) complaints.push(message.text());
  });
  return page;
}

export const said = (page) => page.locator("#messages > .message .bubble").allTextContents();
export const numbers = (page) =>
  page.locator("#messages > .message").evaluateAll((items) => items.map((item) => Number(item.dataset.seq)));

/** Waits until `page` shows exactly these messages, in this order, none of them twice. */
export async function shows(page, messages) {
  const wanted = JSON.stringify(messages);
  await page.waitForFunction(
    (wanted) => {
      const bubbles = document.querySelectorAll("#messages > .message .bubble");
      return JSON.stringify([...bubbles].map((bubble) => bubble.textContent)) === wanted;
    },
    wanted,
  ).catch(async () => assert.deepEqual(await said(page), messages));
  assert.deepEqual(await numbers(page), messages.map((_, index) => index + 1));
  assert.equal(await page.locator("#outbox > li").count(), 0, "nothing is left on its way");
}

/** Waits until the page is connected; once it has been cut off for long, that takes up to its longest wait between two tries. */
export async function connected(page, timeout = 10_000) {
  await page.waitForFunction(() => document.querySelector("#status")?.dataset.state === "live", null, { timeout });
}

/** Makes a room, as somebody of this name. */
export async function founds(page, base, name) {
  await page.goto(base);
  await page.fill("#name", name);
  await page.click("text=Create a room");
  await connected(page);
}

/** Comes into the room at this address, as somebody of this name. */
export async function joins(page, address, name) {
  await page.goto(address);
  await page.fill("#name", name);
  await page.click("text=Join");
  await connected(page);
}

export async function here(page, names) {
  await page.waitForFunction((count) => document.querySelector("#here").textContent === `${count} here`, names.length);
  assert.deepEqual(await page.locator("#members .name").allTextContents(), names);
}

export async function say(page, text) {
  await page.fill("#body", text);
  await page.press("#body", "Enter");
}

export async function accessible(page, where) {
  if (!(await page.evaluate(() => "axe" in globalThis))) await page.evaluate(axe.source);
  const { violations } = await page.evaluate(() => globalThis.axe.run());
  const found = violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(" | ")}`);
  assert.deepEqual(found, [], `axe-core, ${where}`);
}

export async function fits(page, where) {
  const width = await page.evaluate(() => document.documentElement.scrollWidth);
  assert.ok(width <= page.viewportSize().width, `${where}: ${width} px wide`);
}

/** A state of a page in the light on a wide screen, and in the dark on a phone of 320 px, which it fits. */
export async function everywhere(page, where) {
  const size = page.viewportSize();
  for (const [colorScheme, width, height] of [["light", size.width, size.height], ["dark", 320, 568]]) {
    await page.setViewportSize({ width, height });
    await page.emulateMedia({ colorScheme });
    await accessible(page, `${where}, ${colorScheme}, ${width} px`);
    await fits(page, `${where}, ${width} px`);
  }
  await page.emulateMedia({ colorScheme: "light" });
  await page.setViewportSize(size);
}

/** Goes through a page by Tab, and sees where the focus is at each place, of which there is at least one. */
export async function tabbed(page, where) {
  await page.evaluate(() => document.activeElement.blur());
  const seen = new Set();
  for (;;) {
    await page.keyboard.press("Tab");
    const [place, shown] = await page.evaluate(() => {
      const active = document.activeElement;
      const outlined = (node) => {
        const { outlineStyle, outlineWidth } = getComputedStyle(node);
        return outlineStyle !== "none" && parseFloat(outlineWidth) >= 2;
      };
      if (active === document.body) return [null];
      globalThis.places ??= new Map();
      if (!globalThis.places.has(active)) globalThis.places.set(active, globalThis.places.size);
      // A field that is not seen itself is shown by its label.
      return [`${globalThis.places.get(active)} ${active.outerHTML.slice(0, 120)}`, [active, ...active.labels ?? []].some(outlined)];
    });
    if (place === null || seen.has(place)) break;
    seen.add(place);
    assert.ok(shown, `${where}: the focus is not seen on ${place}`);
  }
  assert.ok(seen.size > 0, `${where}: nothing is reached by Tab`);
}

/** A page, which is answered with this status and has this heading. */
export async function shown(page, base, path, heading, status = 200) {
  const answer = await page.goto(`${base}${path}`);
  assert.equal(answer.status(), status, path);
  await checked(page, heading);
}

export async function checked(page, heading) {
  assert.match(await page.locator("h1").textContent(), heading);
  const name = new URL(page.url()).pathname;
  await everywhere(page, `${name} ${heading}`);
  await tabbed(page, `${name} ${heading}`);
}

/** A picture of the page, if pictures are wanted. */
export async function picture(page, name) {
  if (PICTURES) await page.screenshot({ path: `${PICTURES}/${name}.png` });
}

export async function step(name, action) {
  console.log(`- ${name}`);
  await action();
}

/** The end of a test: the browser itself has had nothing to complain about. */
export async function finish() {
  assert.deepEqual(complaints, [], "the browser's console");
  await browser.close();
}
