// What of the tagged articles is shown, and given away in files. No function here touches the page.

export const ANYONE = "*";
export const NOBODY = "-"; // the holder is implied
export const holderKey = (position) => (position.actor ? `=${position.actor.text}` : NOBODY);

/**
 * Return the articles with what passes the filters.
 *
 * A topic passes if its probability reaches `least` (in percent) and it is among `topics`, or none is chosen; a position
 * too if its own does, with `stances` and `actor` (a `holderKey`). With no filter every paragraph stays, and the
 * remnants do; with one, the paragraphs in which something passes.
 */
export function select(articles, { least, topics, stances, actor }) {
  const byPosition = stances.size > 0 || actor !== ANYONE;
  const filtered = byPosition || topics.size > 0;
  const passes = (chosen, id) => chosen.size === 0 || chosen.has(id);
  const likely = (prob) => Math.round(1e6 * prob) >= Math.round(1e4 * least);
  return articles.flatMap((article) => {
    const paragraphs = article.paragraphs.flatMap((record) => {
      let seen = record.topics.filter((topic) => likely(record.topic_probs[topic]) && passes(topics, topic));
      const positions = record.positions.filter(
        (position) =>
          likely(position.prob) &&
          seen.includes(position.topic) &&
          passes(stances, position.stance) &&
          (actor === ANYONE || holderKey(position) === actor),
      );
      if (byPosition) seen = seen.filter((topic) => positions.some((position) => position.topic === topic));
      return filtered && seen.length === 0 ? [] : [{ ...record, topics: seen, positions }];
    });
    if (filtered && paragraphs.length === 0) return [];
    return [{ ...article, paragraphs, remnants: filtered ? [] : article.remnants }];
  });
}

/** Return all holders, each with the number of its positions, the most frequent first. */
export function holders(articles) {
  const counts = new Map();
  for (const { paragraphs } of articles)
    for (const { positions } of paragraphs)
      for (const position of positions) counts.set(holderKey(position), (counts.get(holderKey(position)) ?? 0) + 1);
  return [...counts].sort((a, b) => b[1] - a[1] || a[0].localeCompare(b[0], "ar"));
}

/**
 * Cut a record's text into pieces, in order: {text, positions}, with the positions of the actor that the piece is.
 * Offsets count code points, as Python does. Of two actors that overlap the longer is marked, with the other's positions.
 */
export function markActors(record) {
  const chars = Array.from(record.text);
  const spans = new Map();
  for (const position of record.positions) {
    if (!position.actor) continue;
    const { start, end } = position.actor;
    const key = `${start}-${end}`;
    if (!spans.has(key)) spans.set(key, { start, end, positions: [] });
    spans.get(key).positions.push(position);
  }
  const chosen = [];
  for (const span of [...spans.values()].sort((a, b) => a.start - a.end - (b.start - b.end))) {
    const host = chosen.find((other) => span.start < other.end && span.end > other.start);
    if (host) host.positions.push(...span.positions);
    else chosen.push(span);
  }
  const pieces = [];
  let at = 0;
  for (const { start, end, positions } of chosen.sort((a, b) => a.start - b.start)) {
    pieces.push({ text: chars.slice(at, start).join(""), positions: [] });
    pieces.push({ text: chars.slice(start, end).join(""), positions });
    at = end;
  }
  pieces.push({ text: chars.slice(at).join(""), positions: [] });
  return pieces.filter((piece) => piece.text);
}
