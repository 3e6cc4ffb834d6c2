// What can be written after a slash, and the dialog that says so.

import { find, make } from "./messages.js";

const COMMANDS = {
  nick: ["NAME", "Go by another name, in all rooms"],
  me: ["…", "Say what you do: /me waves"],
  msg: ["NAME …", "Write to one person: /msg Ada Are you there?"],
  who: ["", "Show who is here"],
  search: ["WORDS", "Find what was said here"],
  join: ["CODE", "Go to another room, or to a #channel"],
  leave: ["", "Leave this room, or channel, for good"],
  help: ["", "Show this"],
};

const KEYS = {
  "Enter": "Send",
  "Shift + Enter": "Begin a new line",
  "↑": "Edit your last message",
  "Escape": "Leave it as it was",
  "@NAME": "Mention somebody",
  "Ctrl + K": "Go to another room (⌘ K on a Mac)",
  "Alt + ↑ ↓": "Go to the room before, or after",
  "/": "Search, outside of the message field",
  "?": "Show this, outside of the message field",
  "//": "Begin a message with a slash",
};

const CODE = /^[2-9A-HJKMNP-Z]{8}$/i;

/** What was written: a message (`body`, `kind`), a `command` with its `argument`, or a `problem`. */
export function understand(text) {
  // Blanks before it make nothing of it: what is for one person is not said aloud.
  const line = text.trimStart();
  if (line.startsWith("//")) return { body: line.slice(1) };
  if (!line.startsWith("/")) return { body: text };
  const [, command, rest] = /^\/(\S*)([^]*)$/.exec(line);
  const argument = rest.trim();
  if (!Object.hasOwn(COMMANDS, command)) {
    return { problem: `There is no command /${command.slice(0, 20)}: /help shows them, and // begins a message with a slash.` };
  }
  const [needs] = COMMANDS[command];
  if (needs && !argument) return { problem: `Write it as /${command} ${needs}` };
  if (command === "join" && !argument.startsWith("#") && !CODE.test(argument.replace(/[\s‐–-]/g, ""))) {
    return { problem: "That is not a room code: it has eight characters, digits 2 to 9 and letters without I, L and O." };
  }
  return command === "me" ? { body: argument, kind: "action" } : { command, argument };
}

/** Opens the dialog with all of it; `after` is called when it is closed. */
export function showHelp(after) {
  if (find("#help")) return;
  const commands = Object.entries(COMMANDS).map(([name, [needs, text]]) => [`/${name} ${needs}`, text]);
  const list = make("dl", "", ...[...commands, ...Object.entries(KEYS)].flatMap(([what, text]) =>
    [make("dt", "", what), make("dd", "", text)]));
  const form = make("form", "", make("button", "quiet", "Close"));
  form.method = "dialog";
  const title = make("h2", "", "Commands and keys");
  // It begins with what it says, not with the button at its end.
  Object.assign(title, { id: "help-title", tabIndex: -1, autofocus: true });
  const dialog = make("dialog", "card", title, list, form);
  dialog.id = "help";
  dialog.setAttribute("aria-labelledby", title.id);
  dialog.addEventListener("close", () => { dialog.remove(); after(); });
  document.body.append(dialog);
  dialog.showModal();
}
