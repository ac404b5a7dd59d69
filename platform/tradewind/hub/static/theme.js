"use strict";
// Runs in the head, before the first paint, so that the chosen colours never flash.
// The storage key is JupyterHub's own, so that a choice made there holds here.
(() => {
  const KEY = "jupyterhub-bs-theme";
  const dark = window.matchMedia("(prefers-color-scheme: dark)");

  const stored = () => {
    try {
      const value = localStorage.getItem(KEY);
      return value === "light" || value === "dark" ? value : "auto";
    } catch {
      return "auto";
    }
  };

  const apply = () => {
    const choice = stored();
    const theme = choice === "auto" ? (dark.matches ? "dark" : "light") : choice;
    document.documentElement.setAttribute("data-bs-theme", theme);
    for (const button of document.querySelectorAll("[data-tw-theme]")) {
      button.setAttribute("aria-pressed", String(button.dataset.twTheme === choice));
    }
  };

  apply();
  dark.addEventListener("change", apply);
  window.addEventListener("storage", apply);

  const copy = async (button) => {
    const text = button.dataset.twCopy || button.textContent.trim();
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      // no clipboard outside a secure context: select the text through a field instead
      const field = document.createElement("textarea");
      field.value = text;
      document.body.append(field);
      field.select();
      document.execCommand("copy");
      field.remove();
    }
    button.dataset.twCopied = "";
    setTimeout(() => delete button.dataset.twCopied, 1200);
  };

  const reveal = (button) => {
    const field = document.getElementById(button.getAttribute("aria-controls"));
    const show = field.type === "password";
    field.type = show ? "text" : "password";
    button.textContent = show ? "Hide" : "Show";
    button.setAttribute("aria-pressed", String(show));
  };

  document.addEventListener("DOMContentLoaded", () => {
    apply();
    document.documentElement.dataset.twReady = "";
  });

  document.addEventListener("click", (event) => {
    const target = event.target.closest("[data-tw-theme], [data-tw-copy], [data-tw-reveal], [data-tw-toggle]");
    for (const menu of document.querySelectorAll("details.tw-menu[open]")) {
      if (!menu.contains(event.target)) menu.open = false;
    }
    if (!target) return;
    if ("twTheme" in target.dataset) {
      try {
        if (target.dataset.twTheme === "auto") localStorage.removeItem(KEY);
        else localStorage.setItem(KEY, target.dataset.twTheme);
      } catch {
        // storage may be forbidden; the choice then lasts for this page only
      }
      apply();
    } else if ("twCopy" in target.dataset) {
      copy(target);
    } else if ("twReveal" in target.dataset) {
      reveal(target);
    } else {
      const open = target.getAttribute("aria-expanded") !== "true";
      target.setAttribute("aria-expanded", String(open));
    }
  });

  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    for (const menu of document.querySelectorAll("details.tw-menu[open]")) menu.open = false;
  });

  // A form marked so asks before it is sent, and is sent once only.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    const question = event.submitter?.dataset.twConfirm || form.dataset.twConfirm;
    if (question && !window.confirm(question)) {
      event.preventDefault();
      return;
    }
    if ("twOnce" in form.dataset) {
      if (form.dataset.twOnce === "sent") event.preventDefault();
      form.dataset.twOnce = "sent";
    }
  });
  window.addEventListener("pageshow", () => {
    for (const form of document.querySelectorAll("form[data-tw-once]")) form.dataset.twOnce = "";
  });
})();
