"""A ledger's statements for Discourse Network Analyzer (DNA).

DNA's window reads no table of statements: they come in through its R package, by `dna_addDocuments` and
`dna_addStatement` (rDNA's manual). So three files are written: `documents.csv` and `statements.csv`, whose columns are
these functions' arguments, and `import.R`, which calls them. A statement has DNA's default type, "DNA Statement", with
the variables person, organization, concept and agreement.

A document is an article's paragraphs with a position. `startCaret` and `endCaret` count UTF-16 code units of its text,
as DNA's Java strings do.
"""

import csv
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from .discourse import no_actor, node_of
from .files import check_place, whole_file
from .ledger import LedgerRow, day_of
from .model.errors import DataError

DOCUMENT_COLUMNS = ("document", "title", "text", "author", "source", "section", "type", "notes", "date_time")
STATEMENT_COLUMNS = (
    "document", "startCaret", "endCaret", "statementType", "person", "organization", "concept", "agreement", "prob"
)  # fmt: skip
_BETWEEN = "\n\n"

_IMPORT = """\
# Adds the documents and statements beside this file to a DNA database that exists already:
#   Rscript import.R debate.dna PASSWORD      (PASSWORD: that of the coder with ID 1)
# Needs R, Java, and rDNA with dna_addDocuments and dna_addStatement (https://github.com/leifeld/dna).
library(rDNA)
arguments <- commandArgs(trailingOnly = TRUE)
if (length(arguments) != 2) stop("usage: Rscript import.R DATABASE PASSWORD")
table <- function(file) {
  read.csv(file, fileEncoding = "UTF-8", colClasses = "character", na.strings = character(), check.names = FALSE)
}
documents <- table("documents.csv")
statements <- table("statements.csv")
dna_init()
dna_openDatabase(arguments[1], coderId = 1, coderPassword = arguments[2])
ids <- dna_addDocuments(
  coder_id = 1, title = documents$title, text = documents$text, author = documents$author, source = documents$source,
  section = documents$section, type = documents$type, notes = documents$notes,
  date_time = as.POSIXct(documents$date_time, tz = "UTC")
)
for (i in seq_len(nrow(statements))) {
  s <- statements[i, ]
  dna_addStatement(
    ids[match(s$document, documents$document)], as.integer(s$startCaret), as.integer(s$endCaret), s$statementType,
    coder = 1, person = s$person, organization = s$organization, concept = s$concept,
    agreement = as.integer(s$agreement)
  )
}
"""


def check_dna_folder(folder: Path) -> None:
    """Raise `DataError` where the three files could not be written into `folder`, which need not exist yet."""
    if folder.exists() and not folder.is_dir():
        raise DataError(f"{folder}: is a file; name a folder for DNA's three files")
    check_place((folder if folder.is_dir() else folder.parent) / "statements.csv")


def write_dna(folder: Path, rows: Sequence[LedgerRow], opposed: tuple[str, str]) -> tuple[int, Counter[str]]:
    """Write the three files; return how many statements they hold, and a count of the rows left out, by reason.

    Raises:
        DataError: they can't be written there, or no row can be used.
    """
    check_dna_folder(folder)
    left_out: Counter[str] = Counter()
    articles: dict[tuple[str | None, str | None, str], list[LedgerRow]] = {}
    for row in rows:
        if node_of(row) is None:
            left_out[no_actor(row)] += 1
        elif row.stance not in opposed:
            left_out[f"the stance is {row.stance}, and DNA's agreement is yes or no"] += 1
        elif day_of(row.date) is None:
            left_out["no date in the form 2026-01-31, and DNA's documents need one"] += 1
        else:
            articles.setdefault((row.outlet, row.date, row.article), []).append(row)
    if not articles:
        reasons = ", ".join(f"{n}: {reason}" for reason, n in left_out.items())
        raise DataError(f"no position is left for DNA ({reasons})")
    documents, statements = [], []
    for number, ((outlet, date, article), own) in enumerate(articles.items(), 1):
        starts, text = _document(own)
        tagger = own[0].tagger
        documents.append((number, article, text, "", outlet or "", "", "", f"tagged by {tagger}", str(day_of(date))))
        statements += [_statement(number, row, text, starts, opposed) for row in own]
    folder.mkdir(exist_ok=True)
    with ExitStack() as stack:
        files = {name: stack.enter_context(whole_file(folder / name)) for name in ("documents.csv", "statements.csv")}
        _write(files["documents.csv"], DOCUMENT_COLUMNS, documents)
        _write(files["statements.csv"], STATEMENT_COLUMNS, statements)
        stack.enter_context(whole_file(folder / "import.R")).write_text(_IMPORT, encoding="utf-8", newline="\n")
    return len(statements), left_out


def _document(rows: Sequence[LedgerRow]) -> tuple[dict[int, int], str]:
    """Return where each paragraph begins in the document's text, in characters, and that text."""
    texts = {row.para: row.text for row in sorted(rows, key=lambda row: row.para)}
    starts, at = {}, 0
    for para, text in texts.items():
        starts[para] = at
        at += len(text) + len(_BETWEEN)
    return starts, _BETWEEN.join(texts.values())


def _statement(
    number: int, row: LedgerRow, text: str, starts: Mapping[int, int], opposed: tuple[str, str]
) -> tuple[Any, ...]:
    node = node_of(row)
    carets = [_utf16(text[: starts[row.para] + at]) for at in (row.quote_start, row.quote_end)]
    agreement = 1 if row.stance == opposed[0] else 0
    return (number, *carets, "DNA Statement", "", node.name if node else "", row.topic, agreement, row.prob)


def _utf16(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def _write(path: Path, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
    # No BOM: R would take it for a part of the first column's name.
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(columns)
        table.writerows(rows)
