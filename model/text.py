"""Text for the tokenizer: paragraphs, and normalisation with a map back to the original characters. No torch."""

import html
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

ARABIC_LETTER = re.compile(r"[\u0620-\u064a\u066e-\u06d3\u06fa-\u06ff\u0750-\u077f\ufb50-\ufdfb\ufe70-\ufefc]")

_BREAK = re.compile(r"(?:\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029])+")
SENTENCE_END = re.compile(r"(?<=[.!?؟…۔])[\"'»”)\]]*\s+(?=[^\s\d])")
_UNBROKEN_LIMIT = 600  # characters; a body with no breaks that is longer than this is cut at sentence ends

# Marks that carry no letter: harakat and Quranic signs, tatweel, bidi and zero-width controls.
_DROPPED = r"\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06dc\u06df-\u06e8\u06ea-\u06ed\u0640\u061c\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\ufe00-\ufe0f"
_CONTROL = r"\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\ufffd"
_DROPPED_RUN = re.compile(f"[{_DROPPED}{_CONTROL}]+")
_SPACES = re.compile(r"\s+")
LETTER_MARKS = "".join(map(chr, range(0x064B, 0x0660))) + "\u0670\u0640"  # they belong to the letter before them
_TRAILING = re.compile(f"[{LETTER_MARKS}]+")
_FOLDED = str.maketrans(
    {
        **dict.fromkeys("أإآٱٲٳ", "ا"),
        **dict.fromkeys("کڪ", "ك"),
        **dict.fromkeys("یې", "ي"),
        **dict.fromkeys("ہھۀە", "ه"),
        **dict.fromkeys("«»“”„‟〝〞″", '"'),
        **dict.fromkeys("‘’‚‛′`´‹›", "'"),
        **dict.fromkeys("‐‑‒–—―−", "-"),
        **{chr(0x0660 + i): str(i) for i in range(10)},
        **{chr(0x06F0 + i): str(i) for i in range(10)},
        "٪": "%",
        "٫": ".",
        "٬": ",",
        "۔": ".",
    }
)


@dataclass(frozen=True)
class Normalised:
    """A normalised text and where each of its characters comes from.

    Character i of `text` stands for the original's characters from `starts[i]` to `ends[i]`; both never fall.
    """

    text: str
    starts: list[int]
    ends: list[int]

    def original_span(self, start: int, end: int) -> tuple[int, int]:
        """Return the original's span for `text[start:end]`, which must not be empty."""
        return self.starts[start], self.ends[end - 1]


def split_paragraphs(body: str) -> list[str]:
    """Cut a body at line breaks; a long one without any, at sentence ends. Blank ones are left out."""
    paragraphs = [part.strip() for part in _BREAK.split(body) if part.strip()]
    if len(paragraphs) == 1 and len(paragraphs[0]) > _UNBROKEN_LIMIT:
        return _join_short(SENTENCE_END.split(paragraphs[0]))
    return paragraphs


def _join_short(sentences: list[str], least: int = 120) -> list[str]:
    """Join sentences until each paragraph has `least` characters, as an editor would rather than one a sentence."""
    paragraphs: list[str] = []
    for sentence in sentences:
        if paragraphs and len(paragraphs[-1]) < least:
            paragraphs[-1] = f"{paragraphs[-1]} {sentence}"
        else:
            paragraphs.append(sentence)
    return paragraphs


def normalise_news(text: str) -> Normalised:
    """Normalise for the encoders that were trained on raw web text.

    NFKC; no diacritics, tatweel or invisible marks; one form of alef, keh, yeh, heh, digit, quotation mark and dash;
    runs of white space as one space, none before or after the text.
    """
    pieces: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    for i, char in enumerate(text):
        if _DROPPED_RUN.match(char):
            if starts and _TRAILING.match(char):
                ends[-1] = i + 1  # a mark belongs to the letter before it, so that a quote keeps it
            continue
        for out in char if char.isascii() and char.isprintable() else _fold(char):
            if out == " " and (not pieces or pieces[-1] == " "):
                if pieces:
                    ends[-1] = i + 1
                continue
            pieces.append(out)
            starts.append(i)
            ends.append(i + 1)
    if pieces and pieces[-1] == " ":  # a space at the end would be a token of its own
        del pieces[-1], starts[-1], ends[-1]
    return Normalised("".join(pieces), starts, ends)


@lru_cache(maxsize=4096)
def _fold(char: str) -> str:
    folded = unicodedata.normalize("NFKC", char.translate(_FOLDED)).translate(_FOLDED)
    return _SPACES.sub(" ", _DROPPED_RUN.sub("", folded))


# AraBERT v0.2's own preprocessing, restated as substitutions in the order in which it makes them.
_SHORT_VOWELS = re.compile("[\u064b-\u0652]")
_ENTITY = re.compile(r"&(?:#\d+|#[xX][0-9a-fA-F]+|\w+);?")
_ARABERT_LINKS = tuple(
    (re.compile(pattern), replacement)
    for replacement, patterns in (
        (
            " [رابط] ",
            (
                r"(http(s)?:\/\/.)?(www\.)?[-a-zA-Z0-9@:%._\+~#=]{2,256}\.[a-z]{2,6}\b([-a-zA-Z0-9@:%_\+.~#?&//=]*)",
                r"http[s]?://[a-zA-Z0-9_\-./~\?=%&]+",
                r"www[a-zA-Z0-9_\-?=%&/.~]+",
                r"[a-zA-Z]+\.com",
                r"(?=http)[^\s]+",
                r"(?=www)[^\s]+",
                r"://",
            ),
        ),
        (" [بريد] ", (r"[\w-]+@([\w-]+\.)+[\w-]+", r"\S+@\S+")),
        (" [مستخدم] ", (r"@[\w\d]+",)),
        (" ", (r"<br />", r"</?[^>]+>")),
    )
    for pattern in patterns
)
_REPEATED = re.compile(r"(\D)\1{2,}", re.DOTALL)
_SPACED_OUT = re.compile(r"[^0-9\u0621-\u063A\u0641-\u064A\u0660-\u0669a-zA-Z\[\]]")
_DIGIT_LETTER = re.compile(
    r"(?<=\d)(?=[\u0621-\u063A\u0641-\u064A\u066A-\u066C])|(?<=[\u0621-\u063A\u0641-\u064A\u066A-\u066C])(?=\d)"
)
_ARABERT_UNKNOWN = re.compile(
    r"[^0-9\u0621-\u063A\u0640-\u066C\u0671-\u0674a-zA-Z\[\]!\"#$%'()*+,.:;\-<=·>?@\\^_`{|}~—٪’،؟`୍“؛”ۚ»\s«–…‘]"
)


def normalise_arabert(text: str) -> Normalised:
    """Normalise as AraBERT v0.2 was pretrained (Antoun et al. 2020; the package arabert's preprocessor)."""
    norm = normalise_nothing(text)
    norm = _substitute(norm, _ENTITY, lambda match: html.unescape(match[0]))
    norm = _substitute(norm, _SHORT_VOWELS, lambda _: "")
    norm = _substitute(norm, re.compile("\u0640"), lambda _: "")
    for pattern, replacement in _ARABERT_LINKS:
        norm = _substitute(norm, pattern, lambda _, replacement=replacement: replacement)  # type: ignore[misc]
    norm = _substitute(norm, re.compile("[٠-٩]"), lambda match: str(int(match[0])))
    norm = _substitute(norm, _REPEATED, lambda match: match[1] * 2)
    norm = _substitute(norm, _SPACED_OUT, lambda match: f" {match[0]} ")
    norm = _substitute(norm, _DIGIT_LETTER, lambda _: " ")
    norm = _substitute(norm, re.compile("/"), lambda _: "-")
    norm = _substitute(norm, _ARABERT_UNKNOWN, lambda _: " ")
    norm = _substitute(norm, _SPACES, lambda _: " ")
    first = len(norm.text) - len(norm.text.lstrip(" "))
    last = len(norm.text.rstrip(" "))
    return Normalised(norm.text[first:last], norm.starts[first:last], norm.ends[first:last])


def _substitute(norm: Normalised, pattern: re.Pattern[str], replace: Callable[[re.Match[str]], str]) -> Normalised:
    """Replace like `re.sub`. A replacement's characters stand for all that was matched; a zero-width match's, for
    the character after it.
    """
    pieces: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    at = 0
    for match in pattern.finditer(norm.text):
        begin, end = match.span()
        pieces.append(norm.text[at:begin])
        starts += norm.starts[at:begin]
        ends += norm.ends[at:begin]
        out = replace(match)
        pieces.append(out)
        last = end if end > begin else begin + 1
        starts += [norm.starts[begin]] * len(out)
        ends += [norm.ends[last - 1]] * len(out)
        at = end
    if at == 0 and not pieces:
        return norm
    pieces.append(norm.text[at:])
    return Normalised("".join(pieces), starts + norm.starts[at:], ends + norm.ends[at:])


def normalise_nothing(text: str) -> Normalised:
    """Leave the text as it is."""
    return Normalised(text, list(range(len(text))), list(range(1, len(text) + 1)))


NORMALISATIONS: dict[str, Callable[[str], Normalised]] = {
    "news": normalise_news,
    "arabert": normalise_arabert,
    "none": normalise_nothing,
}
