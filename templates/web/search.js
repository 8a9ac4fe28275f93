// Searches the site where it is read: loads the lists of all years once, newest first, and looks for every word.
"use strict";

const form = document.querySelector("form.search");
const input = document.getElementById("q");
const said = document.getElementById("said");
const found = document.getElementById("found");

/** Most results shown; whoever needs more adds a word. */
const MOST = 50;

let loading = null;

/** "Crème" is found by "creme", and in any case of letters. */
function fold(text) {
  return text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
}

async function fetchJson(path) {
  const answer = await fetch(path);
  if (!answer.ok) throw new Error(path);
  return answer.json();
}

async function load() {
  const lists = await Promise.all((await fetchJson("search/index.json")).map(fetchJson));
  return lists.flat().map(([title, path, over, summary, words]) => ({
    title, path, over, summary,
    head: fold(title),
    text: fold(`${title} ${words} ${summary}`),
  }));
}

function rank(stories, query) {
  const words = fold(query).split(/\s+/).filter(Boolean);
  if (!words.length) return null;
  const score = (story) => words.filter((word) => story.head.includes(word)).length;
  return stories
    .filter((story) => words.every((word) => story.text.includes(word)))
    .sort((one, other) => score(other) - score(one))
    .slice(0, MOST);
}

/** Text stays text: nothing from the lists is ever read as markup. */
function element(name, text, more = {}) {
  return Object.assign(document.createElement(name), { textContent: text, ...more });
}

function show(results) {
  found.replaceChildren(...(results || []).map((story) => {
    const item = document.createElement("li");
    const box = document.createElement("div");
    const head = document.createElement("h2");
    head.append(element("a", story.title, { href: story.path }));
    box.append(element("p", story.over, { className: "over" }), head, element("p", story.summary));
    item.append(box);
    return item;
  }));
  said.textContent = results && !results.length ? form.dataset.none : "";
}

async function search() {
  loading = loading || load();
  try {
    show(rank(await loading, input.value));
  } catch {
    loading = null;
    said.textContent = form.dataset.failed;
  }
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  search();
});
input.addEventListener("input", search);
input.value = new URLSearchParams(location.search).get("q") || "";
if (input.value) search();
