import { make, percent } from "./dom.js";
import { holderName, paragraphId, stanceSign, topicChip } from "./view.js";

const arabic = new Intl.Collator("ar");
const byText = (key) => (a, b) => arabic.compare(a[key], b[key]);
const byNumber = (key) => (a, b) => a[key] - b[key];

const COLUMNS = [
  { key: "article", title: "الخبر", compare: byText("article") },
  { key: "place", title: "الفقرة", compare: byNumber("place") },
  { key: "holder", title: "الفاعل", compare: byText("holder") },
  { key: "stance", title: "الموقف", compare: byText("stance") },
  { key: "topic", title: "الموضوع", compare: byText("topic") },
  { key: "prob", title: "الاحتمال", compare: byNumber("prob") },
];

/** The table of positions; it keeps its order when what it shows changes. */
export class PositionTable {
  constructor(table, labels, onSort) {
    this.labels = labels;
    this.rows = [];
    this.key = "place";
    this.descending = false;
    this.body = make("tbody");
    this.headings = COLUMNS.map(({ key, title }) => {
      const button = make("button", { type: "button" }, title);
      button.addEventListener("click", () => {
        this.descending = this.key === key && !this.descending;
        this.key = key;
        this.render();
        onSort(title, this.descending);
      });
      return make("th", { scope: "col", "data-key": key }, button);
    });
    this.table = table;
    table.replaceChildren(make("thead", {}, make("tr", {}, ...this.headings)), this.body);
  }

  show(articles) {
    const { topics, stances } = this.labels;
    this.table.classList.toggle("one-article", articles.length < 2);
    this.rows = articles.flatMap((article) =>
      article.paragraphs.flatMap((record) =>
        record.positions.map((position) => ({
          position,
          article: article.title || article.id,
          para: record.para,
          place: 1e6 * article.place + record.para,
          address: `#${paragraphId(article, record)}`,
          holder: position.actor ? position.actor.text : "",
          stance: stances.get(position.stance).shown,
          topic: topics.get(position.topic).shown,
          prob: position.prob,
        })),
      ),
    );
    this.render();
  }

  render() {
    const { compare } = COLUMNS.find(({ key }) => key === this.key);
    const sign = this.descending ? -1 : 1;
    const sorted = [...this.rows].sort((a, b) => sign * compare(a, b) || a.place - b.place);
    for (const heading of this.headings) {
      const order = this.descending ? "descending" : "ascending";
      if (heading.dataset.key === this.key) heading.setAttribute("aria-sort", order);
      else heading.removeAttribute("aria-sort");
    }
    const none = make("tr", {}, make("td", { class: "empty", colspan: COLUMNS.length }, "لا مواقف ظاهرة"));
    this.body.replaceChildren(...(sorted.length ? sorted.map((row) => this.renderRow(row)) : [none]));
  }

  renderRow({ position, article, para, address, prob }) {
    const cell = (content, kind = null) => make("td", { class: kind }, content);
    return make(
      "tr",
      {},
      cell(make("bdi", {}, article)),
      cell(make("a", { href: address, "aria-label": `الفقرة ${para}` }, String(para)), "figure"),
      cell(holderName(position)),
      cell(stanceSign(this.labels.stances.get(position.stance))),
      cell(topicChip(this.labels.topics.get(position.topic))),
      cell(percent(prob), "figure"),
    );
  }
}
