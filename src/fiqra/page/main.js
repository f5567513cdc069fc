// The page: takes texts and files, has them tagged, shows what passes the filters.

import { byId, make, percent } from "./dom.js";
import { asCsv, asHtml, asJsonLines, download } from "./downloads.js";
import { fetchLabels } from "./labels.js";
import { readFile, tagArticle, Trouble } from "./requests.js";
import { ANYONE, holders, NOBODY, select } from "./selection.js";
import { PositionTable } from "./table.js";
import { renderArticle } from "./view.js";

const form = byId("form");
const filters = byId("filters");
const least = byId("least");
const actor = byId("actor");
let labels;
let table;
let articles = []; // as tagged, all of them
let shown = []; // what passes the filters
let running = null; // the AbortController of what is being tagged

const say = (message) => byId("status").replaceChildren(message);
const complain = (message) => byId("errors").append(make("li", {}, message));

/** Tag articles one after the other; `sources` gives the name and a function that reads each. */
async function run(sources) {
  if (running) return;
  running = new AbortController();
  byId("errors").replaceChildren();
  setBusy(true);
  const done = [];
  try {
    for (const [i, { name, read }] of sources.entries()) {
      say(sources.length > 1 ? `يُحلَّل ${i + 1} من ${sources.length}: ${name}` : "يُحلَّل النص …");
      try {
        const article = await tagArticle(await read(), running.signal);
        done.push({ ...article, place: done.length });
      } catch (error) {
        if (error.name === "AbortError") throw error;
        if (!(error instanceof Trouble)) console.error(error);
        const message = error instanceof Trouble ? error.message : "تعذرت قراءته";
        complain(sources.length > 1 || name ? `${name}: ${message}` : message);
      }
    }
    say(done.length ? "تم." : "");
  } catch {
    say("أُوقف التحليل.");
  } finally {
    setBusy(false);
    running = null;
  }
  if (done.length) showResults(done);
}

function setBusy(busy) {
  form.querySelector("[type=submit]").setAttribute("aria-disabled", String(busy));
  byId("stop").hidden = !busy;
  form.setAttribute("aria-busy", String(busy));
}

function showResults(tagged) {
  articles = tagged;
  filters.reset();
  const option = ([key, n]) => make("option", { value: key }, `${key === NOBODY ? "مضمر" : key.slice(1)} (${n})`);
  actor.replaceChildren(make("option", { value: ANYONE }, "الكل"), ...holders(articles).map(option));
  byId("results").hidden = false;
  update();
  byId("results-title").focus();
}

const ticked = (id) => new Set([...byId(id).querySelectorAll(":checked")].map((box) => box.value));

function update() {
  const atLeast = Number(least.value);
  const words = atLeast > labels.lowest ? percent(atLeast / 100) : "عتبات النموذج";
  byId("least-shown").replaceChildren(words);
  least.setAttribute("aria-valuetext", words);
  const chosen = { least: atLeast, topics: ticked("topics"), stances: ticked("stances"), actor: actor.value };
  shown = select(articles, chosen);
  byId("articles").replaceChildren(...shown.map((article) => renderArticle(article, labels)));
  table.show(shown);
  byId("count").replaceChildren(countWords(shown));
}

function countWords(selected) {
  const paragraphs = selected.flatMap((article) => article.paragraphs);
  const counts = [
    ["الأخبار", selected.length],
    ["الفقرات", paragraphs.length],
    ["ذات موضوع", paragraphs.filter((record) => record.topics.length).length],
    ["المواقف", paragraphs.reduce((n, record) => n + record.positions.length, 0)],
    ["بقايا متروكة", selected.reduce((n, article) => n + article.remnants.length, 0)],
  ];
  return counts.map(([name, n]) => `${name}: ${n}`).join(" · ");
}

function choice(name, label, kind) {
  const box = make("input", { type: "checkbox", class: "unseen", name, value: label.id });
  return make("label", { class: `choice ${kind}`, hue: label.hue }, box, label.shown);
}

async function save(format) {
  const name = `fiqra-${new Date().toISOString().slice(0, 10)}.${format}`;
  if (format === "csv") download(name, "text/csv", asCsv(shown));
  else if (format === "jsonl") download(name, "application/jsonl", asJsonLines(shown));
  else download(name, "text/html", await asHtml(byId("articles")));
  say(`نُزّل ${name}`);
}

function runFiles(files) {
  run([...files].map((file) => ({ name: file.name, read: () => readFile(file) })));
}

/** Filters stand beside the results where there is room; otherwise they are folded up above them. */
function foldFilters() {
  const wide = matchMedia("(min-width: 60rem)");
  const fold = () => (byId("filter-box").open = wide.matches);
  wide.addEventListener("change", fold);
  fold();
}

function listen() {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const text = byId("text");
    const isEmpty = !text.value.trim();
    text.setAttribute("aria-invalid", String(isEmpty));
    if (isEmpty) {
      byId("errors").replaceChildren();
      complain("الصق نص خبر، أو اختر ملفات.");
      text.focus();
      return;
    }
    const fields = Object.fromEntries(["title", "date", "outlet"].map((id) => [id, byId(id).value.trim() || null]));
    run([{ name: "", read: async () => ({ text: text.value, id: "نص ملصق", ...fields }) }]);
  });
  byId("files").addEventListener("change", (event) => {
    runFiles(event.target.files);
    event.target.value = ""; // so that the same file can be chosen again
  });
  byId("example").addEventListener("click", async () => {
    byId("text").value = await (await fetch("page/example.txt")).text();
    form.requestSubmit();
  });
  byId("stop").addEventListener("click", () => running?.abort());
  filters.addEventListener("submit", (event) => event.preventDefault());
  filters.addEventListener("input", update);
  filters.addEventListener("reset", () => setTimeout(update)); // the fields change after the event
  filters.addEventListener("click", (event) => {
    const button = event.target.closest("[data-format]");
    if (button) save(button.dataset.format);
  });
  const hasFiles = (event) => event.dataTransfer.types.includes("Files"); // text may be dragged into the fields
  document.addEventListener("dragover", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    document.body.classList.add("dropping");
  });
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) document.body.classList.remove("dropping");
  });
  document.addEventListener("drop", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    document.body.classList.remove("dropping");
    runFiles(event.dataTransfer.files);
  });
}

async function start() {
  try {
    labels = await fetchLabels();
  } catch {
    complain(new Trouble("offline").message);
    return;
  }
  table = new PositionTable(byId("table"), labels, (title, descending) =>
    say(`رُتّب الجدول حسب ${title}، ${descending ? "تنازليًا" : "تصاعديًا"}`),
  );
  byId("topics").append(...[...labels.topics.values()].map((label) => choice("topic", label, "chip")));
  byId("stances").append(...[...labels.stances.values()].map((label) => choice("stance", label, `stance s-${label.id}`)));
  least.min = least.defaultValue = labels.lowest;
  least.max = 99;
  least.value = labels.lowest;
  foldFilters();
  listen();
  document.documentElement.dataset.ready = "true";
}

start();
