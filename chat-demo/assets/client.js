// The client's side of docs/protocol.md: one connection to one room, over as many sockets as it takes.
// It touches no page: it is given a place to speak to, and calls back.

export const VERSION = 1;
export const MAX_BODY = 4096;

const ANSWER_TIMEOUT = 20_000; // longer than the server goes on trying
const QUIET_BEFORE_PING = 25_000;
const PONG_TIMEOUT = 8_000;
const ACTIVE_AGAIN = 20_000;
const READ_AGAIN = 1_000;
const TYPING_AGAIN = 10_000;
const TYPING_IDLE = 5_000;
const FIRST_WAIT = 250;
const LONGEST_WAIT = 15_000;

export const newId = () =>
  [...crypto.getRandomValues(new Uint8Array(12))].map((byte) => byte.toString(16).padStart(2, "0")).join("");

/**
 * Keeps a room up to date, and passes wishes on in the order in which they came.
 *
 * `on` is told: `status(state, text, seconds)` with the state "wait", "live" or "lost"; `welcome`, `message`, `changed`,
 * `members`, `joined`, `left`, `presence`, `typing`, `rooms`, `mentioned`, `direct` with the frame; `wish(wish, text)` when the state of a wish has changed to
 * "pending", "answered" or "failed"; `refused(text)` when anything else was refused.
 */
export class RoomClient {
  #url;
  #on;
  #socket = null;
  #joined = false;
  #attempts = 0;
  #retryTimer = 0;
  #pingTimer = 0;
  #answerTimer = 0;
  #flying = null; // the id of the wish that waits for its answer
  #wishes = new Map(); // id -> { id, type, body, seq, at, state }
  #activeSince = 0;
  #read = 0;
  #readTold = 0;
  #readTimer = 0;
  #typingSince = 0;
  #typingTimer = 0;

  /** `last` and `revision` are the numbers of the last message and the last change that the caller has. */
  constructor(url, { last, revision }, on) {
    this.#url = url;
    this.#on = on;
    this.last = last;
    this.revision = revision;
  }

  get live() {
    return this.#joined;
  }

  get connecting() {
    return this.#socket !== null;
  }

  // Wishes, one at a time, so that messages are numbered in the order in which they were written

  /** What has no answer yet, oldest first. */
  get wishes() {
    return [...this.#wishes.values()];
  }

  /** Says something (`post`), changes it (`edit`), deletes it (`delete`), takes another name (`nick`), or writes to one person (`direct`). */
  wish(wish) {
    this.#wishes.set(wish.id, { ...wish, state: "pending" });
    if (wish.type === "post") this.#typingSince = 0;
    this.#pump();
  }

  retry(id) {
    const wish = this.#wishes.get(id);
    if (wish) wish.state = "pending";
    this.#pump();
  }

  /** It is over, whatever became of it. */
  forget(id) {
    if (this.#wishes.delete(id)) this.#landed(id);
  }

  #pump() {
    const pending = this.wishes.filter((wish) => wish.state === "pending");
    for (const wish of pending) this.#on.wish(wish, this.live ? "Sending…" : "Waiting for the connection…");
    if (this.live && this.#flying === null && pending.length > 0) this.#transmit(pending[0]);
  }

  #transmit({ id, type, seq, kind, body, name, text }) {
    this.#flying = id;
    clearTimeout(this.#answerTimer);
    this.#answerTimer = setTimeout(() => this.#fail(id, "No answer came."), ANSWER_TIMEOUT);
    this.#send({ type, id, seq, kind, body, name, text });
  }

  #landed(id) {
    if (this.#flying !== id) return;
    clearTimeout(this.#answerTimer);
    this.#flying = null;
    this.#pump();
  }

  #answered({ id }) {
    const wish = this.#wishes.get(id);
    if (wish) {
      wish.state = "answered";
      this.#on.wish(wish, "Sent");
    }
    this.#landed(id);
  }

  #fail(id, text) {
    const wish = this.#wishes.get(id);
    if (!wish) return;
    wish.state = "failed";
    this.#on.wish(wish, text);
    this.#landed(id);
  }

  #refused({ id, text, retry_ms }) {
    const wish = this.#wishes.get(id);
    if (!wish) return this.#on.refused(text);
    if (retry_ms === undefined) return this.#fail(id, text);
    if (this.#flying !== id) return;
    this.#on.wish(wish, `${text} Trying again…`);
    clearTimeout(this.#answerTimer);
    this.#answerTimer = setTimeout(() => this.#transmit(wish), retry_ms + 50);
  }

  /** Called at whatever the person does: says that they are not away, and at once if `away` says that others think so. */
  active(away) {
    if (!this.live || (Date.now() - this.#activeSince < (away ? 1_000 : ACTIVE_AGAIN))) return;
    this.#activeSince = Date.now();
    this.#send({ type: "active" });
  }

  /** The person has read up to this message: told at once, and what is read within a second after that at its end. */
  read(seq) {
    this.#read = Math.max(this.#read, seq);
    if (!this.#readTimer) this.#tellRead();
  }

  /** The page goes away: what waits to be told is told now. */
  leave() {
    this.#tellRead();
  }

  #tellRead() {
    clearTimeout(this.#readTimer);
    this.#readTimer = 0;
    if (!this.live || this.#read <= this.#readTold) return;
    this.#readTold = this.#read;
    this.#send({ type: "read", seq: this.#read });
    this.#readTimer = setTimeout(() => this.#tellRead(), READ_AGAIN);
  }

  /** Called at each key: tells the others, again while it goes on, and that it has stopped. */
  typing() {
    clearTimeout(this.#typingTimer);
    if (!this.live) return;
    if (Date.now() - this.#typingSince > TYPING_AGAIN) {
      this.#typingSince = Date.now();
      this.#send({ type: "typing", on: true });
    }
    this.#typingTimer = setTimeout(() => this.stopTyping(), TYPING_IDLE);
  }

  stopTyping() {
    clearTimeout(this.#typingTimer);
    if (this.#typingSince && this.live) this.#send({ type: "typing", on: false });
    this.#typingSince = 0;
  }

  // The connection

  #send(frame) {
    this.#socket.send(JSON.stringify(frame));
  }

  connect() {
    clearTimeout(this.#retryTimer);
    this.#on.status("wait", this.#attempts ? "Connecting again…" : "Connecting…");
    const socket = (this.#socket = new WebSocket(this.#url));
    const only = (handler) => (event) => { if (this.#socket === socket) handler(event); };
    socket.addEventListener("open", only(() => {
      this.#send({ type: "join", v: VERSION, after: this.last, revision: this.revision });
      this.#watch();
    }));
    socket.addEventListener("message", only((event) => {
      this.#watch();
      this.#hear(JSON.parse(event.data));
    }));
    socket.addEventListener("close", only((event) => this.#drop(event.reason || "The connection is lost", event.code)));
  }

  #hear(frame) {
    switch (frame.type) {
      case "welcome":
        this.#joined = !frame.reset;
        this.#attempts = 0;
        this.#on.welcome(frame);
        if (frame.reset) return;
        this.#on.status("live", "Connected");
        this.#tellRead();
        return this.#pump();
      case "message":
        if (frame.seq <= this.last) return;
        if (frame.seq !== this.last + 1) return this.#drop("A message is missing. Asking for it again");
        this.last = frame.seq;
        return this.#on.message(frame);
      case "changed":
        if (frame.revision <= this.revision) return;
        this.revision = frame.revision;
        return this.#on.changed(frame);
      case "stored":
      case "done":
        return this.#answered(frame);
      case "direct":
        this.#answered(frame);
        return this.#on.direct?.(frame);
      case "refused":
        return this.#refused(frame);
      default:
        // Frames of a later server are passed over.
        return this.#on[frame.type]?.(frame);
    }
  }

  /** Notices a connection that died without a word. */
  #watch() {
    clearTimeout(this.#pingTimer);
    this.#pingTimer = setTimeout(() => {
      this.#send({ type: "ping" });
      this.#pingTimer = setTimeout(() => this.#drop("The server does not answer"), PONG_TIMEOUT);
    }, QUIET_BEFORE_PING);
  }

  #drop(why, closeCode) {
    for (const timer of [this.#pingTimer, this.#retryTimer, this.#answerTimer, this.#typingTimer, this.#readTimer]) clearTimeout(timer);
    this.#readTimer = this.#readTold = 0;
    const old = this.#socket;
    this.#socket = null;
    this.#joined = false;
    this.#typingSince = 0;
    old?.close();
    this.#flying = null;
    this.#pump();
    if (closeCode === 1008) return this.#on.status("lost", `${why}. Reload the page to go on.`, 0);
    // Half of the wait is chance, so that a restarted server is not met by everybody at once.
    const ceiling = Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** this.#attempts);
    const wait = ceiling / 2 + Math.random() * (ceiling / 2);
    this.#attempts += 1;
    this.#retryTimer = setTimeout(() => this.connect(), wait);
    const seconds = Math.round(wait / 1000);
    this.#on.status("lost", `${why}. ${seconds > 1 ? `Trying again in ${seconds} s` : "Trying again"}…`, seconds);
  }
}
