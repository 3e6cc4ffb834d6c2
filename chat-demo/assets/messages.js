// How messages and people look. Whatever people say becomes text nodes, never markup.

export const find = (selector, root = document) => root.querySelector(selector);
const now = () => Date.now();
const GROUP_GAP = 5 * 60_000;

export function make(tag, className, ...children) {
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

export const hue = (id) => `hue-${((id % 8) + 8) % 8}`;
const initial = (name) => [...name][0].toLocaleUpperCase();
export const avatar = (name) => {
  const node = make("span", "avatar", initial(name));
  node.setAttribute("aria-hidden", "true");
  return node;
};

const size = (bytes) => {
  if (bytes < 1024) return `${bytes} bytes`;
  return bytes < 1_048_576 ? `${Math.ceil(bytes / 1024)} KB` : `${(bytes / 1_048_576).toFixed(1)} MB`;
};

/** The link to a file that came with a message. */
function fileLink(seq, file) {
  const link = make("a", "file");
  link.href = `/rooms/${find("[data-room]").dataset.room}/files/${seq}`;
  link.download = "";
  if (file.thumbnail) {
    const picture = make("img");
    [picture.width, picture.height] = file.thumbnail;
    Object.assign(picture, { alt: "", loading: "lazy", src: `${link.href}/thumbnail` });
    link.append(picture);
  }
  const scanned = file.scanned ? "" : ", not scanned";
  link.append(make("span", "file-name", file.name), make("span", "file-size", `${size(file.size)}${scanned}`));
  return link;
}

/** A text as nodes, with whom it mentions by the names that it says; a mention of `me` stands out. */
function textNodes(text, mentions, me) {
  if (!mentions?.length) return [text];
  const quoted = (name) => name.replace(/[.*+?^${}()|[\]\\/-]/g, "\\$&");
  const names = mentions.map((person) => person.name).sort((a, b) => b.length - a.length).map(quoted);
  const mention = new RegExp(`(?<![\\p{L}\\p{N}])(@(?:${names.join("|")}))(?![\\p{L}\\p{N}])`, "giu");
  const mine = mentions.filter((person) => person.id === me.id).map((person) => `@${person.name}`.toLowerCase());
  return text.split(mention).map((part, index) =>
    index % 2 ? make("span", mine.includes(part.toLowerCase()) ? "mention me" : "mention", part) : part);
}

/** The element of a message, sent or to be sent. */
export function messageItem({ seq, id, author, at, kind, body, state, file, mentions }, me) {
  const time = make("time", "", clock.format(at));
  time.dateTime = new Date(at).toISOString();
  time.title = fullDate.format(at);
  const mine = author.id === me.id;
  const meta = make("p", "meta", make("span", "author", mine ? "You" : author.name), time);
  const item = make("li", `message ${hue(author.id)}${mine ? " mine" : ""}`);
  const bubble = make("p", "bubble", ...textNodes(body, mentions, me));
  if (kind === "action") {
    item.classList.add("action");
    bubble.replaceChildren(make("span", "actor", author.name), " ", make("span", "act", ...textNodes(body, mentions, me)));
  }
  item.append(avatar(author.name), meta, bubble);
  if (file && state !== "deleted") {
    bubble.hidden = !body;
    item.append(fileLink(seq, file));
  }
  Object.assign(item.dataset, { author: author.id, at, id });
  if (seq) item.dataset.seq = seq;
  if (state) alter(item, { body, state, mentions }, me);
  return item;
}

/** Shows a message as its author has changed it. */
export function alter(item, { body, state, mentions }, me) {
  const gone = state === "deleted";
  item.dataset.state = state;
  item.classList.toggle("deleted", gone);
  if (gone) find(".file", item)?.remove();
  find(".bubble", item).hidden = false;
  if (gone) find(".bubble", item).textContent = "This message was deleted";
  else words(item).replaceChildren(...textNodes(body, mentions, me));
  find(".changed", item)?.remove();
  if (!gone) find(".bubble", item).after(make("span", "changed", "edited"));
}

const words = (item) => find(".act", item) ?? find(".bubble", item);

/** What its author wrote. */
export const written = (item) => words(item).textContent;

/** The message that an element of the server's page shows. */
export function readItem(item) {
  return {
    seq: Number(item.dataset.seq),
    id: item.dataset.id,
    at: Number(item.dataset.at),
    author: { id: Number(item.dataset.author), name: item.dataset.name },
    kind: item.dataset.kind,
    body: written(item),
    state: item.dataset.state,
    file: item.dataset.file && JSON.parse(item.dataset.file),
    mentions: item.dataset.mentions && JSON.parse(item.dataset.mentions),
  };
}

/** Whether `item` begins a group, and a day line before it if it begins a day. */
export function arrange(item, previous) {
  const at = Number(item.dataset.at);
  const newDay = !previous || dayOf(Number(previous.dataset.at)) !== dayOf(at);
  const before = item.previousElementSibling;
  if (before?.classList.contains("day")) before.remove();
  if (newDay) item.before(make("li", "day", dayLabel(at)));
  const close = previous && at - Number(previous.dataset.at) < GROUP_GAP;
  item.classList.toggle("first", newDay || !close || previous.dataset.author !== item.dataset.author);
}

