// Sending files: chosen or dropped, with progress, until they are sent or cancelled.

import { newId } from "./client.js";
import { find, make } from "./messages.js";

export function uploads(form, log, say) {
  const field = find("#file", form);
  const limit = Number(field.dataset.limit);

  function send(file) {
    if (file.size > limit) return say(`${file.name} is too large: a file can have ${Math.floor(limit / 1048576)} MB.`);
    if (file.size === 0) return say(`${file.name} is empty.`);
    const request = new XMLHttpRequest();
    const bar = make("progress");
    bar.max = file.size;
    bar.setAttribute("aria-label", `Sending ${file.name}`);
    const cancel = make("button", "plain", "Cancel");
    cancel.type = "button";
    const line = make("p", "sending", make("span", "", file.name), bar, cancel);
    form.append(line);
    const end = (text) => { line.remove(); say(text); };
    cancel.addEventListener("click", () => request.abort());
    request.upload.addEventListener("progress", (event) => {
      bar.value = Math.min(event.loaded, file.size);
      if (event.loaded >= event.total) bar.removeAttribute("value"); // it is being looked at
    });
    request.addEventListener("abort", () => end(`${file.name} was not sent.`));
    request.addEventListener("error", () => end(`${file.name} was not sent: the connection broke. Please try again.`));
    request.addEventListener("load", () => {
      const sent = request.status === 200;
      end(sent ? `${file.name} is sent` : `${file.name}: ${request.response?.text ?? "it was refused."}`);
    });
    const data = new FormData();
    data.append("id", newId());
    data.append("file", file);
    request.open("POST", form.action);
    request.responseType = "json";
    request.setRequestHeader("accept", "application/json");
    request.send(data);
  }

  find("button", form).hidden = true;
  form.addEventListener("submit", (event) => event.preventDefault());
  field.addEventListener("change", () => {
    for (const file of field.files) send(file);
    field.value = "";
  });
  log.addEventListener("dragover", (event) => event.dataTransfer.types.includes("Files") && event.preventDefault());
  log.addEventListener("drop", (event) => {
    event.preventDefault();
    for (const file of event.dataTransfer.files) send(file);
  });
}
