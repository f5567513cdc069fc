import { make, percent } from "./dom.js";
import { markActors } from "./selection.js";

const REMNANTS = {
  "font size": "حجم الخط",
  "share button": "زر مشاركة",
  date: "تاريخ",
  "related link": "رابط ذو صلة",
  "caption credit": "حقوق صورة",
  "no Arabic": "بلا عربية",
  "section name or caption": "اسم قسم أو تعليق صورة",
};

/** The id under which a paragraph stands on the page; articles are counted, for two may have one id. */
export const paragraphId = (article, record) => `p-${article.place}-${record.para}`;

export const topicChip = (topic, prob, name = "span") =>
  make(name, { class: "chip", hue: topic.hue }, topic.shown, prob === undefined ? null : ` ${percent(prob)}`);

export const stanceSign = (stance) => make("span", { class: `stance s-${stance.id}` }, stance.shown);

export function renderArticle(article, labels) {
  const heading = `a-${article.place}`;
  const about = [article.title ? article.id : null, article.date, article.outlet].filter(Boolean);
  const node = make(
    "article",
    { class: "news", "aria-labelledby": heading },
    make("h3", { id: heading }, make("bdi", {}, article.title || article.id)),
    make("p", { class: "about" }, ...about.flatMap((part, i) => [i ? " · " : "", make("bdi", {}, part)])),
  );
  const remnants = [...article.remnants];
  const leave = (until) => {
    while (remnants.length && remnants[0].before <= until) node.append(renderRemnant(remnants.shift()));
  };
  for (const record of article.paragraphs) {
    leave(record.para);
    node.append(renderParagraph(article, record, labels));
  }
  leave(Infinity);
  return node;
}

function renderRemnant({ kind, text }) {
  return make("p", { class: "remnant" }, make("span", { class: "kind" }, `تُرك: ${REMNANTS[kind] ?? kind}`), text);
}

function renderParagraph(article, record, labels) {
  const numbers = new Map(record.positions.map((position, i) => [position, i + 1]));
  const chips = record.topics.map((id) => topicChip(labels.topics.get(id), record.topic_probs[id], "li"));
  return make(
    "div",
    {
      class: record.topics.length ? "para" : "para plain",
      id: paragraphId(article, record),
      role: "group",
      "aria-label": `الفقرة ${record.para}`,
    },
    chips.length
      ? make(
          "div",
          { class: "head" },
          make("span", { class: "number", "aria-hidden": "true" }, String(record.para)),
          make("ul", { class: "chips", "aria-label": "الموضوعات" }, ...chips),
        )
      : null,
    make("p", { class: "text", dir: "auto" }, ...markActors(record).flatMap((piece) => renderPiece(piece, numbers))),
    record.positions.length ? renderPositions(record.positions, labels) : null,
  );
}

function renderPiece({ text, positions }, numbers) {
  if (!positions.length) return [text];
  const stances = new Set(positions.map((position) => position.stance));
  const kind = stances.size > 1 ? "mixed" : `s-${positions[0].stance}`;
  const notes = positions.map((position) => numbers.get(position)).join("،");
  return [make("mark", { class: kind }, text), make("span", { class: "note" }, notes)];
}

function renderPositions(positions, labels) {
  const items = positions.map((position, i) =>
    make(
      "li",
      {},
      make("span", { class: "prob" }, `${i + 1}`),
      holderName(position),
      stanceSign(labels.stances.get(position.stance)),
      topicChip(labels.topics.get(position.topic)),
      make("span", { class: "prob" }, percent(position.prob)),
    ),
  );
  return make("ol", { class: "positions", "aria-label": "المواقف" }, ...items);
}

export const holderName = ({ actor }) =>
  actor ? make("bdi", { class: "holder" }, actor.text) : make("span", { class: "holder implied" }, "صاحب الموقف مضمر");
