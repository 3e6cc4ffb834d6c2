// The room page. The server has rendered the history; this keeps it up to date and sends what is written.

import { MAX_BODY, newId, RoomClient } from "./client.js";
import { showHelp, understand } from "./commands.js";
import { alter, arrange, find, make, messageItem, readItem, written } from "./messages.js";
import { names } from "./names.js";
import { people } from "./people.js";
import { roomList } from "./rooms.js";
import { statusLine } from "./status.js";
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
  const [form, field, count, jump] = [find("#composer"), find("#body"), find("#count"), find("#jump")];
  const line = statusLine(() => keepFocus(() => client.connect()));
  const say = line.answer;
  const here = people(me, page.dataset.with, line.news);
  const items = new Map(); // id of a message that is on its way -> its element
  const memory = (key) => `${key}:${code}:${me.id}`;
  let unread = 0;
  let called = 0; // how many of the unread mention this person
  let editing = null; // the element of the message that is being edited
  let following = true; // the end is what is looked at
  let height = 0; // of what can be seen of the conversation

  // History

  const atEnd = () => log.scrollHeight - log.scrollTop - log.clientHeight < 80;
  const toEnd = () => {
    log.scrollTop = log.scrollHeight;
    following = jump.hidden = true;
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
    const follow = following || message.author.id === me.id;
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
    const before = log.scrollHeight;
    list.prepend(...adopt([...older.querySelectorAll("#messages > .message")]));
    arrangeAll();
    const next = older.querySelector("#earlier");
    if (next) link.href = next.getAttribute("href");
    else keepFocus(() => link.remove());
    log.scrollTop += log.scrollHeight - before;
    following = atEnd();
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
    say("");
  }

  /** Deleting cannot be undone, so it takes two clicks. */
  function ask(item) {
    const tools = find(".tools", item);
    const before = [...tools.childNodes];
    const back = () => {
      tools.replaceChildren(...before);
      before.at(-1).focus();
    };
    const sure = button("plain", "Delete for everybody", () => {
      back();
      client.wish({ id: newId(), type: "delete", seq: Number(item.dataset.seq), at: Date.now() });
    });
    tools.replaceChildren(sure, button("plain", "Keep", back));
    sure.focus();
  }

  function changed(message) {
    const item = list.querySelector(`[data-seq="${message.seq}"]`);
    if (!item) return;
    if (editing === item && message.state === "deleted") endEdit();
    alter(item, message, me);
    if (message.state === "deleted") keepFocus(() => find(".tools", item)?.remove());
  }

  /** Whoever had the focus where it cannot stay goes on in the conversation. */
  function keepFocus(change) {
    const held = document.activeElement;
    change();
    if (held !== document.body && !held.checkVisibility()) log.focus();
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
      button("plain", "Try again", () => keepFocus(() => client.retry(wish.id))), " ",
      button("plain", "Discard", () => keepFocus(() => settle(wish.id))),
    ] : [text];
    find(".state", item).replaceChildren(...line);
    if (wish.state === "failed" && following) log.scrollTop = log.scrollHeight;
  }

  function settle(id) {
    items.get(id)?.remove();
    items.delete(id);
    client.forget(id);
    remember();
  }

  // The connection

  function show(state, text, seconds) {
    line.connection(state, text, seconds);
    if (state !== "live") here.silence();
  }

  const url = new URL(`/rooms/${code}/socket`, location.href);
  url.protocol = url.protocol.replace("http", "ws");
  const adopted = adopt(all());
  const known = { last: Number(adopted.at(-1)?.dataset.seq ?? page.dataset.last), revision: Number(page.dataset.revision) };
  const client = new RoomClient(url, known, {
    status: show,
    refused: say,
    welcome: (frame) => (frame.reset ? location.reload() : here.set(frame)),
    message: receive,
    changed,
    wish: wished,
    members: here.set,
    joined: here.joined,
    left: here.left,
    presence: here.presence,
    typing: here.typing,
    rooms: (frame) => {
      rooms.show(frame);
      call(frame.rooms.find((room) => room.code === code));
    },
    workspace: (frame) => rooms.showChannels(frame),
    announced: ({ by, text }) => line.news(`${by.name} to all: ${text}`, 15_000),
    mentioned: ({ by, room, direct }) =>
      line.news(direct ? `${by.name} writes to you` : `${by.name} mentions you in ${rooms.nameOf(room)}`, 15_000),
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
    say("");
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
      const all = here.all.map((person) => person.name);
      const only = page.dataset.with ? "Nobody else can come here. " : "";
      say(`${only}${all.length} here: ${all.join(", ")}`);
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

  /** Who can be meant by an @: whoever is here, and whoever has said something that is shown. */
  const meant = names(field, () => {
    const said = all().map((item) => ({ id: Number(item.dataset.author), name: find(".author", item).textContent, here: false }));
    const known = new Map([...said, ...here.all.map((person) => ({ ...person, here: true }))].map((person) => [person.id, person]));
    known.delete(me.id);
    return [...known.values()];
  });

  form.addEventListener("submit", (event) => { event.preventDefault(); submit(); });
  field.addEventListener("input", () => {
    measure();
    if (!editing && field.value) client.typing();
    else client.stopTyping();
  });
  field.addEventListener("keydown", (event) => {
    if (meant(event)) return;
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
    document.addEventListener(doing, () => client.active(here.away), { passive: true });
  }
  log.addEventListener("scroll", () => {
    // What the person does, and not what becomes of it when there is less place.
    if (log.clientHeight === height) following = atEnd();
    if (following && !document.hidden && unread) toEnd();
  });
  // What is written, or sent, below takes none of it away.
  new ResizeObserver(() => {
    height = log.clientHeight;
    if (following) log.scrollTop = log.scrollHeight;
  }).observe(log);
  jump.addEventListener("click", () => keepFocus(toEnd));
  find("#cancel").addEventListener("click", () => { endEdit(); field.focus(); });
  find("#earlier")?.addEventListener("click", loadEarlier);
  addEventListener("pagehide", () => client.leave());
  addEventListener("online", () => !client.live && client.connect());
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && following) toEnd();
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
