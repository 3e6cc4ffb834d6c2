// Sending files: chosen or dropped, with progress, until they are sent or given up.

import { newId } from "./client.js";
import { find, make } from "./messages.js";

// What may be gone when it is tried again; 0 is a connection that broke.
const PASSING = [0, 408, 429, 500, 502, 503, 504];

// What the server leaves out of a name: it would move a cursor, hide text or turn its direction around.
const STRIPPED = /[\p{Cc}\u2028\u2029\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\u00ad\u115f\u1160\u3164\uffa0\ufeff\ufff9-\ufffb]/gu;

function button(text, action) {
  const node = make("button", "plain", text);
  node.type = "button";
  node.addEventListener("click", action);
  return node;
}

export function uploads(form, log, say) {
  const field = find("#file", form);
  const limit = Number(field.dataset.limit);

  function send(file, id = newId()) {
    const name = file.name.replace(STRIPPED, "");
    if (file.size > limit) return say(`${name} is too large: a file can have ${Math.floor(limit / 1048576)} MB.`);
    if (file.size === 0) return say(`${name} is empty.`);
    const request = new XMLHttpRequest();
    const bar = make("progress");
    bar.max = file.size;
    bar.value = 0;
    bar.setAttribute("aria-label", `Sending ${name}`);
    const title = make("bdi", "file-name", name);
    const line = make("p", "sending", title, bar, button("Cancel", () => request.abort()));
    form.append(line);
    /** Takes the line away; whoever had the focus there goes on where files are chosen. */
    const leave = () => {
      const focused = line.contains(document.activeElement);
      line.remove();
      if (focused) field.focus();
    };
    const end = (text) => {
      leave();
      say(text);
    };
    // The same id: if it was stored all the same, it is not stored twice.
    const fail = (text) => {
      const again = button("Try again", () => {
        leave();
        send(file, id);
      });
      line.replaceChildren(make("span", "trouble", text), again, button("Discard", leave));
      say(text);
    };
    request.upload.addEventListener("progress", ({ loaded, total }) => {
      if (loaded < total) bar.value = Math.min(loaded, file.size);
      else bar.removeAttribute("value"); // it is being looked at
    });
    request.addEventListener("abort", () => end(`${name} was not sent.`));
    request.addEventListener("error", () => fail(`${name} was not sent: the connection broke.`));
    request.addEventListener("load", () => {
      if (request.status === 200) return end(`${name} is sent`);
      const text = `${name}: ${request.response?.text ?? "It was refused."}`;
      if (PASSING.includes(request.status)) fail(text);
      else end(text);
    });
    const data = new FormData();
    data.append("id", id);
    data.append("file", file);
    request.open("POST", form.action);
    request.responseType = "json";
    request.setRequestHeader("accept", "application/json");
    request.send(data);
  }

  form.classList.add("scripted");
  find("button", form).hidden = true;
  form.addEventListener("submit", (event) => event.preventDefault());
  field.addEventListener("change", () => {
    for (const file of field.files) send(file);
    field.value = "";
  });
  log.addEventListener("dragover", (event) => event.dataTransfer.types.includes("Files") && event.preventDefault());
  log.addEventListener("drop", (event) => {
    if (!event.dataTransfer.files.length) return;
    event.preventDefault();
    for (const file of event.dataTransfer.files) send(file);
  });
}
