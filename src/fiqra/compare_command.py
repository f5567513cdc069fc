"""The command `fiqra compare`: two taggers, or saved predictions, on the same labelled paragraphs."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .console import DeviceOption, PrecisionOption, QuietOption, exit_codes, print_table, progress, say, start_log

if TYPE_CHECKING:
    from .model.labels import LabelSet
    from .model.records import LabelledParagraph
    from .model.tagger import Tagger
    from .training.predictions import Answers, SavedRun

_SIDE = "A tagger (name or folder), or what 'fiqra evaluate -o' wrote (folder or predictions.jsonl)."


def compare(
    a: Annotated[str, typer.Argument(help=_SIDE)],
    b: Annotated[str, typer.Argument(help="The other one.")],
    data: Annotated[list[Path], typer.Option("--data", help="Labelled JSONL; may be given several times.")],
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write the comparison as JSON.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON in place of the table.")] = False,
    resamples: Annotated[int, typer.Option(min=1000, help="Bootstrap resamples, and shuffles of the test.")] = 10_000,
    seed: Annotated[int, typer.Option(min=0, help="Of resamples and shuffles.")] = 0,
    device: DeviceOption = "auto",
    precision: PrecisionOption = "auto",
    quiet: QuietOption = False,
) -> None:
    """Compare two taggers on the same labelled paragraphs: every measure's difference, and whether it is chance.

    Intervals (95 %) are a paired bootstrap over documents, or stories where records carry a `cluster`; p is
    approximate randomisation of whole documents, also adjusted for the number of measures (Holm). Runs with other
    labels, data or metric definitions are refused.

    Example: `fiqra compare fiqra-mini runs/mine --data data/corpus/test.jsonl`
    """
    start_log(quiet)
    with exit_codes():
        import json

        from .files import check_place, write_whole
        from .training.compare import compare_answers
        from .training.evaluate import read_gold
        from .training.metrics import METRICS_VERSION, data_sha256

        if output:
            check_place(output)
        sides = [_open(name, device, precision) for name in (a, b)]
        _check_same_labels(a, sides[0].labels, b, sides[1].labels)
        gold = read_gold(data, sides[0].labels, a)
        with progress(quiet, 2 * len(gold)) as advance:
            first, second = (_answers(side, gold, advance) for side in sides)
        found = compare_answers(gold, first, second, sides[0].labels, n_resamples=resamples, seed=seed)
        files = [file.name for file in data]
        found = {"files": files, "data_sha256": data_sha256(gold), "metrics_version": METRICS_VERSION, **found}
        text = json.dumps(found, ensure_ascii=False, indent=2) + "\n"
        if output:
            write_whole(output, text)
        if as_json:
            typer.echo(text, nl=False)
        else:
            _print(found)


def _open(name: str, device: str, precision: str) -> "Tagger | SavedRun":
    from .training.predictions import find_saved

    if (Path(name) / "config.json").is_file() or not (saved := find_saved(name)):
        from .model.tagger import Tagger

        return Tagger.from_pretrained(name, device=device, precision=precision)
    return saved


def _check_same_labels(a: str, a_labels: "LabelSet", b: str, b_labels: "LabelSet") -> None:
    from .model.errors import DataError

    differing = [
        f"  {kind}: {a} has {', '.join(own)}; {b} has {', '.join(other)}"
        for kind, own, other in (
            ("topics", a_labels.topic_ids, b_labels.topic_ids),
            ("stances", a_labels.stance_ids, b_labels.stance_ids),
        )
        if own != other
    ]
    if differing:
        raise DataError("\n".join(["the label sets differ, so no measure can be compared", *differing]))


def _answers(side: "Tagger | SavedRun", gold: "list[LabelledParagraph]", advance: Callable[..., None]) -> "Answers":
    from .training.predictions import Answers, SavedRun, read_saved

    if isinstance(side, SavedRun):
        answers = read_saved(side, gold)
        advance(len(gold))
        return answers
    from .training.evaluate import answer

    tagged, stances, _ = answer(side, gold, on_batch=advance)
    return Answers(side.id, tagged, stances)


def _print(found: dict[str, Any]) -> None:
    from .training.report import measure_name

    verdicts = {"a": "A is higher", "b": "B is higher", None: "no difference shown"}
    rows = [
        (
            measure_name(key),
            f"{own['a']:.3f}",
            f"{own['b']:.3f}",
            f"{own['difference']:+.3f} [{own['low']:+.3f}, {own['high']:+.3f}]",
            f"{own['p']:.4f}",
            f"{own['p_holm']:.4f}",
            verdicts[own["shown"]],
        )
        for key, own in found["measures"].items()
    ]
    units = f"{found['n_paragraphs']} paragraphs, {found['n_resampled_groups']} documents or stories resampled"
    print_table(
        f"A: {found['a']}   B: {found['b']}\n{units}", ("measure", "A", "B", "B - A", "p", "p (Holm)", ""), rows
    )
    n_shown = sum(own["shown"] is not None for own in found["measures"].values())
    say(
        f"{found['n_measures']} measures are tested at once: p (Holm) is adjusted for that, and a difference counts as "
        f"shown at 0.05. Shown: {n_shown or 'none'}."
    )
    if not found["stances_compared"]:
        say("stances given gold are left out: one side's saved predictions don't hold them")
