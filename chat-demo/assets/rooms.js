// The person's rooms: what is unread in them, and how to go from one to another by keys.

import { find, make } from "./messages.js";

const upto = (count) => (count > 99 ? "99+" : `${count}`);
const mentions = (count) => `${upto(count)} ${count === 1 ? "mention" : "mentions"}`;
export const grouped = (code) => `${code.slice(0, 4)} ${code.slice(4)}`;

/** What a room is called: by its name, by the other one if it is between two, or by its code. */
const nameOf = ({ code, name, with: other }, me) =>
  name ?? (other ? `${other.name}${other.id === me.id ? " (you)" : ""}` : grouped(code));

/** What is shown of a room: what it is called, and what is unread in it. */
function label({ unread, mentions: called, ...room }, me) {
  const parts = [make("span", room.with ? "who" : "code", nameOf(room, me))];
  if (room.workspace) parts.push(make("span", "in", room.workspace));
  if (unread) parts.push(" ", make("span", "new", `${upto(unread)} new`));
  if (called) parts.push(" ", make("span", "at", mentions(called)));
  return parts;
}

/** The list of `me` in the page of the room `current`; `onChange` is called when the counts of the others have changed. */
export function roomList(current, me, onChange) {
  const list = find("#rooms");
  const known = ({ code, with: id, name, workspace }) =>
    ({ code, ...(id ? { with: { id: Number(id), name } } : { name, workspace }), unread: 0, mentions: 0 });
  let rooms = [...list.querySelectorAll("a")].map((link) => known(link.dataset));
  // The channels of the workspace of this one, if it is a channel.
  const siblings = find("#siblings");
  const { of } = find("[data-room]").dataset;
  let channels = [...(siblings?.querySelectorAll("a") ?? [])].map((link) => ({ code: link.dataset.sibling, name: link.dataset.title }));
  const others = () => rooms.filter((room) => room.code !== current);
  /** Where one can go from here: one's rooms, and the channels where one has not been yet. */
  const anywhere = () => {
    const known = others();
    const more = channels.filter(({ code }) => code !== current && !known.some((room) => room.code === code));
    return [...known, ...more.map(({ code, name }) => ({ code, name: `#${name}`, workspace: of, unread: 0, mentions: 0 }))];
  };
  const sum = (key) => others().reduce((sum, room) => sum + room[key], 0);

  return {
    get unread() { return sum("unread"); },
    get mentions() { return sum("mentions"); },

    show(frame) {
      rooms = frame.rooms;
      const focused = list.contains(document.activeElement) && document.activeElement.dataset.code;
      list.replaceChildren(...rooms.map((room) => {
        const here = room.code === current;
        const link = make("a", "", ...label(here ? { ...room, unread: 0, mentions: 0 } : room, me));
        link.href = `/rooms/${room.code}`;
        link.dataset.code = room.code;
        if (here) link.setAttribute("aria-current", "page");
        return make("li", "", link);
      }));
      if (focused) find(`[data-code="${focused}"]`, list)?.focus();
      const badge = make("span", this.mentions ? "badge at" : "badge", upto(this.unread));
      badge.append(make("span", "unseen", this.mentions ? ` unread, ${mentions(this.mentions)}` : " unread"));
      find("#elsewhere").replaceChildren(...(this.unread ? [badge] : []));
      const news = make("span", "badge at", upto(frame.notices), make("span", "unseen", " new"));
      find("#notices").lastElementChild.replaceChildren(...(frame.notices ? [news] : []));
      onChange();
    },

    /** The channels of the workspace, as they are now: there may be others among them. */
    showChannels(frame) {
      channels = frame.channels;
      for (const [at, { code, name }] of channels.entries()) {
        if (find(`[data-sibling="${code}"]`)) continue;
        const link = make("a", "", make("span", "code", `#${name}`));
        link.href = `/rooms/${code}`;
        link.dataset.sibling = code;
        siblings.insertBefore(make("li", "", link), siblings.children[at]);
      }
    },

    /** What one of the rooms is called. */
    nameOf: (code) => nameOf(rooms.find((room) => room.code === code) ?? { code }, me),

    /** Goes to the room so many places further in the list, or back. */
    step(by) {
      const at = rooms.findIndex((room) => room.code === current);
      const next = rooms.at((at + by + rooms.length) % rooms.length);
      if (next && next.code !== current) location.assign(`/rooms/${next.code}`);
    },

    /** Opens the dialog that goes to another room; `after` is called when it is closed. */
    choose(after) {
      if (find("dialog")) return;
      const field = make("input");
      Object.assign(field, { id: "wanted", autocomplete: "off", spellcheck: false, placeholder: "A code or a name, or a part of it" });
      const title = make("label", "", "Go to a room");
      title.htmlFor = field.id;
      const options = make("ul", "rooms");
      options.id = "options";
      const hint = make("p", "hint");
      hint.setAttribute("role", "status");
      const attributes = { role: "combobox", "aria-expanded": true, "aria-autocomplete": "list", "aria-controls": options.id };
      for (const [name, value] of Object.entries(attributes)) field.setAttribute(name, value);
      options.setAttribute("role", "listbox");
      options.setAttribute("aria-label", "Your rooms");
      const dialog = make("dialog", "card", title, field, options, hint);
      dialog.id = "switcher";
      dialog.setAttribute("aria-labelledby", title.id = "switcher-title");

      const wanted = () => field.value.replace(/[^0-9a-z]/gi, "").toUpperCase();
      let found = [];
      let at = 0;
      const go = (room) => location.assign(room ? `/rooms/${room.code}` : `/rooms?${new URLSearchParams({ code: wanted() })}`);
      function mark() {
        for (const [index, option] of [...options.children].entries()) option.setAttribute("aria-selected", index === at);
        const chosen = options.children[at];
        if (chosen) field.setAttribute("aria-activedescendant", chosen.id);
        else field.removeAttribute("aria-activedescendant");
        chosen?.scrollIntoView({ block: "nearest" });
      }
      function search() {
        // Whoever is asked for comes first, then what is new.
        const name = field.value.trim().toLocaleLowerCase();
        const fits = (room) => (wanted() && room.code.includes(wanted())) || nameOf(room, me).toLocaleLowerCase().includes(name);
        found = anywhere().filter(fits);
        found.sort((a, b) => b.mentions - a.mentions || b.unread - a.unread);
        at = 0;
        options.replaceChildren(...found.map((room, index) => {
          const option = make("li", "", ...label(room, me));
          option.id = `option-${index}`;
          option.setAttribute("role", "option");
          option.addEventListener("click", () => go(room));
          return option;
        }));
        options.hidden = !found.length;
        if (found.length) hint.textContent = `${found.length} ${found.length === 1 ? "room" : "rooms"}. ↑ and ↓ choose, Enter goes there.`;
        else hint.textContent = wanted() ? "None of your rooms. Enter goes to this code." : "You have no other room yet. Write a code.";
        mark();
      }

      field.addEventListener("input", search);
      field.addEventListener("keydown", (event) => {
        const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
        if (by && found.length) {
          event.preventDefault();
          at = (at + by + found.length) % found.length;
          mark();
        } else if (event.key === "Enter" && !event.isComposing && (found.length || wanted())) {
          event.preventDefault();
          go(found[at]);
        }
      });
      dialog.addEventListener("close", () => { dialog.remove(); after(); });
      document.body.append(dialog);
      search();
      dialog.showModal();
    },
  };
}
