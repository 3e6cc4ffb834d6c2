// The client library alone, against a server that is made here and a clock that is moved by hand.
//
// Run by ../browser.rs, with node alone.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { mock } from "node:test";

const source = await readFile(new URL("../../assets/client.js", import.meta.url), "utf8");
const { RoomClient, newId } = await import(`data:text/javascript,${encodeURIComponent(source)}`);

/** What the browser would have; the other end of it. */
class FakeSocket extends EventTarget {
  static all = [];
  said = [];
  closed = false;
  constructor(url) {
    super();
    this.url = url;
    FakeSocket.all.push(this);
  }
  send(text) { this.said.push(JSON.parse(text)); }
  close() { this.closed = true; }
  tell(frame) { this.dispatchEvent(Object.assign(new Event("message"), { data: JSON.stringify(frame) })); }
  open() { this.dispatchEvent(new Event("open")); }
  drop(code = 1006, reason = "") { this.dispatchEvent(Object.assign(new Event("close"), { code, reason })); }
  /** What was said since this was asked last. */
  heard() { return this.said.splice(0); }
}
globalThis.WebSocket = FakeSocket;

const tick = (ms) => mock.timers.tick(ms);
const socket = () => FakeSocket.all.at(-1);

/** A client that tells what it calls back, and its first socket. */
function begin(known = { last: 0, revision: 0 }) {
  // Nothing is left of the client before.
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout", "Date"], now: Date.UTC(2026, 0, 1) });
  FakeSocket.all = [];
  const calls = [];
  const on = new Proxy({}, { get: (_, name) => (...told) => calls.push([name, ...structuredClone(told)]) });
  const client = new RoomClient("ws://chat/rooms/ABCDEFGH/socket", known, on);
  client.connect();
  const told = (name) => calls.filter(([called]) => called === name).map(([, ...told]) => told);
  return { client, told };
}

function welcome(frame = {}) {
  socket().open();
  socket().heard();
  socket().tell({ type: "welcome", v: 1, you: { id: 7, name: "Ada" }, last: 0, revision: 0, reset: false, members: [], away: [], ...frame });
}

const message = (seq) => ({ type: "message", seq, id: `client-${seq}`, author: { id: 8, name: "Bob" }, at: 0, body: `${seq}` });
const post = (client, id) => client.wish({ id, type: "post", body: id, at: 0 });
const seqs = (told) => told("message").map(([frame]) => frame.seq);

const tests = {
  "it says what it has, and hears the rest once and in order"() {
    const { client, told } = begin({ last: 41, revision: 3 });
    socket().open();
    assert.deepEqual(socket().heard(), [{ type: "join", v: 1, after: 41, revision: 3 }]);
    assert.equal(client.live, false);
    socket().tell({ type: "welcome", last: 43, revision: 4, reset: false, members: [], away: [] });
    assert.equal(client.live, true);
    for (const seq of [42, 42, 41, 43]) socket().tell(message(seq));
    socket().tell({ ...message(42), type: "changed", revision: 4 });
    socket().tell({ ...message(42), type: "changed", revision: 4 });
    assert.deepEqual(seqs(told), [42, 43]);
    assert.equal(told("changed").length, 1);
    socket().drop();
    tick(60_000);
    socket().open();
    assert.deepEqual(socket().heard(), [{ type: "join", v: 1, after: 43, revision: 4 }]);
  },

  "a message that is missing is asked for again"() {
    const { told } = begin();
    welcome();
    socket().tell(message(1));
    const first = socket();
    first.tell(message(3));
    assert.ok(first.closed);
    first.tell(message(2));
    assert.deepEqual(seqs(told), [1], "nothing of a connection that is given up");
    tick(250);
    assert.notEqual(socket(), first);
    socket().open();
    assert.equal(socket().heard()[0].after, 1);
  },

  "it tries again by itself, later each time, half of it by chance, and at once begins afresh when it was there"() {
    const chance = Math.random;
    for (const random of [0, 0.5, 0.999]) {
      Math.random = () => random;
      begin();
      for (let tries = 0; tries < 10; tries += 1) {
        const ceiling = Math.min(15_000, 250 * 2 ** tries);
        const wait = Math.floor(ceiling / 2 + random * (ceiling / 2));
        const before = FakeSocket.all.length;
        socket().drop();
        tick(wait - 1);
        assert.equal(FakeSocket.all.length, before, `${tries} tries, ${random}: too early`);
        tick(2);
        assert.equal(FakeSocket.all.length, before + 1, `${tries} tries, ${random}: after ${wait} ms`);
      }
      welcome();
      socket().drop();
      const before = FakeSocket.all.length;
      tick(250);
      assert.equal(FakeSocket.all.length, before + 1, "the first wait again");
    }
    Math.random = chance;
  },

  "whoever has no right to be there does not try again"() {
    const { told } = begin();
    welcome();
    socket().drop(1008, "your session is over");
    tick(600_000);
    assert.equal(FakeSocket.all.length, 1);
    assert.deepEqual(told("status").at(-1), ["lost", "your session is over. Reload the page to go on.", 0]);
  },

  "another history is not mixed with the one it has"() {
    const { client, told } = begin({ last: 41, revision: 3 });
    post(client, "client-0001");
    welcome({ reset: true });
    assert.equal(told("welcome").length, 1);
    assert.deepEqual([client.live, socket().heard()], [false, []]);
  },

  "wishes go out one at a time, and the same ones again after the connection was lost"() {
    const { client, told } = begin();
    for (const id of ["client-0001", "client-0002", "client-0003"]) post(client, id);
    welcome();
    assert.deepEqual(socket().heard().map(({ id }) => id), ["client-0001"]);
    socket().tell({ type: "stored", id: "client-0001", seq: 1, at: 0 });
    assert.deepEqual(socket().heard().map(({ id }) => id), ["client-0002"]);
    socket().drop();
    tick(250);
    welcome();
    assert.deepEqual(socket().heard(), [{ type: "post", id: "client-0002", body: "client-0002" }]);
    // The answer is that it was there before.
    socket().tell({ type: "stored", id: "client-0002", seq: 2, at: 0 });
    assert.deepEqual(socket().heard().map(({ id }) => id), ["client-0003"]);
    assert.deepEqual(told("wish").filter(([{ state }]) => state === "answered").map(([{ id }]) => id), ["client-0001", "client-0002"]);
  },

  "a wish that is refused for now is sent again, one that is refused for good or never answered when somebody says so"() {
    const { client, told } = begin();
    welcome();
    post(client, "client-0001");
    post(client, "client-0002");
    assert.deepEqual(socket().heard().map(({ id }) => id), ["client-0001"], "it waits for the answer");
    socket().tell({ type: "refused", id: "client-0001", reason: "rate", text: "Fast.", retry_ms: 200 });
    assert.deepEqual(socket().heard(), [], "the next one does not pass it");
    tick(250);
    assert.deepEqual(socket().heard().map(({ id }) => id), ["client-0001"]);
    socket().tell({ type: "refused", id: "client-0001", reason: "body", text: "No." });
    assert.deepEqual(told("wish").filter(([{ state }]) => state === "failed").map(([{ id }, text]) => [id, text]), [["client-0001", "No."]]);
    assert.deepEqual(socket().heard().map(({ id }) => id), ["client-0002"]);
    tick(20_000);
    assert.deepEqual(told("wish").at(-1), [client.wishes[1], "No answer came."]);
    client.retry("client-0002");
    assert.deepEqual(socket().heard().filter(({ type }) => type === "post").map(({ id }) => id), ["client-0002"]);
    client.forget("client-0002");
    client.retry("client-0001");
    assert.deepEqual(socket().heard().map(({ id }) => id), ["client-0001"]);
  },

  "writing is told at once, every 10 s, and that it has stopped after 5 s; a message ends it by itself"() {
    const { client } = begin();
    client.typing();
    welcome();
    const typed = () => socket().heard().filter(({ type }) => type === "typing").map(({ on }) => on);
    for (let second = 0; second < 21; second += 1) {
      client.typing();
      tick(1_000);
    }
    assert.deepEqual(typed(), [true, true], "every key is not told");
    tick(5_000);
    assert.deepEqual(typed(), [false]);
    socket().tell({ type: "pong" });
    tick(11_000);
    client.typing();
    post(client, "client-0001");
    client.stopTyping();
    assert.deepEqual(typed(), [true]);
  },

  "what is read is told at once, then once a second, and before the page goes"() {
    const { client } = begin();
    client.read(1);
    welcome();
    const read = () => socket().heard().filter(({ type }) => type === "read").map(({ seq }) => seq);
    assert.deepEqual(read(), [1]);
    for (const seq of [2, 4, 3]) client.read(seq);
    assert.deepEqual(read(), []);
    tick(1_000);
    assert.deepEqual(read(), [4]);
    client.read(5);
    client.leave();
    assert.deepEqual(read(), [5]);
  },

  "somebody who does something says so every 20 s, and within one if others think that they are away"() {
    const { client } = begin();
    welcome();
    const active = () => socket().heard().filter(({ type }) => type === "active").length;
    for (let second = 0; second < 41; second += 1) {
      client.active(false);
      socket().tell({ type: "pong" });
      tick(1_000);
    }
    assert.equal(active(), 3);
    tick(1_000);
    client.active(true);
    assert.equal(active(), 1);
  },

  "a connection that has died without a word is noticed"() {
    const { told } = begin();
    welcome();
    tick(25_000);
    assert.deepEqual(socket().heard(), [{ type: "ping" }]);
    socket().tell({ type: "pong" });
    tick(25_000);
    assert.deepEqual(socket().heard(), [{ type: "ping" }]);
    const first = socket();
    tick(8_000);
    assert.ok(first.closed);
    assert.match(told("status").at(-1)[1], /^The server does not answer\. /);
    tick(250);
    assert.notEqual(socket(), first);
  },

  "what a later server says is passed over"() {
    const { told } = begin();
    welcome();
    socket().tell({ type: "later", more: 1 });
    socket().tell({ ...message(1), more: 1 });
    assert.deepEqual(seqs(told), [1]);
    socket().tell({ type: "refused", reason: "frame", text: "What?" });
    assert.deepEqual(told("refused"), [["What?"]]);
  },

  "ids are of the form that a server takes, and each another"() {
    const ids = Array.from({ length: 1000 }, newId);
    assert.ok(ids.every((id) => /^[a-zA-Z0-9_-]{8,36}$/.test(id)));
    assert.equal(new Set(ids).size, ids.length);
  },
};

for (const [name, test] of Object.entries(tests)) {
  console.log(`- ${name}`);
  test();
}
