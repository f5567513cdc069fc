"""The command `fiqra export`: a tagger with its network in OpenVINO's form, and proof that it says the same."""

import json
import os
import random
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from .console import QuietOption, exit_codes, print_table, say, start_log
from .model.errors import DataError, FiqraError

if TYPE_CHECKING:
    from .model.records import Article
    from .model.tagger import Tagger
    from .portability import Change

CERTIFICATE = "portability.json"


def export(
    tagger: Annotated[str, typer.Argument(help="A released tagger's name, or a tagger folder.")],
    paths: Annotated[
        list[str] | None,
        typer.Argument(help="Paragraphs to check on: anything that 'fiqra predict' reads.", metavar="[PATH…]"),
    ] = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="The folder to write.")] = ...,  # type: ignore[assignment]
    weights: Annotated[
        Literal["fp32", "fp16"], typer.Option(help="How weights are kept; fp16 takes half the space.")
    ] = "fp32",
    n_paragraphs: Annotated[int, typer.Option("--paragraphs", min=1, help="How many to check on.")] = 2000,
    allow: Annotated[
        float, typer.Option(min=0, max=1, help="Share of paragraphs that may change; above, the export fails.")
    ] = 0.005,
    unchecked: Annotated[bool, typer.Option("--unchecked", help="Export without checking.")] = False,
    quiet: QuietOption = False,
) -> None:
    """Write a tagger folder that holds the network in OpenVINO's form too, and loads in a second, without torch.

    What it says is compared with torch in float32. portability.json keeps how much changed.

    Example: `fiqra export fiqra-mini news.jsonl -o exported/`
    """
    start_log(quiet)
    with exit_codes():
        if not paths and not unchecked:
            raise DataError("no paragraphs to check on; name files after the tagger, or say --unchecked")
        if output.exists() and (not output.is_dir() or any(output.iterdir())):
            raise DataError(f"{output}: is there and not empty; name a new folder")
        if not output.parent.is_dir():
            raise DataError(f"{output}: no folder {output.parent}; make it first")
        from .model.tagger import Tagger

        articles = _sample(paths or [], n_paragraphs)
        reference = Tagger.from_pretrained(tagger, backend="torch", device="cpu", precision="fp32")
        scratch = Path(tempfile.mkdtemp(prefix=".export-", dir=output.parent))
        try:
            _write(reference, scratch, weights)
            if articles:
                change = _check(reference, scratch, articles, quiet)
                if change.changed > allow:
                    raise FiqraError(
                        f"{100 * change.changed:.2f} % of {change.n_paragraphs} paragraphs changed, more than "
                        f"{100 * allow:g} %: nothing was written; --allow {change.changed:.3f} takes it as it is"
                    )
            scratch.chmod(0o755)
            os.replace(scratch, output)
        except OSError as error:
            raise DataError(f"{output}: can't write it: {error.strerror}") from error
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
        if not quiet:
            say(f"tagger folder: {output}" + ("" if articles else " (not checked)"))


def _sample(paths: list[str], n: int) -> "list[Article]":
    """Return up to `n` paragraphs drawn from all that can be read, each as an article."""
    from .articles import ArticleReader, Reject
    from .model.records import Article, Paragraph

    texts = []
    for item in ArticleReader(paths) if paths else []:
        if isinstance(item, Reject):
            say(f"left out: {item.where}: {item.reason}")
        else:
            texts += [paragraph.text for paragraph in item.paragraphs]
    if paths and not texts:
        raise DataError("nothing could be read to check on")
    drawn = random.Random(0).sample(texts, min(n, len(texts)))
    return [Article(str(i), (Paragraph(0, text),)) for i, text in enumerate(drawn)]


def _write(tagger: "Tagger", folder: Path, weights: str) -> None:
    from .model import openvino_backend as ov
    from .model.backend import choose_backend

    choose_backend("openvino")
    assert tagger.files is not None
    for file in sorted(tagger.files.folder.iterdir()):
        if file.is_file() and file.name not in ov.FILES:
            shutil.copy(file, folder / file.name)
    ov.export(tagger.network, folder, tagger.about_export(tagger.sha256, weights))


def _check(reference: "Tagger", folder: Path, articles: "list[Article]", quiet: bool) -> "Change":
    from .model.tagger import Tagger
    from .portability import HEADINGS, change_row, compare

    exported = Tagger.from_pretrained(folder, backend="openvino")
    said = [[p for tagged in t.tag_articles(articles) for p in tagged] for t in (reference, exported)]
    change = compare(*said)
    about = {"tagger": reference.id, "before": reference.backend.name, "after": exported.backend.name}
    text = json.dumps({**about, **change.to_json()}, indent=2) + "\n"
    (folder / CERTIFICATE).write_text(text, encoding="utf-8")
    if not quiet:
        print_table(f"{reference.backend.name} -> {exported.backend.name}", HEADINGS, [change_row("", change)])
    return change
