// Sending files: chosen or dropped, with progress, until they are sent or given up.

import { newId } from "./client.js";
import { find, make } from "./messages.js";

// What may be gone when it is tried again; 0 is a connection that broke.
const PASSING = [0, 408, 429, 500, 502, 503, 504];

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
    if (file.size > limit) return say(`${file.name} is too large: a file can have ${Math.floor(limit / 1048576)} MB.`);
    if (file.size === 0) return say(`${file.name} is empty.`);
    const request = new XMLHttpRequest();
    const bar = make("progress");
    bar.max = file.size;
    bar.value = 0;
    bar.setAttribute("aria-label", `Sending ${file.name}`);
    const line = make("p", "sending", make("span", "file-name", file.name), bar, button("Cancel", () => request.abort()));
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
    request.addEventListener("abort", () => end(`${file.name} was not sent.`));
    request.addEventListener("error", () => fail(`${file.name} was not sent: the connection broke.`));
    request.addEventListener("load", () => {
      if (request.status === 200) return end(`${file.name} is sent`);
      const text = `${file.name}: ${request.response?.text ?? "It was refused."}`;
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
