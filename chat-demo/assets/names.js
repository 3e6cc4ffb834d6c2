// The names that are offered while one is written behind an @.

import { avatar, hue, make } from "./messages.js";

const MOST = 5;

/**
 * `known()` gives who can be meant, as `{ id, name, here }`. A field of several lines stays a text box (ARIA has no other role for it);
 * the list, and what is chosen in it, are told by `aria-controls` and `aria-activedescendant`, which a text box has too.
 */
export function names(field, known) {
  const list = make("ul", "rooms names");
  const hint = make("span", "unseen");
  Object.assign(list, { id: "names", hidden: true, role: "listbox", ariaLabel: "Names" });
  hint.setAttribute("role", "status");
  for (const [name, value] of [["autocomplete", "list"], ["haspopup", "listbox"], ["controls", list.id]]) field.setAttribute(`aria-${name}`, value);
  field.after(list, hint);
  let found = [];
  let at = 0;
  let from = 0; // where the @ is
  let passed = null; // the @ of which no more is offered once so much is written behind it

  function mark() {
    for (const [index, option] of [...list.children].entries()) option.setAttribute("aria-selected", index === at);
    const chosen = list.children[at];
    if (chosen) field.setAttribute("aria-activedescendant", chosen.id);
    else field.removeAttribute("aria-activedescendant");
  }

  function offer(people) {
    found = people;
    at = 0;
    list.replaceChildren(...found.map((person, index) => {
      const option = make("li", hue(person.id), avatar(person.name), make("span", "who", person.name));
      if (!person.here) option.append(make("span", "in", "not here"));
      Object.assign(option, { id: `name-${index}`, role: "option" });
      // The field keeps the focus.
      option.addEventListener("pointerdown", (event) => event.preventDefault());
      option.addEventListener("click", () => take(person));
      return option;
    }));
    list.hidden = !found.length;
    const all = `${found.length} ${found.length === 1 ? "name" : "names"}. ↑ and ↓ choose, Enter or Tab takes it, Escape leaves it.`;
    hint.textContent = found.length ? all : "";
    mark();
  }

  function search() {
    const end = field.selectionStart;
    const begun = /(?<![\p{L}\p{N}])@([^@\n]{0,32})$/u.exec(field.value.slice(0, end));
    if (!begun) return leave();
    if (field.selectionEnd !== end || /^[\p{L}\p{N}]/u.test(field.value.slice(end))) return offer([]);
    const text = begun[1].toLowerCase();
    from = begun.index;
    if (passed?.from === from && text.length >= passed.length) return offer([]);
    const whole = ({ name }) => name.toLowerCase().startsWith(text);
    const word = ({ name }) => name.toLowerCase().split(" ").some((word) => word.startsWith(text));
    const fits = known().filter((person) => whole(person) || word(person));
    fits.sort((a, b) => whole(b) - whole(a) || b.here - a.here || a.name.localeCompare(b.name));
    // What is written out is sent by Enter.
    offer(fits.length === 1 && fits[0].name.toLowerCase() === text ? [] : fits.slice(0, MOST));
  }

  function take({ name }) {
    field.setRangeText(`@${name} `, from, field.selectionStart, "end");
    passed = { from, length: name.length + 1 };
    field.dispatchEvent(new InputEvent("input", { bubbles: true }));
  }

  /** What is written next is another text. */
  function leave() {
    passed = null;
    offer([]);
  }

  field.addEventListener("input", search);
  field.addEventListener("blur", leave);
  field.addEventListener("click", search);

  /** Whether a key was meant for the list. One that belongs to an input method is not. */
  return function key(event) {
    if (event.isComposing || event.keyCode === 229) return false;
    if (event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return false;
    if (!found.length) {
      if (event.key === "Enter" || event.key === "Escape") leave();
      return false;
    }
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (by) {
      at = (at + by + found.length) % found.length;
      mark();
    } else if (event.key === "Enter" || event.key === "Tab") take(found[at]);
    else if (event.key === "Escape") {
      passed = { from, length: 0 };
      offer([]);
    } else {
      if (["ArrowLeft", "ArrowRight", "Home", "End"].includes(event.key)) offer([]);
      return false;
    }
    event.preventDefault();
    return true;
  };
}
