"""Parts of a query as they come over HTTP, files among them, and what they are to the search."""

from collections.abc import Mapping, Sequence
from typing import Any

from numpy import float32
from numpy.typing import NDArray
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

from catalog.exceptions import MediaTooLarge, UnsupportedMedia
from catalog.models import Item, Media
from catalog.parsers import parse_json
from catalog.uploads import check_upload
from retrieval import queries, spaces
from retrieval.exceptions import DecodeFailed, EncoderFailed, InvalidQuery
from retrieval.scoring import Part
from retrieval.search import item_part
from retrieval.types import Modality


def multipart(request: Request) -> tuple[Any, dict[str, Any]]:
    """The body's JSON and the files by their fields. Raises ValidationError naming what else came."""
    if "body" not in request.data or not isinstance(request.data["body"], str):
        raise ValidationError({"body": ["Put the query's JSON into the text field `body`."]})
    if unknown := sorted(set(request.POST) - {"body"}):
        message = (
            "Unknown field; put the query's JSON into `body`, and files that it names beside it."
        )
        raise ValidationError({name: [message] for name in unknown})
    return parse_json(request.data["body"].encode(errors="surrogatepass")), request.FILES.dict()


def check_files(query: list[dict[str, Any]], files: Mapping[str, Any]) -> None:
    """Every file named must have come, and every file that came must be named."""
    problems = {
        f"query[{position}].{modality}": f"No file came in the field {part[modality]!r}."
        for position, part in enumerate(query)
        for modality in ("image", "audio")
        if modality in part and part[modality] not in files
    }
    named = {part.get("image") or part.get("audio") for part in query}
    problems |= {
        name: "No part of the query names this file." for name in files if name not in named
    }
    if problems:
        raise InvalidQuery(problems)


def part_of(
    space: spaces.Space, part: dict[str, Any], files: Mapping[str, Any], path: str, started: float
) -> Part:
    """A validated part of the body as the search takes it; ``path`` is its place.

    Raises InvalidQuery for an item that is not there, NotEmbedded, and what ``upload_vector`` does.
    """
    weight = part["weight"]
    if "text" in part:
        return text_part(space, part["text"], weight)
    if "item" in part:
        name = part["item"]
        items = visible([(path, name, weight)])
        return item_part(space, items[name], weight, f"The item {name!r}")
    modality: Modality = "image" if "image" in part else "audio"
    vector = upload_vector(space, modality, files[part[modality]], f"{path}.{modality}", started)
    return Part(vector, modality, weight)


def text_part(space: spaces.Space, text: str, weight: float = 1.0) -> Part:
    """Words as a part."""
    return Part(queries.text_vector(space, text), "text", weight, words=text)


def upload_vector(
    space: spaces.Space, modality: Modality, file: Any, path: str, started: float
) -> NDArray[float32]:
    """Of an uploaded picture or sound; ``path`` is its place in the body, ``started`` as in ``search_answer``.

    Raises what ``check_upload`` and ``queries.media_vector`` do; what is wrong with the file names the
    place.
    """
    try:
        check_upload(
            file, claimed_type=file.content_type, name=file.name, modality=Media.Modality(modality)
        )
        file.seek(0)
        return queries.media_vector(space, modality, file.read(), started=started)
    except (UnsupportedMedia, MediaTooLarge, DecodeFailed, EncoderFailed) as err:
        err.errors = {path: [str(err)]}
        raise


def visible(examples: Sequence[tuple[str, str, float]]) -> dict[str, int]:
    """Ids of the items by name. Raises InvalidQuery naming every one that is not there."""
    names = [name for _, name, _ in examples]
    found = dict(
        Item.objects.visible().filter(external_id__in=names).values_list("external_id", "pk")
    )
    missing = {
        f"{path}.item": f"There is no item {name!r}."
        for path, name, _ in examples
        if name not in found
    }
    if missing:
        raise InvalidQuery(missing)
    return found
