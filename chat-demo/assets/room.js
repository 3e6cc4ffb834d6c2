// The room page. The server has rendered the history; this keeps it up to date and sends what is written.

import { MAX_BODY, newId, RoomClient } from "./client.js";
import { showHelp, understand } from "./commands.js";
import { roomList } from "./rooms.js";
import { alter, arrange, avatar, find, hue, make, messageItem, readItem, written } from "./messages.js";
import { uploads } from "./upload.js";

function button(className, text, action) {
  const node = make("button", className, text);
  node.type = "button";
  node.addEventListener("click", action);
  return node;
}

export function start(page) {
  const code = page.dataset.room;
  const me = { id: Number(page.dataset.me), name: page.dataset.name };
  const [log, list, outbox] = [find("#log"), find("#messages"), find("#outbox")];
  const [status, jump] = [find("#status"), find("#jump")];
  const [form, field, count] = [find("#composer"), find("#body"), find("#count")];
  const members = new Map();
  const writing = new Set();
  const away = new Set();
  const items = new Map(); // id of a message that is on its way -> its element
  const memory = (key) => `${key}:${code}:${me.id}`;
  let unread = 0;
  let called = 0; // how many of the unread mention this person
  let editing = null; // the element of the message that is being edited

  // History

  const atEnd = () => log.scrollHeight - log.scrollTop - log.clientHeight < 80;
  const toEnd = () => {
    log.scrollTop = log.scrollHeight;
    jump.hidden = true;
    unread = called = 0;
    if (!document.hidden) client.read(client.last);
    showTitle();
  };
  function showTitle() {
    const [all, mentions] = [unread + rooms.unread, called + rooms.mentions];
    document.title = (all ? `(${mentions ? `${all}, @${mentions}` : all}) ` : "") + page.dataset.title;
    jump.textContent = `${unread} new ${unread === 1 ? "message" : "messages"} ↓`;
  }
  /** The room between two goes by the name that the other has now. */
  function call(room) {
    if (!room?.with) return;
    page.dataset.with = find("#with").textContent = rooms.nameOf(code);
    page.dataset.title = `${page.dataset.with} · Rooms`;
    showTitle();
  }
  const rooms = roomList(code, me, showTitle);
  const all = () => [...list.querySelectorAll(".message")];

  function adopt(nodes) {
    return nodes.map((node) => {
      const item = messageItem(readItem(node), me);
      item.classList.add("sent");
      return own(item);
    });
  }

  function arrangeAll() {
    let previous = null;
    for (const item of all()) {
      arrange(item, previous);
      previous = item;
    }
  }

  function receive(message) {
    const follow = atEnd() || message.author.id === me.id;
    const previous = all().at(-1);
    const item = own(messageItem(message, me));
    item.classList.add("sent");
    if (message.author.id === me.id) {
      item.append(make("p", "state", "Sent"));
      settle(message.id);
    }
    if (previous) item.classList.add("fresh");
    // Whoever had not read what came before sees where that begins.
    if (unread === 0 && message.author.id !== me.id && (document.hidden || !follow)) divide();
    list.append(item);
    arrange(item, previous);
    find("#empty").hidden = true;
    if (message.author.id !== me.id && (document.hidden || !follow)) {
      unread += 1;
      if (message.mentions?.some((person) => person.id === me.id)) called += 1;
    }
    if (follow && !document.hidden) toEnd();
    else if (follow) log.scrollTop = log.scrollHeight;
    else jump.hidden = unread === 0;
    showTitle();
  }

  /** A line before `item`, or at the end. */
  function divide(item = null) {
    find("#unread")?.remove();
    const line = make("li", "unread-line", "New");
    line.id = "unread";
    const day = item?.previousElementSibling;
    list.insertBefore(line, day?.classList.contains("day") ? day : item);
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

  // One's own messages

  /** Lets its author change a message. */
  function own(item) {
    if (Number(item.dataset.author) !== me.id || item.dataset.state === "deleted") return item;
    const tools = make("span", "tools", button("plain", "Edit", () => edit(item)), button("plain", "Delete", () => ask(item)));
    item.append(tools);
    return item;
  }

  function edit(item) {
    editing = item;
    field.value = written(item);
    form.dataset.editing = "true";
    find("#send").textContent = "Save";
    find("#cancel").hidden = false;
    say("Editing your message. Escape leaves it as it is.");
    measure();
    field.focus();
  }

  function endEdit() {
    if (!editing) return;
    editing = null;
    delete form.dataset.editing;
    find("#send").textContent = "Send";
    find("#cancel").hidden = true;
    field.value = "";
    measure();
    say("Connected");
  }

  /** Deleting cannot be undone, so it takes two clicks. */
  function ask(item) {
    const tools = find(".tools", item);
    const before = [...tools.childNodes];
    const sure = button("plain", "Delete for everybody", () => {
      tools.replaceChildren(...before);
      client.wish({ id: newId(), type: "delete", seq: Number(item.dataset.seq), at: Date.now() });
    });
    tools.replaceChildren(sure, button("plain", "Keep", () => tools.replaceChildren(...before)));
    sure.focus();
  }

  function changed(message) {
    const item = list.querySelector(`[data-seq="${message.seq}"]`);
    if (!item) return;
    if (editing === item && message.state === "deleted") endEdit();
    alter(item, message, me);
    if (message.state === "deleted") find(".tools", item)?.remove();
  }

  // What is on its way

  function remember() {
    const unsent = client.wishes.filter((wish) => wish.type === "post").map(({ id, kind, body, at }) => ({ id, kind, body, at }));
    sessionStorage.setItem(memory("unsent"), JSON.stringify(unsent));
  }

  function enqueue({ id, kind, body, at }) {
    const item = messageItem({ id, kind, body, at, author: me }, me);
    item.classList.add("first");
    item.append(make("p", "state"));
    outbox.append(item);
    items.set(id, item);
    client.wish({ id, type: "post", kind, body, at });
    remember();
    toEnd();
  }

  function wished(wish, text) {
    if (wish.type !== "post") {
      const direct = wish.type === "direct";
      if (wish.state === "failed") say(direct ? text : `Not changed. ${text}`);
      if (wish.state === "failed" && direct && !field.value) {
        field.value = `/msg ${wish.text}`;
        measure();
      }
      if (wish.state !== "pending") client.forget(wish.id);
      return;
    }
    const item = items.get(wish.id);
    if (!item) return;
    item.classList.toggle("pending", wish.state === "pending");
    item.classList.toggle("failed", wish.state === "failed");
    const line = wish.state === "failed" ? [
      `Not sent. ${text} `,
      button("plain", "Try again", () => client.retry(wish.id)), " ",
      button("plain", "Discard", () => settle(wish.id)),
    ] : [text];
    find(".state", item).replaceChildren(...line);
    if (wish.state === "failed" && atEnd()) log.scrollTop = log.scrollHeight;
  }

  function settle(id) {
    items.get(id)?.remove();
    items.delete(id);
    client.forget(id);
    remember();
  }

  // Who is there, and who is writing

  /** The button that opens the room between this person and another. */
  function talk({ id, name }) {
    const whom = make("input");
    Object.assign(whom, { type: "hidden", name: "person", value: id });
    const form = make("form", "talk", whom, make("button", "plain", "Message", make("span", "unseen", ` ${name}`)));
    Object.assign(form, { method: "post", action: "/direct" });
    return form;
  }

  function showMembers() {
    const people = [...members.values()].sort((a, b) => a.name.localeCompare(b.name));
    find("#here").textContent = `${people.length} here`;
    find("#members").replaceChildren(...people.map((person) => {
      const item = make("li", hue(person.id), avatar(person.name), make("span", "name", person.name));
      item.dataset.person = person.id;
      if (person.id === me.id) item.append(make("span", "self", "you"));
      else if (!page.dataset.with) item.append(talk(person));
      const status = away.has(person.id) ? "away" : "online";
      const dot = make("span", "dot");
      dot.setAttribute("aria-hidden", "true");
      const presence = make("span", "presence", dot, status);
      presence.dataset.status = status;
      item.append(presence);
      return item;
    }));
  }

  function setMembers(frame) {
    members.clear();
    away.clear();
    for (const person of frame.members) members.set(person.id, person);
    for (const id of frame.away) away.add(id);
    showMembers();
  }

  function joined({ person }) {
    const known = members.get(person.id);
    members.set(person.id, person);
    showMembers();
    if (person.id === me.id) {
      if (me.name !== person.name) note(`You are ${person.name} now`);
      me.name = person.name;
      find("#name").value = person.name;
      return;
    }
    if (!known) note(`${person.name} is here`);
    else if (known.name !== person.name) note(`${known.name} is now ${person.name}`);
  }

  function left({ id }) {
    const person = members.get(id);
    members.delete(id);
    away.delete(id);
    typing({ id, on: false });
    showMembers();
    if (person) note(`${person.name} left`);
  }

  function presence({ id, status }) {
    if (status === "away") away.add(id);
    else away.delete(id);
    showMembers();
  }

  function typing({ id, on }) {
    if (on && id !== me.id) writing.add(id);
    else writing.delete(id);
    const names = [...writing].map((id) => members.get(id)?.name).filter(Boolean);
    const who = names.length > 2 ? `${names.length} people are` : `${names.join(" and ")} ${names.length > 1 ? "are" : "is"}`;
    find("#typing").textContent = names.length ? `${who} writing…` : "";
  }

  // The line below the conversation

  let noteTimer = 0;
  const say = (text) => {
    clearTimeout(noteTimer);
    find("#status-text").textContent = text;
  };
  function show(state, text, seconds = 0) {
    status.dataset.state = state;
    find("#now").hidden = state !== "lost" || seconds <= 1;
    if (state !== "live") for (const id of writing) typing({ id, on: false });
    say(text);
  }
  function note(text, time = 4_000) {
    say(text);
    noteTimer = setTimeout(() => client.live && say("Connected"), time);
  }

  const url = new URL(`/rooms/${code}/socket`, location.href);
  url.protocol = url.protocol.replace("http", "ws");
  const adopted = adopt(all());
  const known = { last: Number(adopted.at(-1)?.dataset.seq ?? page.dataset.last), revision: Number(page.dataset.revision) };
  const client = new RoomClient(url, known, {
    status: show,
    welcome: (frame) => (frame.reset ? location.reload() : setMembers(frame)),
    message: receive,
    changed,
    wish: wished,
    members: setMembers,
    joined,
    left,
    presence,
    typing,
    rooms: (frame) => {
      rooms.show(frame);
      call(frame.rooms.find((room) => room.code === code));
    },
    workspace: (frame) => rooms.showChannels(frame),
    announced: ({ by, text }) => note(`${by.name} to all: ${text}`, 15_000),
    mentioned: ({ by, room, direct }) =>
      note(direct ? `${by.name} writes to you` : `${by.name} mentions you in ${rooms.nameOf(room)}`, 15_000),
    direct: ({ room }) => { if (room !== code) location.assign(`/rooms/${room}`); },
  });

  // What the person does

  const size = () => new TextEncoder().encode(field.value).length;
  function measure() {
    const left = MAX_BODY - size();
    count.textContent = left < 500 ? `${left} left` : "";
    count.classList.toggle("over", left < 0);
    if (!editing) sessionStorage.setItem(memory("draft"), field.value);
    if (!CSS.supports("field-sizing", "content")) {
      field.style.height = "auto";
      field.style.height = `${field.scrollHeight + 2}px`;
    }
  }

  function submit() {
    const body = field.value;
    if (!body.trim()) return field.focus();
    if (size() > MAX_BODY) return say("This message is too long. Please shorten it.");
    if (editing) {
      const seq = Number(editing.dataset.seq);
      if (body !== written(editing)) client.wish({ id: newId(), type: "edit", seq, body, at: Date.now() });
      endEdit();
      return field.focus();
    }
    const wanted = understand(body);
    if (wanted.problem) return say(wanted.problem);
    field.value = "";
    measure();
    if (wanted.command) {
      client.stopTyping();
      return obey[wanted.command](wanted.argument);
    }
    enqueue({ id: newId(), kind: wanted.kind, body: wanted.body, at: Date.now() });
    field.focus();
  }

  const obey = {
    nick(name) {
      if (name === me.name) say("That is your name already.");
      else client.wish({ id: newId(), type: "nick", name, at: Date.now() });
    },
    who() {
      find(".people").open = true;
      const names = [...members.values()].map((person) => person.name).sort((a, b) => a.localeCompare(b));
      const only = page.dataset.with ? "Nobody else can come here. " : "";
      say(`${only}${names.length} here: ${names.join(", ")}`);
    },
    msg(text) { client.wish({ id: newId(), type: "direct", text, at: Date.now() }); },
    search(q) { location.assign(`/search?${new URLSearchParams({ q, room: code })}`); },
    join(wanted) {
      const [path, name] = wanted.startsWith("#") ? [`/workspaces/${page.dataset.workspace}/channels`, "name"] : ["/rooms", "code"];
      if (name === "name" && !page.dataset.workspace) return say("This room is in no workspace, so there are no channels to join.");
      location.assign(`${path}?${new URLSearchParams({ [name]: wanted })}`);
    },
    leave() { find("#leave").requestSubmit(); },
    help() { showHelp(() => field.focus()); },
  };

  form.addEventListener("submit", (event) => { event.preventDefault(); submit(); });
  field.addEventListener("input", () => {
    measure();
    if (!editing && field.value) client.typing();
    else client.stopTyping();
  });
  field.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && editing) return endEdit();
    if (event.key === "ArrowUp" && !event.altKey && !field.value) {
      const mine = all().findLast((item) => find(".tools", item));
      if (mine) { event.preventDefault(); edit(mine); }
      return;
    }
    // An Enter that ends the composition of a character is not meant for us; Safari says so by 229 only.
    if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return;
    event.preventDefault();
    submit();
  });
  document.addEventListener("keydown", (event) => {
    const before = document.activeElement;
    const back = () => before.focus();
    const plain = !event.ctrlKey && !event.metaKey;
    if (event.key === "?" && plain && !event.target.matches("input, textarea")) {
      event.preventDefault();
      showHelp(back);
    } else if (event.key === "/" && plain && !event.target.matches("input, textarea") && !find("dialog")) {
      event.preventDefault();
      location.assign(`/search?room=${code}`);
    } else if (event.key.toLowerCase() === "k" && !plain && !event.altKey && !event.shiftKey) {
      event.preventDefault();
      rooms.choose(back);
    } else if (event.altKey && plain && ["ArrowUp", "ArrowDown"].includes(event.key) && !find("dialog")) {
      event.preventDefault();
      rooms.step(event.key === "ArrowUp" ? -1 : 1);
    }
  });
  for (const doing of ["keydown", "pointerdown", "pointermove", "wheel"]) {
    document.addEventListener(doing, () => client.active(away.has(me.id)), { passive: true });
  }
  log.addEventListener("scroll", () => atEnd() && !document.hidden && unread && toEnd());
  jump.addEventListener("click", toEnd);
  find("#cancel").addEventListener("click", () => { endEdit(); field.focus(); });
  find("#now").addEventListener("click", () => client.connect());
  find("#earlier")?.addEventListener("click", loadEarlier);
  addEventListener("pagehide", () => client.leave());
  addEventListener("online", () => !client.live && client.connect());
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && atEnd()) toEnd();
    if (!document.hidden && !client.live && !client.connecting) client.connect();
  });

  list.replaceChildren(...adopted);
  arrangeAll();
  const read = Number(page.dataset.read);
  const news = all().find((item) => Number(item.dataset.seq) > read && Number(item.dataset.author) !== me.id);
  if (news) divide(news);
  field.value = sessionStorage.getItem(memory("draft")) ?? "";
  measure();
  for (const entry of JSON.parse(sessionStorage.getItem(memory("unsent")) ?? "[]")) enqueue(entry);
  uploads(find("#attach"), log, say);
  toEnd();
  client.connect();
}
