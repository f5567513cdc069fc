"""The actors that a ledger knows: read from YAML, made from patterns, checked as a whole.

`configs/actors.yaml` says what its keys mean. Each state with a nisba gets every office of `offices`, so that
"وزير الخارجية العراقي" needs no entry of its own: it is the actor "iq.foreign-minister", which belongs to
"iq.government", which belongs to "iq".
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from .actor_names import Claim, NameIndex, fold_name
from .model.errors import DataError, did_you_mean
from .model.yaml_files import read_yaml

Kind = Literal["state", "government", "office", "armed_group", "party", "international_body", "organisation"]
Names = list[str]
SHIPPED = Path(__file__).parent / "actors.yaml"
_GOVERNMENT = "government"  # the office to which a state's other offices belong


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class People(_Entry):
    """Who speaks for an actor, by name alone; `from` is the first day, `to` the day after the last."""

    names: Names = Field(min_length=1)
    since: date | None = Field(None, alias="from")
    until: date | None = Field(None, alias="to")


class OfficePattern(_Entry):
    id: str = Field(pattern=r"^[a-z0-9-]+$")
    kind: Kind = "office"
    names: Names = Field(min_length=1)


class OwnOffice(_Entry):
    names: Names = []
    people: list[People] = []


class ActorEntry(_Entry):
    id: str = Field(pattern=r"^[a-z0-9-]+$")
    kind: Kind
    names: Names = Field(min_length=1)
    belongs_to: str | None = None
    people: list[People] = []
    nisba: str | Names | None = None
    offices: dict[str, OwnOffice] = {}


Entry = TypeVar("Entry", OfficePattern, ActorEntry)


class _File(_Entry):
    version: str = "1"
    offices: list[OfficePattern] = []
    actors: list[ActorEntry] = []


@dataclass(frozen=True)
class KnownActor:
    """An actor of the list. `office` is the pattern it was made from, for instance "foreign-minister"."""

    id: str
    name: str
    kind: Kind
    belongs_to: str | None = None
    names: tuple[str, ...] = ()
    people: tuple[People, ...] = ()
    office: str | None = None


@dataclass(frozen=True)
class ActorList:
    """All known actors by id, the index of their names, and the states by their folded nisba."""

    actors: Mapping[str, KnownActor]
    index: NameIndex
    nisbas: Mapping[tuple[str, ...], str]

    def root(self, actor_id: str) -> str:
        """Return the highest actor that this one belongs to: for an office of a state, the state."""
        above = self.actors[actor_id].belongs_to
        return self.root(above) if above else actor_id

    @classmethod
    def from_yaml(cls, *paths: Path) -> "ActorList":
        """Read the shipped list, then the user's files: an entry with an id that stands already takes its place.

        Raises:
            DataError: every mistake: file, key, what was found, and what to do.
        """
        return _read_all(paths) if paths else _shipped_list()


def _by_id(entries: Sequence[Entry], where: str) -> dict[str, tuple[Entry, str]]:
    """Return each entry of a file's list by its id, with the place where it stands."""
    ids = [entry.id for entry in entries]
    repeated = [
        f"{where}[{i}].id: {id_!r} stands in [{ids.index(id_)}] already; give it another id"
        for i, id_ in enumerate(ids)
        if id_ in ids[:i]
    ]
    if repeated:
        raise DataError("\n".join(repeated))
    return {entry.id: (entry, f"{where}[{i}]") for i, entry in enumerate(entries)}


@cache
def _shipped_list() -> ActorList:
    return _read_all(())


@cache
def _shipped_file() -> _File:
    return _read(SHIPPED)


def _read_all(paths: Sequence[Path]) -> ActorList:
    patterns: dict[str, tuple[OfficePattern, str]] = {}
    entries: dict[str, tuple[ActorEntry, str]] = {}
    for path in (SHIPPED, *paths):
        content = _shipped_file() if path is SHIPPED else _read(path)
        patterns |= _by_id(content.offices, f"{path}: offices")
        entries |= _by_id(content.actors, f"{path}: actors")
    return _build(patterns, entries)


def _read(path: Path) -> _File:
    content = read_yaml(path, "the actors")
    if not isinstance(content, dict):
        raise DataError(f"{path}: expected a mapping with 'actors', found {type(content).__name__}")
    try:
        return _File.model_validate(content)
    except ValidationError as error:
        raise DataError("\n".join(f"{path}: {_say(detail)}" for detail in error.errors(include_url=False))) from None


_KEYS: dict[str, type[BaseModel]] = {"offices": OfficePattern, "actors": ActorEntry}


def _say(detail: Any) -> str:
    place = detail["loc"]
    key = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place).removeprefix(".")
    if detail["type"] == "extra_forbidden":
        if "people" in place:
            known = ["names", "from", "to"]
        elif len(place) == 1:
            known = list(_File.model_fields)
        elif len(place) == 3:
            known = list(_KEYS[place[0]].model_fields)
        else:
            known = list(OwnOffice.model_fields)
        return f"{key}: unknown key{did_you_mean(str(place[-1]), known) or '; known here: ' + ', '.join(known)}"
    if detail["type"] == "missing":
        return f"{key}: is missing; add it"
    message = detail["msg"].removeprefix("Input should be ").removeprefix("Value error, ")
    return f"{key}: expected {message}, found {detail['input']!r}"


def _build(
    patterns: Mapping[str, tuple[OfficePattern, str]], entries: Mapping[str, tuple[ActorEntry, str]]
) -> ActorList:
    actors: dict[str, KnownActor] = {}
    places: dict[str, str] = {}
    nisbas: dict[tuple[str, ...], str] = {}
    errors: list[str] = []
    for entry, place in entries.values():
        made = [
            KnownActor(entry.id, entry.names[0], entry.kind, entry.belongs_to, tuple(entry.names), tuple(entry.people))
        ]
        adjectives = [entry.nisba] if isinstance(entry.nisba, str) else entry.nisba or []
        errors += [
            f"{place}.offices.{office}: no such office{did_you_mean(office, patterns)}; add it under 'offices'"
            if office not in patterns
            else f"{place}.offices.{office}: {entry.id!r} has no nisba, so no offices are made for it; give it one"
            for office in entry.offices
            if office not in patterns or not adjectives
        ]
        for form in (form for adjective in adjectives for form in _forms(adjective)):
            nisbas[fold_name(form)] = entry.id
        if adjectives:
            made += [_office(pattern, entry, adjectives) for pattern, _ in patterns.values()]
        for actor in made:
            if actor.id in actors:
                errors.append(f"{place}.id: {actor.id!r} is taken by {places[actor.id]}; give it another id")
            actors[actor.id], places[actor.id] = actor, place
    errors += _belonging_errors(actors, places)
    errors += [
        f"{place}: the name {name!r} holds no letter; correct it or take it out"
        for entry, place in entries.values()
        for name in _own_names(entry)
        if not fold_name(name)
    ]
    if errors:
        raise DataError("\n".join(errors))
    index = NameIndex(claim for actor in actors.values() for claim in _claims(actor))
    if rivals := list(_name_errors(index, places)):
        raise DataError("\n".join(rivals))
    return ActorList(actors, index, nisbas)


def _own_names(entry: ActorEntry) -> Iterator[str]:
    """Yield the names that an entry spells out, those of its offices among them."""
    yield from entry.names
    for people in (*entry.people, *(people for office in entry.offices.values() for people in office.people)):
        yield from people.names
    for office in entry.offices.values():
        yield from office.names


def _forms(nisba: str) -> tuple[str, str]:
    """Return the definite masculine and feminine: "كوري جنوبي" -> "الكوري الجنوبي", "الكورية الجنوبية"."""
    words = nisba.split()
    return " ".join(f"ال{word}" for word in words), " ".join(f"ال{word}ة" for word in words)


def _office(pattern: OfficePattern, state: ActorEntry, adjectives: Sequence[str]) -> KnownActor:
    own = state.offices.get(pattern.id, OwnOffice())
    forms = [_forms(adjective) for adjective in adjectives]
    names = [
        name.format(m=m, f=f, s=s)
        for name in pattern.names
        for m, f in (forms if "{m}" in name or "{f}" in name else forms[:1])
        for s in (state.names if "{s}" in name else state.names[:1])
    ]
    above = state.id if pattern.id == _GOVERNMENT else f"{state.id}.{_GOVERNMENT}"
    return KnownActor(
        f"{state.id}.{pattern.id}", names[0], pattern.kind, above, (*names, *own.names), tuple(own.people), pattern.id
    )


def _claims(actor: KnownActor) -> Iterator[Claim]:
    state = actor.kind == "state"
    yield from (Claim(name, actor.id, strict=state and " " not in name) for name in actor.names)
    for people in actor.people:
        yield from (Claim(name, actor.id, True, people.since, people.until) for name in people.names)


def _belonging_errors(actors: Mapping[str, KnownActor], places: Mapping[str, str]) -> Iterator[str]:
    for actor in actors.values():
        above, seen = actor.belongs_to, [actor.id]
        while above is not None and above in actors and above not in seen:
            seen.append(above)
            above = actors[above].belongs_to
        if above in seen:
            yield f"{places[actor.id]}.belongs_to: {' -> '.join([*seen, above])} is a circle; take one link out"
        elif above is not None and len(seen) == 1:
            near = did_you_mean(above, actors)
            yield f"{places[actor.id]}.belongs_to: no actor {above!r}{near}; add it, or correct the id"


def _name_errors(index: NameIndex, places: Mapping[str, str]) -> Iterator[str]:
    told = set()
    for first, second in index.rivals():
        pair = (first.actor, second.actor, fold_name(first.name))
        if pair not in told:
            told.add(pair)
            yield (
                f"{places[second.actor]}: the name {second.name!r} of {second.actor!r} is claimed by {first.actor!r} "
                f"({places[first.actor]}) too; take it from one of them"
                + (", or bound the times with 'from' and 'to'" if second.person and first.person else "")
            )
