// Files of what is shown. The CSV is, letter for letter, the one that fiqra's command line writes.

import { make } from "./dom.js";

const COLUMNS = [
  "date", "outlet", "article", "para", "topic", "topic_prob", "actor", "stance", "prob", "start", "end", "text", "tagger",
];
const FORMULA = /^'*[=+\-@\t\r]/;
const BOM = "\ufeff"; // with it, Excel shows Arabic

const rounded = (prob) => {
  const value = Number(prob.toFixed(4));
  return Number.isInteger(value) ? value.toFixed(1) : String(value);
};

/** Yield a row a position, and one without actor and stance for a topic on which nobody takes any. */
function* csvRows(record) {
  for (const topic of record.topics) {
    const row = { ...record, topic, topic_prob: rounded(record.topic_probs[topic]) };
    const positions = record.positions.filter((position) => position.topic === topic);
    for (const { actor, stance, prob } of positions)
      yield { ...row, actor: actor?.text, start: actor?.start, end: actor?.end, stance, prob: rounded(prob) };
    if (!positions.length) yield row;
  }
}

function csvCell(value) {
  if (value === null || value === undefined) return "";
  // An apostrophe keeps a spreadsheet from running what it would take for a formula.
  const text = typeof value === "string" && FORMULA.test(value) ? `'${value}` : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

export function asCsv(articles) {
  const rows = articles.flatMap(({ paragraphs }) => paragraphs.flatMap((record) => [...csvRows(record)]));
  const lines = [COLUMNS, ...rows.map((row) => COLUMNS.map((column) => csvCell(row[column])))];
  return BOM + lines.map((cells) => `${cells.join(",")}\r\n`).join("");
}

export function asJsonLines(articles) {
  return articles.flatMap(({ paragraphs }) => paragraphs.map((record) => `${JSON.stringify(record)}\n`)).join("");
}

/** Return a page that needs nothing else, with the articles as they are shown; the browser escapes their text. */
export async function asHtml(articlesNode) {
  const style = await (await fetch("page/article.css")).text();
  return `<!doctype html>
<html lang="ar" dir="rtl">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>fiqra</title>
<style>
${style}
body { margin: 0 auto; max-width: 56rem; padding: 1.5rem 1rem 4rem; background: var(--paper); color: var(--ink); font: 1rem/1.7 system-ui, sans-serif; }
</style>
</head>
<body>
${articlesNode.innerHTML}
</body>
</html>
`;
}

export function download(name, type, content) {
  const address = URL.createObjectURL(new Blob([content], { type: `${type};charset=utf-8` }));
  make("a", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}
