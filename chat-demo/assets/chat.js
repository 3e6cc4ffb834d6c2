// What the pages do. See room.js for the room, client.js for the connection.

import { find } from "./messages.js";
import { start } from "./room.js";

// Copying, on this page and on the one of a new room

for (const button of document.querySelectorAll("[data-copy]")) {
  button.hidden = !navigator.clipboard;
  const text = button.textContent;
  button.addEventListener("click", async () => {
    const copy = button.dataset.copy === "link" ? location.href : button.dataset.copy;
    const done = await navigator.clipboard.writeText(copy).then(() => true, () => false);
    button.textContent = done ? "Copied" : "Copy it by hand";
    setTimeout(() => { button.textContent = text; }, 2_000);
  });
}

const page = find("[data-room]");
if (page && find("#composer")) start(page);

const push = find("#push");
if (push) import("./push.js").then(({ offer }) => offer(push));
