"use strict";
// Small conveniences over server-rendered pages; every page works without them.
(() => {
  const stale = () => document.getElementById("stale");

  // A list that cannot be refreshed says so and keeps what it shows; the next answer takes the word back.
  const trouble = (event) => {
    const bar = stale();
    if (!bar) return;
    const status = event.detail.xhr?.status;
    bar.textContent = status
      ? `This page could not be refreshed (${status}). It shows what was known before.`
      : "The platform does not answer. This page shows what was known before and keeps trying.";
    bar.hidden = false;
  };
  document.addEventListener("htmx:responseError", trouble);
  document.addEventListener("htmx:sendError", trouble);
  document.addEventListener("htmx:timeout", trouble);
  document.addEventListener("htmx:afterOnLoad", (event) => {
    if (event.detail.xhr.status < 400 && stale()) stale().hidden = true;
  });

  // A log that was scrolled to its end stays at its end.
  let atEnd = true;
  document.addEventListener("htmx:oobBeforeSwap", () => {
    const log = document.querySelector(".sv-log");
    if (log) atEnd = log.scrollTop + log.clientHeight >= log.scrollHeight - 8;
  });
  document.addEventListener("htmx:oobAfterSwap", () => {
    const log = document.querySelector(".sv-log");
    if (log && atEnd) log.scrollTop = log.scrollHeight;
  });
  document.addEventListener("DOMContentLoaded", () => {
    for (const log of document.querySelectorAll(".sv-log")) log.scrollTop = log.scrollHeight;
  });

  // A thin line says that the next page is on its way.
  const busy = (on) => document.documentElement.classList.toggle("sv-busy", on);
  document.addEventListener("submit", (event) => {
    if (!event.defaultPrevented) busy(true);
  });
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[href]");
    const plain = !event.defaultPrevented && !event.ctrlKey && !event.metaKey && !event.shiftKey && event.button === 0;
    if (link && plain && !link.target && !link.search.includes("download=") && !link.hash) busy(true);
  });
  window.addEventListener("pageshow", () => busy(false));

  document.addEventListener("change", (event) => {
    if ("svSubmit" in event.target.dataset) event.target.form.requestSubmit();
  });
  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-sv-back]")) history.back();
  });
  // "/" goes to the search of a list, as in many tools.
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest("input, textarea, select, [contenteditable]");
    if (event.key !== "/" || typing || event.ctrlKey || event.metaKey || event.altKey) return;
    const field = document.querySelector("[data-sv-search]");
    if (field) {
      event.preventDefault();
      field.focus();
      field.select();
    }
  });
})();
