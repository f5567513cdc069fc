// The only place where elements are made. Text goes in as text: nothing here, or anywhere on the page, reads HTML.

/** Make an element. `hue` sets the colour of chips; null and false attributes are left out; strings become text. */
export function make(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (key === "hue") node.style.setProperty("--hue", String(value));
    else node.setAttribute(key, value === true ? "" : String(value));
  }
  node.append(...children.filter((child) => child !== null && child !== false));
  return node;
}

export const byId = (id) => document.getElementById(id);

export const percent = (prob) => `${Math.round(100 * prob)}٪`;
