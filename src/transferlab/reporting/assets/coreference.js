"use strict";
const byId = (id) => document.getElementById(id);
const [shown, picker, search, found, status] = ["shown", "picker", "search", "found", "status"].map(byId);
const sources = [...document.querySelectorAll("noscript")];
const options = [...picker.options];
const hint = status.textContent;
let current = -1;  // position of the document on show
let doc = null;    // and its section
let view = null;   // the view last asked for; a document that lacks it shows another
let pinned = "";   // numbers of the entities that stay lit
let here = null;   // the mention that was chosen

// Documents

function open(position) {
  current = position;
  shown.innerHTML = sources[position].textContent;  // our own markup, in which all corpus text is escaped
  doc = shown.firstElementChild;
  picker.value = position;
  pinned = "";
  here = null;
  show(view || doc.dataset.show);
  scrollTo(0, 0);
  history.replaceState(null, "", "#" + (position + 1));
}

function step(by) {
  const next = picker.options[picker.selectedIndex + by];
  if (next) open(Number(next.value));
}

function find() {
  const wanted = search.value.toLowerCase();
  const matches = options.filter((option) => contents(option).includes(wanted));
  picker.replaceChildren(...matches);
  found.textContent = wanted ? `${matches.length} found` : "";
  if (matches.some((option) => Number(option.value) === current)) picker.value = current;
  else if (matches.length) open(Number(matches[0].value));
}

function contents(option) {
  if (!option.contents) {
    const parsed = new DOMParser().parseFromString(sources[option.value].textContent, "text/html");
    option.contents = [option.text, ...[...parsed.querySelectorAll(".view:first-child .s")].map((s) => s.textContent)]
      .join("\n").toLowerCase();
  }
  return option.contents;
}

// Views

function show(wanted) {
  const views = doc.dataset.views.split(" ");
  const top = visible(".s").find((s) => s.getBoundingClientRect().bottom > 80);
  const before = top?.getBoundingClientRect().top;
  if (views.includes(wanted)) doc.dataset.show = wanted;
  for (const button of document.querySelectorAll("[data-to]")) {
    button.hidden = !views.includes(button.dataset.to);
    button.setAttribute("aria-pressed", button.dataset.to === doc.dataset.show);
  }
  document.querySelector(".views").hidden = views.length < 2;
  byId("singletons").parentElement.hidden = doc.dataset.show === "differences";  // there they are errors or not
  if (scrollY > 0 && top) {  // the sentence at the top stays where it was
    const again = visible(`[data-s="${top.dataset.s}"]`)[0];
    scrollBy(0, again.getBoundingClientRect().top - before);
  }
  here = null;
  light(pinned);
  const first = mentions()[0];
  if (first) onlyStop(first);
}

const visible = (selector) => [...doc.querySelectorAll(".texts " + selector)].filter((e) => e.getClientRects().length);

function mentions() {  // in text order, of the column that the chosen mention is in
  const column = doc.dataset.show === "both" ? "gold" : doc.dataset.show;
  const text = here ? here.closest(".view") : doc.querySelector(`.texts .view[data-view="${column}"]`);
  return [...text.querySelectorAll("mark[data-m]:not(.more)")];
}

function onlyStop(mention) {  // the Tab key stops at one mention; the arrows go on from there
  for (const other of doc.querySelectorAll("mark[tabindex]")) other.removeAttribute("tabindex");
  mention.tabIndex = 0;
}

const belongs = (element, numbers) => element.dataset.e.split(" ").some((n) => numbers.split(" ").includes(n));

// Entities

function light(numbers) {
  doc.classList.toggle("lit", pinned !== "");
  for (const element of doc.querySelectorAll("[data-e]")) {
    element.classList.toggle("on", numbers !== "" && belongs(element, numbers));
    element.classList.toggle("here", element === here);
    if (element.matches("button")) element.setAttribute("aria-pressed", pinned !== "" && belongs(element, pinned));
  }
  status.textContent = numbers ? numbers.split(" ").map(describe).join("  ·  ") : hint;
}

function describe(number) {
  const list = doc.dataset.show === "both" ? "differences" : doc.dataset.show;
  const row = doc.querySelector(`aside [data-view="${list}"] button[data-e="${number}"]`);
  const all = mentions().filter((mention) => belongs(mention, number));
  const place = all.indexOf(here) + 1;
  const count = all.length === 1 ? "1 mention" : `${all.length} mentions`;
  return `${number}  ${row.title}  –  ` + (place ? `mention ${place} of ${all.length}` : count);
}

function pin(numbers) {
  pinned = numbers === pinned ? "" : numbers;
  light(pinned);
}

function choose(mention) {
  here = mention;
  onlyStop(mention);
  mention.focus({ preventScroll: true });
  const { top, bottom } = mention.getBoundingClientRect();
  if (top < 80 || bottom > innerHeight - 60) mention.scrollIntoView({ block: "center" });
}

function walk(by, numbers) {
  const all = mentions();
  let next = all.indexOf(here) + by;
  if (!here && by < 0) next = all.length - 1;
  while (all[next] && numbers && !belongs(all[next], numbers)) next += by;
  if (!all[next]) return;
  choose(all[next]);
  light(pinned || here.dataset.e);
}

const head = (mark) => mark.closest(".view").querySelector(`mark[data-m="${mark.dataset.m}"]:not(.more)`);

shown.addEventListener("pointerover", (event) => {
  const element = event.target.closest("[data-e]");
  if (element) light(element.dataset.e);
});
shown.addEventListener("pointerout", (event) => {
  if (event.target.closest("[data-e]")) light(pinned);
});
shown.addEventListener("click", (event) => {
  const element = event.target.closest("[data-e]");
  if (!element) {
    if (event.target.closest(".texts")) pin("");
    return;
  }
  if (element.matches("mark")) choose(head(element));
  pin(element.dataset.e);
  if (element.matches("button") && pinned) {
    here = null;
    mentions().find((mention) => belongs(mention, pinned))?.scrollIntoView({ block: "center" });
  }
});
shown.addEventListener("focusin", (event) => {
  if (event.target.matches("mark")) {
    here = event.target;
    light(pinned || here.dataset.e);
  }
});
addEventListener("keydown", (event) => {
  if (event.target.matches("input, select") || event.ctrlKey || event.metaKey || event.altKey) return;
  const onMention = event.target.matches("mark");
  const numbers = pinned || (here ? here.dataset.e : "");
  if (event.key === "Escape") pin("");
  else if (event.key === "n") walk(1, numbers);
  else if (event.key === "p") walk(-1, numbers);
  else if (onMention && event.key === "ArrowRight") walk(1, "");
  else if (onMention && event.key === "ArrowLeft") walk(-1, "");
  else if (onMention && (event.key === "Enter" || event.key === " ")) pin(here.dataset.e);
  else return;
  event.preventDefault();
});

byId("previous").addEventListener("click", () => step(-1));
byId("next").addEventListener("click", () => step(1));
picker.addEventListener("change", () => open(Number(picker.value)));
search.addEventListener("input", find);
byId("singletons").addEventListener("change", (event) => shown.classList.toggle("plain", !event.target.checked));
for (const button of document.querySelectorAll("[data-to]")) {
  button.addEventListener("click", () => show((view = button.dataset.to)));
}
document.querySelector("form").addEventListener("submit", (event) => event.preventDefault());

if (sources.length) {
  document.querySelector("form").hidden = status.hidden = false;
  document.querySelector(".picker").hidden = sources.length === 1;
  const asked = Number(location.hash.slice(1));
  open(sources[asked - 1] ? asked - 1 : 0);
}
