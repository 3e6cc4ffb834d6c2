// The room page. The server has rendered the history; this keeps it up to date and sends what is
// written. Whatever people say becomes text nodes, never markup.

const VERSION = 1;
const ANSWER_TIMEOUT = 20_000; // longer than the server goes on trying
const QUIET_BEFORE_PING = 25_000;
const PONG_TIMEOUT = 8_000;
const MAX_BODY = 4096;
const GROUP_GAP = 5 * 60_000;

const find = (selector, root = document) => root.querySelector(selector);
const now = () => Date.now();

function make(tag, className, ...children) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  node.append(...children);
  return node;
}

// What a person is shown

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const dayName = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long" });
const fullDate = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "medium" });
const dayOf = (at) => new Date(at).toDateString();

function dayLabel(at) {
  if (dayOf(at) === dayOf(now())) return "Today";
  if (dayOf(at) === dayOf(now() - 86_400_000)) return "Yesterday";
  return dayName.format(at);
}

const hue = (id) => `hue-${((id % 8) + 8) % 8}`;
const initial = (name) => [...name][0].toLocaleUpperCase();
const avatar = (name) => {
  const node = make("span", "avatar", initial(name));
  node.setAttribute("aria-hidden", "true");
  return node;
};

/** The element of a message, sent or to be sent. */
function messageItem({ seq, id, author, at, body }, me) {
  const time = make("time", "", clock.format(at));
  time.dateTime = new Date(at).toISOString();
  time.title = fullDate.format(at);
  const mine = author.id === me.id;
  const meta = make("p", "meta", make("span", "author", mine ? "You" : author.name), time);
  const item = make("li", `message ${hue(author.id)}${mine ? " mine" : ""}`);
  item.append(avatar(author.name), meta, make("p", "bubble", body));
  Object.assign(item.dataset, { author: author.id, at, id });
  if (seq) item.dataset.seq = seq;
  return item;
}

/** The message that an element of the server's page shows. */
function readItem(item) {
  return {
    seq: Number(item.dataset.seq),
    id: item.dataset.id,
    at: Number(item.dataset.at),
    author: { id: Number(item.dataset.author), name: item.dataset.name },
    body: find(".bubble", item).textContent,
  };
}

/** Whether `item` begins a group, and a day line before it if it begins a day. */
function arrange(item, previous) {
  const at = Number(item.dataset.at);
  const newDay = !previous || dayOf(Number(previous.dataset.at)) !== dayOf(at);
  const before = item.previousElementSibling;
  if (before?.classList.contains("day")) before.remove();
  if (newDay) item.before(make("li", "day", dayLabel(at)));
  const close = previous && at - Number(previous.dataset.at) < GROUP_GAP;
  item.classList.toggle("first", newDay || !close || previous.dataset.author !== item.dataset.author);
}

function start(page) {
  const code = page.dataset.room;
  const me = { id: Number(page.dataset.me), name: page.dataset.name };
  const [log, list, outbox] = [find("#log"), find("#messages"), find("#outbox")];
  const [status, jump] = [find("#status"), find("#jump")];
  const [form, field, count] = [find("#composer"), find("#body"), find("#count")];
  const members = new Map();
  const waiting = new Map(); // id -> { id, body, at, item, state }
  const memory = (key) => `${key}:${code}:${me.id}`;
  let last = 0;
  let unread = 0;

  // History

  const atEnd = () => log.scrollHeight - log.scrollTop - log.clientHeight < 80;
  const toEnd = () => {
    log.scrollTop = log.scrollHeight;
    jump.hidden = true;
    unread = 0;
    showTitle();
  };
  const showTitle = () => {
    document.title = (unread ? `(${unread}) ` : "") + page.dataset.title;
    jump.textContent = `${unread} new ${unread === 1 ? "message" : "messages"} ↓`;
  };
  const lastItem = () => [...list.querySelectorAll(".message")].at(-1);

  function adopt(items) {
    const nodes = items.map((item) => messageItem(readItem(item), me));
    nodes.forEach((node) => node.classList.add("sent"));
    return nodes;
  }

  function arrangeAll() {
    let previous = null;
    for (const item of list.querySelectorAll(".message")) {
      arrange(item, previous);
      previous = item;
    }
  }

  function receive(message) {
    if (message.seq <= last) return;
    if (message.seq !== last + 1) return drop("A message is missing. Asking for it again");
    last = message.seq;
    const follow = atEnd() || message.author.id === me.id;
    const previous = lastItem();
    const item = messageItem(message, me);
    item.classList.add("sent");
    if (message.author.id === me.id) {
      item.append(make("p", "state", "Sent"));
      settle(message.id);
    }
    if (previous) item.classList.add("fresh");
    list.append(item);
    arrange(item, previous);
    find("#empty").hidden = true;
    if (message.author.id !== me.id && (document.hidden || !follow)) unread += 1;
    if (follow && !document.hidden) toEnd();
    else if (follow) log.scrollTop = log.scrollHeight;
    else jump.hidden = unread === 0;
    showTitle();
  }

  async function loadEarlier(event) {
    event.preventDefault();
    const link = event.currentTarget;
    const response = await fetch(link.href).catch(() => null);
    if (!response?.ok) return say("Earlier messages could not be loaded. Try again.");
    const older = new DOMParser().parseFromString(await response.text(), "text/html");
    const height = log.scrollHeight;
    list.prepend(...adopt([...older.querySelectorAll("#messages > .message")]));
    arrangeAll();
    const next = older.querySelector("#earlier");
    if (next) link.href = next.getAttribute("href");
    else link.remove();
    log.scrollTop += log.scrollHeight - height;
  }

  // Sending, one message at a time, so that they are numbered in the order in which they were written.
  // Each is "pending", then "stored" until it comes back as a message of the room, or "failed".

  let flying = null; // the id of the message that waits for its answer
  let answerTimer = 0;

  const newId = () => [...crypto.getRandomValues(new Uint8Array(12))].map((b) => b.toString(16).padStart(2, "0")).join("");

  function remember() {
    const unsent = [...waiting.values()].map(({ id, body, at }) => ({ id, body, at }));
    sessionStorage.setItem(memory("unsent"), JSON.stringify(unsent));
  }

  function enqueue({ id, body, at }) {
    const item = messageItem({ id, body, at, author: me }, me);
    item.classList.add("first");
    item.append(make("p", "state"));
    outbox.append(item);
    waiting.set(id, { id, body, at, item, state: "pending" });
    remember();
    pump();
    toEnd();
  }

  function mark(entry, state, ...text) {
    entry.state = state;
    entry.item.classList.toggle("pending", state === "pending");
    entry.item.classList.toggle("failed", state === "failed");
    find(".state", entry.item).replaceChildren(...text);
  }

  function pump() {
    const pending = [...waiting.values()].filter((entry) => entry.state === "pending");
    for (const entry of pending) mark(entry, "pending", live() ? "Sending…" : "Waiting for the connection…");
    if (live() && flying === null && pending.length > 0) transmit(pending[0]);
  }

  function transmit({ id, body }) {
    flying = id;
    clearTimeout(answerTimer);
    answerTimer = setTimeout(() => fail(id, "No answer came."), ANSWER_TIMEOUT);
    send({ type: "post", id, body });
  }

  /** The message has its answer: the next one may go. */
  function landed(id) {
    if (flying !== id) return;
    clearTimeout(answerTimer);
    flying = null;
    pump();
  }

  function fail(id, why) {
    const entry = waiting.get(id);
    if (!entry) return;
    const button = (text, action) => {
      const node = make("button", "plain", text);
      node.type = "button";
      node.addEventListener("click", action);
      return node;
    };
    const again = button("Try again", () => { entry.state = "pending"; pump(); });
    const discard = button("Discard", () => settle(id));
    mark(entry, "failed", `Not sent. ${why} `, again, " ", discard);
    if (atEnd()) log.scrollTop = log.scrollHeight;
    landed(id);
  }

  function settle(id) {
    const entry = waiting.get(id);
    if (!entry) return;
    entry.item.remove();
    waiting.delete(id);
    remember();
    landed(id);
  }

  function stored({ id }) {
    const entry = waiting.get(id);
    if (entry) mark(entry, "stored", "Sent");
    landed(id);
  }

  function refused({ id, text, retry_ms }) {
    const entry = waiting.get(id);
    if (!entry) return say(text);
    if (retry_ms === undefined) return fail(id, text);
    if (flying !== id) return;
    mark(entry, "pending", `${text} Trying again…`);
    clearTimeout(answerTimer);
    answerTimer = setTimeout(() => transmit(entry), retry_ms + 50);
  }

  // Who is there

  function showMembers() {
    const people = [...members.values()].sort((a, b) => a.name.localeCompare(b.name));
    find("#here").textContent = `${people.length} here`;
    find("#members").replaceChildren(...people.map((person) => {
      const item = make("li", hue(person.id), avatar(person.name), make("span", "name", person.name));
      item.dataset.person = person.id;
      if (person.id === me.id) item.append(make("span", "self", "you"));
      return item;
    }));
  }

  function setMembers(list) {
    members.clear();
    for (const person of list) members.set(person.id, person);
    showMembers();
  }

  function joined({ person }) {
    const known = members.get(person.id);
    members.set(person.id, person);
    showMembers();
    if (person.id === me.id) return;
    if (!known) note(`${person.name} is here`);
    else if (known.name !== person.name) note(`${known.name} is now ${person.name}`);
  }

  function left({ id }) {
    const person = members.get(id);
    members.delete(id);
    showMembers();
    if (person) note(`${person.name} left`);
  }

  // The line below the conversation

  let noteTimer = 0;
  const say = (text) => { find("#status-text").textContent = text; };
  const show = (state, text) => {
    clearTimeout(noteTimer);
    status.dataset.state = state;
    say(text);
  };
  function note(text) {
    show("live", text);
    noteTimer = setTimeout(() => live() && say("Connected"), 4_000);
  }

  // The connection

  let socket = null;
  let joinedRoom = false;
  let attempts = 0;
  let retryTimer = 0;
  let pingTimer = 0;

  const live = () => joinedRoom;
  const send = (frame) => socket.send(JSON.stringify(frame));

  function connect() {
    clearTimeout(retryTimer);
    find("#now").hidden = true;
    show("wait", attempts ? "Connecting again…" : "Connecting…");
    const url = new URL(`/rooms/${code}/socket`, location.href);
    url.protocol = url.protocol.replace("http", "ws");
    const mine = (socket = new WebSocket(url));
    const only = (handler) => (event) => { if (mine === socket) handler(event); };
    mine.addEventListener("open", only(() => {
      send({ type: "join", v: VERSION, after: last });
      watch();
    }));
    mine.addEventListener("message", only((event) => {
      watch();
      const frame = JSON.parse(event.data);
      handlers[frame.type]?.(frame);
    }));
    mine.addEventListener("close", only((event) => drop(event.reason || "The connection is lost", event.code)));
  }

  /** Notices a connection that died without a word. */
  function watch() {
    clearTimeout(pingTimer);
    pingTimer = setTimeout(() => {
      send({ type: "ping" });
      pingTimer = setTimeout(() => drop("The server does not answer"), PONG_TIMEOUT);
    }, QUIET_BEFORE_PING);
  }

  function drop(why, closeCode) {
    clearTimeout(pingTimer);
    clearTimeout(retryTimer);
    const old = socket;
    socket = null;
    joinedRoom = false;
    old?.close();
    clearTimeout(answerTimer);
    flying = null;
    pump();
    if (closeCode === 1008) return show("lost", `${why}. Reload the page to go on.`);
    // Half of the wait is chance, so that a restarted server is not met by everybody at once.
    const ceiling = Math.min(15_000, 250 * 2 ** attempts);
    const wait = ceiling / 2 + Math.random() * (ceiling / 2);
    attempts += 1;
    retryTimer = setTimeout(connect, wait);
    const seconds = Math.round(wait / 1000);
    show("lost", `${why}. ${seconds > 1 ? `Trying again in ${seconds} s` : "Trying again"}…`);
    find("#now").hidden = seconds <= 1;
  }

  const handlers = {
    welcome(frame) {
      if (frame.reset) return location.reload();
      joinedRoom = true;
      attempts = 0;
      setMembers(frame.members);
      show("live", "Connected");
      pump();
    },
    message: receive,
    stored,
    refused,
    joined,
    left,
    members: (frame) => setMembers(frame.members),
  };

  // What the person does

  const size = () => new TextEncoder().encode(field.value).length;
  function measure() {
    const left = MAX_BODY - size();
    count.textContent = left < 500 ? `${left} left` : "";
    count.classList.toggle("over", left < 0);
    sessionStorage.setItem(memory("draft"), field.value);
    if (!CSS.supports("field-sizing", "content")) {
      field.style.height = "auto";
      field.style.height = `${field.scrollHeight + 2}px`;
    }
  }

  function submit() {
    const body = field.value;
    if (!body.trim()) return field.focus();
    if (size() > MAX_BODY) return say("This message is too long. Please shorten it.");
    field.value = "";
    measure();
    enqueue({ id: newId(), body, at: now() });
    field.focus();
  }

  form.addEventListener("submit", (event) => { event.preventDefault(); submit(); });
  field.addEventListener("input", measure);
  field.addEventListener("keydown", (event) => {
    // An Enter that ends the composition of a character is not meant for us; Safari says so by 229 only.
    if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return;
    event.preventDefault();
    submit();
  });
  log.addEventListener("scroll", () => atEnd() && !document.hidden && unread && toEnd());
  jump.addEventListener("click", toEnd);
  find("#now").addEventListener("click", connect);
  find("#earlier")?.addEventListener("click", loadEarlier);
  addEventListener("online", () => !live() && connect());
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && atEnd()) toEnd();
    if (!document.hidden && !live() && !socket) connect();
  });

  const items = adopt([...list.querySelectorAll(".message")]);
  list.replaceChildren(...items);
  arrangeAll();
  last = Number(items.at(-1)?.dataset.seq ?? page.dataset.last);
  field.value = sessionStorage.getItem(memory("draft")) ?? "";
  measure();
  for (const entry of JSON.parse(sessionStorage.getItem(memory("unsent")) ?? "[]")) enqueue(entry);
  toEnd();
  connect();
}

// Copying, on this page and on the one of a new room

for (const button of document.querySelectorAll("[data-copy]")) {
  button.hidden = !navigator.clipboard;
  const text = button.textContent;
  button.addEventListener("click", async () => {
    const copy = button.dataset.copy === "link" ? location.href : button.dataset.copy;
    const done = await navigator.clipboard.writeText(copy).then(() => true, () => false);
    button.textContent = done ? "Copied" : "Copy it by hand";
    setTimeout(() => { button.textContent = text; }, 2_000);
  });
}

const page = find("[data-room]");
if (page && find("#composer")) start(page);
