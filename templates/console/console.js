// Comfort for the console. Every page works without this file: it only saves steps.
"use strict";

// Lists: j and k move, a approves, r rejects, o opens, x ticks, ? shows the keys. Only while no field has the focus.
document.addEventListener("keydown", (event) => {
  const list = document.querySelector("[data-keys]");
  if (!list || event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input:not([type=checkbox]), textarea, select")) return;
  const rows = [...list.querySelectorAll("tbody tr[tabindex]")];
  const at = rows.indexOf(document.activeElement.closest("tr[tabindex]"));
  const row = rows[at];
  const press = (name) => row && row.querySelector(`[data-do="${name}"]`);
  const acts = {
    j: () => rows[Math.min(at + 1, rows.length - 1)]?.focus(),
    k: () => rows[Math.max(at - 1, 0)]?.focus(),
    a: () => press("approve")?.click(),
    r: () => press("reject")?.click(),
    o: () => press("open")?.click(),
    x: () => { const box = row?.querySelector("input[type=checkbox]"); if (box) { box.checked = !box.checked; counted(); } },
    "?": () => document.getElementById("keys")?.toggleAttribute("open"),
  };
  if (acts[event.key]) { event.preventDefault(); acts[event.key](); }
});

// After a decision the page comes back with the next row to look at: put the focus there.
function settle() {
  const next = document.querySelector("[data-focus]");
  if (next) next.focus();
  const problems = document.querySelector("[data-problems]");
  if (problems) problems.focus();
  document.getElementById(sessionStorage.getItem("focus"))?.focus();
  sessionStorage.removeItem("focus");
  counted();
}

// Bulk buttons say how many rows they are about.
function counted() {
  const chosen = document.querySelectorAll("input[name=chosen]:checked").length;
  for (const button of document.querySelectorAll("[data-counted]")) {
    button.textContent = chosen ? `${button.dataset.counted} ${chosen}` : `${button.dataset.counted} ticked`;
  }
}
document.addEventListener("change", (event) => {
  if (event.target.matches("[data-all]")) {
    for (const box of document.querySelectorAll("input[name=chosen]")) box.checked = event.target.checked;
  }
  counted();
});

// A form is sent once, however often its button is pressed.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.dataset.sent) { event.preventDefault(); return; }
  form.dataset.sent = "yes";
  setTimeout(() => { delete form.dataset.sent; }, 4000);
});
addEventListener("pageshow", () => { for (const form of document.forms) delete form.dataset.sent; });

// Countdowns run between two answers of the server.
setInterval(() => {
  for (const clock of document.querySelectorAll("[data-until]")) {
    const left = Math.max(0, Math.round((Date.parse(clock.dataset.until) - Date.now()) / 1000));
    clock.textContent = left >= 3600 ? `${Math.floor(left / 3600)} h ${Math.floor((left % 3600) / 60)} min`
      : left >= 60 ? `${Math.floor(left / 60)} min ${left % 60} s` : `${left} s`;
  }
}, 1000);

// Subjects and the like show how long they are.
document.addEventListener("input", (event) => {
  const count = event.target.id && document.querySelector(`[data-counts="${event.target.id}"]`);
  if (count) count.textContent = `${event.target.value.length} characters`;
});

// Words that were typed and not saved are not lost by a wrong press: the browser asks first.
let typed = false;
document.addEventListener("input", (event) => { if (event.target.closest("[data-keep]")) typed = true; });
document.addEventListener("submit", () => { typed = false; });
addEventListener("beforeunload", (event) => { if (typed) event.preventDefault(); });

// A time on the newsletter's clock is said on the reader's own as well, where the two differ.
document.addEventListener("DOMContentLoaded", () => {
  for (const place of document.querySelectorAll("[data-local]")) {
    const here = new Date(place.dataset.local).toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
    if (here !== place.dataset.shown) place.textContent = `That is ${here} where you are. `;
  }
});

// On a phone the bar of pages is wider than the screen: begin where we are.
document.addEventListener("DOMContentLoaded", () => {
  document.querySelector(".rail nav [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
});

document.addEventListener("DOMContentLoaded", settle);
// The watched send: its title and its tenths are said; when its state changes, so do its buttons.
function watched() {
  const watch = document.getElementById("watch");
  const live = document.getElementById("live");
  if (live && !watch) location.reload(); // the answer was another page: most often the session has ended
  if (!watch || !live) return;
  document.title = watch.dataset.title;
  if (live.textContent !== watch.dataset.said) live.textContent = watch.dataset.said;
  if (document.getElementById("presses").dataset.state !== watch.dataset.state) {
    sessionStorage.setItem("focus", document.activeElement.id);
    location.reload();
  }
}
document.addEventListener("DOMContentLoaded", watched);
document.addEventListener("htmx:after:swap", () => {
  counted();
  watched();
  if (document.querySelector("#saved [data-kept]")) typed = false;
});
