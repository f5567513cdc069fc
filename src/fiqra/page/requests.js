// Files and texts -> requests to the server -> tagged articles, or an error in Arabic.

const ARABIC = /[\u0620-\u064a\u066e-\u06d3\u06fa-\u06ff\u0750-\u077f،؛؟«»ـ\u064b-\u0652]/;

const PLACES = {
  "characters in text": "حرف في النص",
  "characters in html": "حرف في الصفحة",
  "bytes in a request": "بايت في الطلب",
  "tags in a page": "وسم في الصفحة",
  "paragraphs in a request": "فقرة في الطلب",
};
const REASONS = {
  empty: "لا نص هنا",
  no_arabic: "لا نص عربيًا هنا",
  only_remnants: "لا شيء هنا سوى بقايا صفحة ويب",
  no_main_text: "لم يُعثر على نص خبر في الصفحة",
  null_byte: "في النص رمز صفري (U+0000)؛ أهذا ملف نصي؟",
  lone_surrogate: "في النص رمز معطوب",
};
const MESSAGES = {
  too_many: "الخادم مشغول؛ حاول بعد قليل",
  too_slow: "لم يصل الطلب في وقته؛ حاول من جديد",
  internal: "وقع خطأ في الخادم؛ سجلّه يقول أكثر",
  offline: "لا جواب من الخادم؛ أما زال يعمل؟",
  undecodable: "تعذرت قراءة الملف: احفظه بترميز UTF-8",
  other_kind: "لا تُقرأ هنا إلا ملفات ‎.txt و‎.html",
};

/** An error to show; `code` is the server's word for it. */
export class Trouble extends Error {
  constructor(code, { limit, details = [], message = "" } = {}) {
    const reason = details.map((detail) => REASONS[detail.code]).find(Boolean);
    const most = limit && `أكبر من الحد: ${limit.most.toLocaleString("en")} ${PLACES[limit.what] ?? limit.what}`;
    super(MESSAGES[code] ?? reason ?? most ?? message ?? code);
    this.code = code;
  }
}

/** Tag one article. Waits and tries again while the server has too much to do. */
export async function tagArticle(article, signal, attempts = 20) {
  let answer;
  try {
    const body = JSON.stringify(article);
    answer = await fetch("v1/tag", { method: "POST", headers: { "Content-Type": "application/json" }, body, signal });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Trouble("offline");
  }
  if (answer.status === 429 && attempts > 1) {
    await pause(1000 * Number(answer.headers.get("Retry-After") ?? 5), signal);
    return tagArticle(article, signal, attempts - 1);
  }
  const content = await answer.json().catch(() => ({ error: { code: "offline" } }));
  if (!answer.ok) throw new Trouble(content.error.code, content.error);
  return content.articles[0];
}

function pause(milliseconds, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, milliseconds);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(new DOMException("stopped", "AbortError"));
    });
  });
}

/** Read a file as an article to send. */
export async function readFile(file) {
  const kind = /\.html?$/i.test(file.name) ? "html" : /\.txt$/i.test(file.name) ? "text" : null;
  if (!kind) throw new Trouble("other_kind");
  return { [kind]: decode(new Uint8Array(await file.arrayBuffer())), id: file.name };
}

/** Decode UTF-8, UTF-16 with its mark, or Windows-1256, as the command line does. */
export function decode(bytes) {
  const mark = bytes[0] === 0xff && bytes[1] === 0xfe ? "utf-16le" : bytes[0] === 0xfe && bytes[1] === 0xff ? "utf-16be" : null;
  if (mark) return new TextDecoder(mark).decode(bytes);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    const text = new TextDecoder("windows-1256").decode(bytes);
    const foreign = Array.from(text).filter((char) => char > "\x7f");
    const arabic = foreign.filter((char) => ARABIC.test(char));
    if (arabic.length >= 0.7 * foreign.length && !bytes.includes(0)) return text;
    throw new Trouble("undecodable");
  }
}
