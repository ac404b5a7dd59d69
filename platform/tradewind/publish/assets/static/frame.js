"use strict";
// Keeps the frame around a dashboard honest: waits for the process, shows why it failed, notices that it has ended,
// that a newer version was published or that the dashboard is no longer shared.
const stage = document.getElementById("stage");
const frame = document.getElementById("dashboard");
const wait = document.getElementById("wait");
const failed = document.getElementById("failed");
const note = document.getElementById("note");
let shown = frame.getAttribute("src") || "";

const show = (element, on) => { element.hidden = !on; };

const say = (text, action) => {
  note.textContent = text + " ";
  if (action) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "twd-link";
    button.textContent = action;
    button.addEventListener("click", () => location.reload());
    note.append(button);
  }
  show(note, true);
};

const fail = (state) => {
  show(wait, false);
  show(failed, true);
  stage.classList.add("is-failed");
  document.getElementById("reason").textContent = state.reason || "";
  const log = document.getElementById("log");
  log.textContent = state.log || "";
  show(log, Boolean(state.log));
};

const open = (src) => {
  shown = src;
  stage.classList.remove("is-failed");
  show(failed, false);
  document.getElementById("message").textContent = "Opening …";
  frame.src = src;
};

const ask = async (again = false) => {
  const query = again ? "?again=1" : shown ? "?shown=" + shown.match(/~[\w-]{32}/)[0] : "";
  const answer = await fetch(stage.dataset.state + query, {
    headers: { Accept: "application/json" }, redirect: "manual", cache: "no-store",
  });
  if (answer.status === 401 || answer.status === 403 || answer.status === 404 || answer.type === "opaqueredirect") {
    location.reload(); // the page itself says what is the matter, or signs in again
    return null;
  }
  if (!answer.ok) throw new Error(String(answer.status));
  return answer.json();
};

let pause = 250;
const watch = async (again = false) => {
  let next = 5000;
  try {
    const state = await ask(again);
    if (state === null) return;
    if (!shown) {
      if (state.state === "ready") open(state.src);
      else if (state.state === "failed") fail(state);
      else next = pause = Math.min(pause * 1.2, 1000);
    } else if (String(state.version) !== stage.dataset.version) {
      say("A newer version was published.", "Show it");
    } else if (state.state !== "ready") {
      say("This dashboard was stopped.", "Start it again");
    } else if (note.dataset.lost) {
      delete note.dataset.lost;
      show(note, false);
    }
  } catch {
    if (shown && !note.dataset.lost) {
      note.dataset.lost = "1";
      say("The connection is lost; trying again …");
    }
  }
  if (failed.hidden) setTimeout(watch, next);
};

window.addEventListener("message", (event) => {
  if (event.source === frame.contentWindow && event.data === "tradewind:shown") show(wait, false);
});
frame.addEventListener("load", () => { if (shown) show(wait, false); });
document.getElementById("reload").addEventListener("click", () => location.reload());
document.getElementById("again").addEventListener("click", () => {
  show(failed, false);
  show(wait, true);
  stage.classList.remove("is-failed");
  watch(true);
});
if (shown && frame.dataset.loaded) show(wait, false);
setTimeout(watch, shown ? 5000 : pause);
