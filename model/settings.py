"""What `config.json` of a tagger folder holds."""

from dataclasses import asdict, dataclass, field
from typing import Any

from .decode import Decoding
from .errors import TaggerError
from .labels import LabelSet
from .text import NORMALISATIONS

FORMAT = 5


@dataclass(frozen=True)
class TaggerSettings:
    """What `config.json` of a tagger folder holds.

    `encoder_config` is None where the folder holds an adapter for the encoder of that name; otherwise the folder
    holds the encoder whole, and this is its form. `adapter_scale` multiplies the adapter's product.
    `bag_share` is the bag of words' part in a topic's logit; 0 where there is none.
    """

    name: str
    version: str
    encoder: str
    labels: LabelSet
    decoding: Decoding
    head_width: int
    head_sets: int
    normalisation: str = "news"
    max_length: int = 512
    bag_share: float = 0.0
    adapter_scale: float = 1.0
    encoder_config: dict[str, Any] | None = None
    format: int = field(default=FORMAT)

    @property
    def id(self) -> str:
        """Name and version, as every tagged paragraph carries them."""
        return f"{self.name} {self.version}"

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "labels": self.labels.to_json(), "decoding": self.decoding.to_json()}

    @classmethod
    def from_json(cls, content: dict[str, Any], where: str) -> "TaggerSettings":
        if content.get("format") != FORMAT:
            raise TaggerError(
                f"{where}: tagger format {content.get('format')!r}; this version of fiqra reads format {FORMAT}"
            )
        try:
            labels = LabelSet.from_json(content["labels"], where)
            settings = cls(**{**content, "labels": labels, "decoding": Decoding.from_json(content["decoding"])})
        except (KeyError, TypeError) as error:
            raise TaggerError(f"{where}: not a tagger's config: {error}") from error
        if settings.normalisation not in NORMALISATIONS:
            known = ", ".join(NORMALISATIONS)
            raise TaggerError(f"{where}: unknown normalisation {settings.normalisation!r}; expected one of {known}")
        if not isinstance(settings.bag_share, float | int) or not 0 <= settings.bag_share < 1:
            raise TaggerError(f"{where}: bag_share is {settings.bag_share!r}; expected a number from 0 to below 1")
        return settings
