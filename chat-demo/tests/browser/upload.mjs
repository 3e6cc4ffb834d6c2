// Files in a real browser: a picture, the file that every scanner is to find, progress, cancelling, and without a script.
//
// Run by ../browser.rs, which starts the server with a scanner. Environment: BASE (its address), EICAR (that file, as text),
// CHROMIUM (the browser's path) and, to make pictures, PICTURES (a folder).

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { accessible, connected, everywhere, finish, fits, founds, joins, picture, say, step, visitor } from "./support.mjs";

const { BASE, EICAR, PICTURES } = process.env;

const ada = await visitor({}, false); // a refusal is a complaint to the browser
const bob = await visitor();
ada.on("filechooser", () => {}); // from now on, so that none opens a window
let address;
let lake;

const files = (page) => page.locator("#messages > .message .file .file-name").allTextContents();
const status = (page, text) =>
  page.waitForFunction((text) => document.querySelector("#answer").textContent.includes(text), text)
    .catch(async () => assert.equal(await page.locator("#answer").textContent(), text));

async function has(page, names) {
  const wanted = JSON.stringify(names);
  await page.waitForFunction(
    (wanted) => JSON.stringify([...document.querySelectorAll("#messages .file-name")].map((name) => name.textContent)) === wanted,
    wanted,
  ).catch(async () => assert.deepEqual(await files(page), names));
}

/** Drops a file of this many bytes on the conversation; it is made in the page, so that it need not be brought there. */
async function drop(page, name, size) {
  const transfer = await page.evaluateHandle(([name, size]) => {
    const transfer = new DataTransfer();
    transfer.items.add(new File([new Uint8Array(size).fill(7)], name));
    return transfer;
  }, [name, size]);
  await page.dispatchEvent("#log", "drop", { dataTransfer: transfer });
}

await step("two in a room", async () => {
  await founds(ada, BASE, "Ada");
  address = ada.url();
  await joins(bob, address, "Bob");
  // A picture, as a browser makes it.
  lake = Buffer.from(await ada.evaluate(async () => {
    const canvas = new OffscreenCanvas(960, 600);
    const paint = canvas.getContext("2d");
    const shape = (colour, ...points) => {
      paint.fillStyle = colour;
      paint.beginPath();
      for (const [x, y] of points) paint.lineTo(x, y);
      paint.fill();
    };
    const sky = paint.createLinearGradient(0, 0, 0, 400);
    for (const [part, colour] of [[0, "#7fb2dc"], [1, "#f6d9b8"]]) sky.addColorStop(part, colour);
    shape(sky, [0, 0], [960, 0], [960, 400], [0, 400]);
    shape("#7d8fa8", [0, 380], [190, 150], [330, 300], [520, 110], [760, 330], [960, 220], [960, 400], [0, 400]);
    shape("#3f6f4f", [0, 400], [0, 330], [260, 370], [560, 320], [960, 370], [960, 400]);
    shape("#1b6ca8", [0, 395], [960, 395], [960, 600], [0, 600]);
    for (let line = 0; line < 8; line += 1) shape("#ffffff22", [80 + line * 90, 420 + line * 20], [380 + line * 60, 424 + line * 20], [80 + line * 90, 426 + line * 20]);
    return [...new Uint8Array(await (await canvas.convertToBlob()).arrayBuffer())];
  }));
});

await step("a picture is sent by keyboard, shown small to both, and given out as it was", async () => {
  await ada.focus("#body");
  await ada.keyboard.press("Tab");
  while (await ada.evaluate(() => document.activeElement.id !== "file")) await ada.keyboard.press("Tab");
  const choosing = ada.waitForEvent("filechooser");
  await ada.keyboard.press("Space");
  await (await choosing).setFiles({ name: "lake.png", mimeType: "image/png", buffer: lake });
  await status(ada, "lake.png is sent");
  for (const page of [ada, bob]) {
    await has(page, ["lake.png"]);
    const shown = page.locator(".message .file img");
    await shown.evaluate((image) => image.decode());
    assert.deepEqual(await shown.evaluate((image) => [image.naturalWidth, image.naturalHeight]), [480, 300]);
    assert.doesNotMatch(await page.locator(".file").textContent(), /not scanned/);
  }
  const downloading = bob.waitForEvent("download");
  await bob.click(".message .file");
  const download = await downloading;
  assert.equal(download.suggestedFilename(), "lake.png");
  assert.ok(lake.equals(await readFile(await download.path())), "the same bytes");
  assert.equal(await ada.locator(".sending").count(), 0);
});

await step("what the scanner knows as harmful reaches nobody", async () => {
  await ada.setInputFiles("#file", { name: "invoice.txt", mimeType: "text/plain", buffer: Buffer.from(EICAR) });
  await status(ada, "The scanner knows this file as harmful.");
  await ada.setInputFiles("#file", { name: "cat.png", mimeType: "image/png", buffer: Buffer.from("<html><script>alert(1)</script>") });
  await status(ada, "not what its name says");
  assert.equal(await ada.locator(".sending").count(), 0);
  // Whatever was said after it is there, and it is not.
  await say(ada, "That was that.");
  await bob.waitForFunction(() => [...document.querySelectorAll(".bubble")].at(-1).textContent === "That was that.");
  for (const page of [ada, bob]) {
    assert.deepEqual(await files(page), ["lake.png"]);
    assert.equal(await page.locator("#messages > .message").count(), 2);
  }
});

await step("progress is shown, and sending can be cancelled", async () => {
  const network = await ada.context().newCDPSession(ada);
  await network.send("Network.enable");
  const slow = { offline: false, latency: 0, downloadThroughput: -1, uploadThroughput: 400_000 };
  await network.send("Network.emulateNetworkConditions", slow);
  await drop(ada, "film.bin", 20 << 20);
  const part = () => {
    const bar = document.querySelector(".sending progress");
    return bar?.hasAttribute("value") && bar.value > 0 && bar.value < bar.max;
  };
  await ada.waitForFunction(part);
  assert.equal(await ada.getAttribute(".sending progress", "aria-label"), "Sending film.bin");
  await everywhere(ada, "a file on its way");
  await picture(ada, "upload");
  await ada.focus(".sending >> text=Cancel");
  await ada.keyboard.press("Enter");
  await status(ada, "film.bin was not sent.");
  assert.equal(await ada.evaluate(() => document.activeElement.id), "file", "the focus is not lost with the button");
  assert.equal(await ada.locator(".sending").count(), 0);
  await network.send("Network.emulateNetworkConditions", { ...slow, uploadThroughput: -1 });
  await drop(ada, "huge\u202e.bin", (25 << 20) + 1);
  await status(ada, "huge.bin is too large: a file can have 25 MB.");
});

await step("a connection that breaks: it is sent again, once", async () => {
  await ada.context().route("**/files", (route) => route.abort("connectionfailed"), { times: 1 });
  await ada.setInputFiles("#file", { name: "notes.txt", mimeType: "text/plain", buffer: Buffer.from("Some notes.\n") });
  await status(ada, "notes.txt was not sent: the connection broke.");
  await everywhere(ada, "a file that was not sent");
  await ada.focus(".sending >> text=Try again");
  await ada.keyboard.press("Enter");
  assert.equal(await ada.evaluate(() => document.activeElement.id), "file", "the focus is not lost with the button");
  await status(ada, "notes.txt is sent");
  for (const page of [ada, bob]) await has(page, ["lake.png", "notes.txt"]);
});

await step("a file that is dropped on the conversation is sent", async () => {
  await drop(ada, 'the "dropped".txt', 7);
  for (const page of [ada, bob]) await has(page, ["lake.png", "notes.txt", 'the "dropped".txt']);
});

await step("the file of a deleted message is gone for everybody", async () => {
  const notes = await ada.getAttribute(".message:has(.file-name:text('notes.txt')) .file", "href");
  const message = ada.locator(".message:has(.file-name:text('notes.txt'))");
  await message.hover();
  await message.getByText("Delete").click();
  await message.getByText("Delete for everybody").click();
  for (const page of [ada, bob]) await has(page, ["lake.png", 'the "dropped".txt']);
  assert.equal((await bob.context().request.get(new URL(notes, BASE).href)).status(), 404);
});

await step("a page loaded anew shows the same, to axe-core as well, in light and dark and on a phone", async () => {
  await bob.reload();
  await connected(bob);
  await has(bob, ["lake.png", 'the "dropped".txt']);
  await accessible(bob, "files");
  await bob.emulateMedia({ colorScheme: "dark" });
  await accessible(bob, "files, dark");
  await picture(bob, "upload-dark");
  const phone = await visitor({ viewport: { width: 320, height: 568 }, storageState: await bob.context().storageState() });
  await phone.goto(address);
  await connected(phone);
  await fits(phone, "files on a phone");
  await accessible(phone, "files on a phone");
  await picture(phone, "upload-phone");
  await phone.context().close();
});

await step("without a script: the form does it, and says what is wrong", async () => {
  const page = await visitor({ javaScriptEnabled: false, storageState: await bob.context().storageState() });
  await page.goto(address);
  await page.setInputFiles("#file", { name: "plain.txt", mimeType: "text/plain", buffer: Buffer.from("plain") });
  await page.click("text=Send file");
  assert.equal(page.url(), `${address}#latest`);
  assert.deepEqual(await files(page), ["lake.png", 'the "dropped".txt', "plain.txt"]);
  await page.setInputFiles("#file", { name: "bad.txt", mimeType: "text/plain", buffer: Buffer.from(EICAR) });
  await page.click("text=Send file");
  assert.equal(await page.locator("[role=alert]").textContent(), "The scanner knows this file as harmful.");
  await has(ada, ["lake.png", 'the "dropped".txt', "plain.txt"]);
  await page.context().close();
});

if (PICTURES) {
  await step("pictures", async () => {
    const phone = await visitor({ viewport: { width: 360, height: 680 }, deviceScaleFactor: 2, colorScheme: "dark", isMobile: true, hasTouch: true });
    const [grace, linus] = await Promise.all([visitor(), visitor()]);
    await founds(grace, BASE, "Grace");
    await joins(linus, grace.url(), "Linus");
    await joins(phone, grace.url(), "Radia");
    await say(grace, "Where are you all? I am alone in the office.");
    await say(linus, "At the lake. Look:");
    await phone.waitForFunction(() => document.querySelectorAll("#messages > .message").length === 2);
    await linus.setInputFiles("#file", { name: "lake.png", mimeType: "image/png", buffer: lake });
    await phone.locator(".file img").evaluate((image) => image.decode());
    await say(phone, "@Grace come here, I am sending you the film");
    const network = await phone.context().newCDPSession(phone);
    await network.send("Network.enable");
    await network.send("Network.emulateNetworkConditions", { offline: false, latency: 0, downloadThroughput: -1, uploadThroughput: 1_500_000 });
    await drop(phone, "film.mp4", 20 << 20);
    await phone.waitForFunction(() => document.querySelector(".sending progress")?.value > 9_000_000);
    await picture(phone, "chat-demo-phone");
  });
}

await finish();
