// What makes the console's pages nicer; each of them works without it. No page has a script of its own.
"use strict";

// Local time where UTC is shown.
function localTimes(root) {
  for (const time of root.querySelectorAll("time[datetime]")) {
    const at = new Date(time.dateTime);
    if (!time.title && !Number.isNaN(at.valueOf())) {
      time.title = at.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "long" });
    }
  }
  for (const button of root.querySelectorAll("button.copy[hidden]")) {
    button.hidden = !navigator.clipboard;
  }
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("button.copy");
  if (button) {
    await navigator.clipboard.writeText(button.dataset.copy);
    const label = button.textContent;
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = label; }, 1500);
  }
});

// What is destructive asks first; without scripts the server asks.
document.addEventListener("submit", (event) => {
  const question = event.target.dataset.asks;
  if (question && !window.confirm(question)) {
    event.preventDefault();
  } else if (question) {
    const field = document.createElement("input");
    field.type = "hidden";
    field.name = "sure";
    field.value = "yes";
    event.target.append(field);
  }
});

// A page that nobody looks at doesn't ask for news; nor does one in which something is typed, selected or opened.
function inUse(part) {
  const beside = part.getAttribute("hx-select-oob");
  return [part, ...(beside ? document.querySelectorAll(beside) : [])].some(
    (one) => one.contains(document.activeElement) || one.querySelector("details.menu[open]") !== null);
}

document.addEventListener("htmx:beforeRequest", (event) => {
  const polling = (event.detail.elt.getAttribute("hx-trigger") || "").includes("every");
  if (polling && (document.hidden || String(window.getSelection()) !== "" || inUse(event.detail.elt))) {
    event.preventDefault();
  }
});

// A form that is drawn anew keeps what was typed while the new one was on its way.
const asked = new WeakMap();
const typed = new Map();

function state(form) {
  const fields = [...form.elements].filter((field) => field.name && field.type !== "hidden");
  return new Map(fields.map((field) => field.type === "checkbox" || field.type === "radio"
    ? [`${field.name}=${field.value}`, { field, value: field.checked, key: "checked" }]
    : [field.name, { field, value: field.value, key: "value" }]));
}

document.addEventListener("htmx:beforeRequest", (event) => {
  if (event.detail.target instanceof HTMLFormElement) {
    asked.set(event.detail.target, state(event.detail.target));
  }
});

document.addEventListener("htmx:beforeSwap", (event) => {
  const form = event.detail.target;
  const before = asked.get(form);
  if (before) {
    typed.set(form.id, [...state(form)].filter(([name, now]) => now.value !== before.get(name)?.value));
  }
});

document.addEventListener("htmx:load", (event) => {
  const form = event.detail.elt;
  for (const [name, { value }] of typed.get(form.id) || []) {
    const found = state(form).get(name);
    if (found) {
      found.field[found.key] = value;
    }
  }
  typed.delete(form.id);
});

document.addEventListener("htmx:load", (event) => localTimes(event.detail.elt));
document.addEventListener("DOMContentLoaded", () => {
  localTimes(document);
  // What a form answered with a secret in it: loading it anew goes where the thing is, and sends nothing twice.
  const { at } = document.getElementById("main").dataset;
  if (at) {
    window.history.replaceState(null, "", at);
  }
});

document.addEventListener("keydown", (event) => {
  const menu = event.key === "Escape" && event.target.closest("details.menu[open]");
  if (menu) {
    menu.open = false;
    menu.querySelector("summary").focus();
  }
});
