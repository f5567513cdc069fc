/** Fetch topics, stances and thresholds; each topic gets the hue that it has in fiqra's HTML files. */
export async function fetchLabels() {
  const answer = await fetch("v1/labels");
  if (!answer.ok) throw new Error(`labels: ${answer.status}`);
  const { tagger, topics, stances, thresholds } = await answer.json();
  const named = (label) => ({ ...label, shown: label.name.ar ?? label.id });
  const withHue = (label, i) => ({ ...named(label), hue: (Math.round((360 * i) / topics.length) + 205) % 360 });
  const lowest = Math.min(thresholds.position, thresholds.implied_position, ...Object.values(thresholds.topics));
  return {
    tagger,
    topics: new Map(topics.map((label, i) => [label.id, withHue(label, i)])),
    stances: new Map(stances.map((label) => [label.id, named(label)])),
    lowest: Math.floor(100 * lowest), // in percent: nothing less likely comes from the server
  };
}
