// The line below the conversation. How the connection is, what became of what one did, and what happens meanwhile each have
// a place of their own, so that none hides another.

import { find } from "./messages.js";

export function statusLine(reconnect) {
  const [line, now, news] = [find("#status"), find("#now"), find("#news")];
  let timer = 0;
  line.dataset.state = "wait"; // without a script nothing is awaited
  now.addEventListener("click", reconnect);
  return {
    /** How the connection is; `seconds` until it is tried again. */
    connection(state, text, seconds = 0) {
      line.dataset.state = state;
      find("#connection").textContent = text;
      now.hidden = state !== "lost" || seconds <= 1;
    },
    /** What became of something that the person did: it stays until they do something else. */
    answer(text) { find("#answer").textContent = text; },
    /** Something that happened: it goes by itself. */
    news(text, time = 4_000) {
      clearTimeout(timer);
      news.textContent = text;
      timer = setTimeout(() => { news.textContent = ""; }, time);
    },
  };
}
