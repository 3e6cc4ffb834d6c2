// Who is in the room, who of them is away, and who is writing.

import { avatar, find, hue, make } from "./messages.js";

/** The button that opens the room between this person and another. */
function talk({ id, name }) {
  const whom = make("input");
  Object.assign(whom, { type: "hidden", name: "person", value: id });
  const form = make("form", "talk", whom, make("button", "plain", "Message", make("span", "unseen", ` ${name}`)));
  Object.assign(form, { method: "post", action: "/direct" });
  return form;
}

/** As `me` sees them, in a room that is `direct` or not; `news` is told who comes and goes. */
export function people(me, direct, news) {
  const members = new Map();
  const away = new Set();
  const writing = new Set();
  const sorted = () => [...members.values()].sort((a, b) => a.name.localeCompare(b.name));

  function show() {
    find("#here").textContent = `${members.size} here`;
    find("#members").replaceChildren(...sorted().map((person) => {
      const item = make("li", hue(person.id), avatar(person.name), make("span", "name", person.name));
      item.dataset.person = person.id;
      if (person.id === me.id) item.append(make("span", "self", "you"));
      else if (!direct) item.append(talk(person));
      const status = away.has(person.id) ? "away" : "online";
      const dot = make("span", "dot");
      dot.setAttribute("aria-hidden", "true");
      const presence = make("span", "presence", dot, status);
      presence.dataset.status = status;
      item.append(presence);
      return item;
    }));
  }

  function typing({ id, on }) {
    if (on && id !== me.id) writing.add(id);
    else writing.delete(id);
    const names = [...writing].map((id) => members.get(id)?.name).filter(Boolean);
    const who = names.length > 2 ? `${names.length} people are` : `${names.join(" and ")} ${names.length > 1 ? "are" : "is"}`;
    find("#typing").textContent = names.length ? `${who} writing…` : "";
  }

  return {
    get all() { return sorted(); },
    /** Whether others are shown that this person is away. */
    get away() { return away.has(me.id); },
    typing,
    /** Nobody says whether they go on writing. */
    silence() { for (const id of writing) typing({ id, on: false }); },
    set(frame) {
      members.clear();
      away.clear();
      for (const person of frame.members) members.set(person.id, person);
      for (const id of frame.away) away.add(id);
      show();
    },
    joined({ person }) {
      const known = members.get(person.id);
      members.set(person.id, person);
      show();
      if (person.id === me.id) {
        if (me.name !== person.name) news(`You are ${person.name} now`);
        me.name = person.name;
        find("#name").value = person.name;
      } else if (!known) news(`${person.name} is here`);
      else if (known.name !== person.name) news(`${known.name} is now ${person.name}`);
    },
    left({ id }) {
      const person = members.get(id);
      members.delete(id);
      away.delete(id);
      typing({ id, on: false });
      show();
      if (person) news(`${person.name} left`);
    },
    presence({ id, status }) {
      if (status === "away") away.add(id);
      else away.delete(id);
      show();
    },
  };
}
