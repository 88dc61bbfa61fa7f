"""Pages of recommendations as JSON: items and reasons in the languages that the client wants."""

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from rest_framework.request import Request

from catalog.serializers import languages_wanted
from catalog.summaries import item_summaries
from recommender import explain, limits, rankers, ranking, rows
from recommender.api.waking import explanations_wake
from recommender.explain import Reason
from recommender.listing import Entry, Page
from recommender.llm import explanations


class Texts:
    """Items and reasons of some pages in the languages that the client wants; one statement, and one
    more to explain what a learned ranker says.
    """

    def __init__(
        self,
        request: Request,
        given: Mapping[str, Any],
        pages: Sequence[Page],
        besides: Iterable[int | None] = (),
    ) -> None:
        self.languages = (given["lang"],) if "lang" in given else languages_wanted(request)
        self.explain = given["explain"]
        host = request.build_absolute_uri("/")[:-1]
        entries = [entry for page in pages for entry in page.entries]
        learned = {entry.ranker_id for entry in entries} if self.explain else ()
        self.rankers = limits.attempt("ranker", partial(rankers.rankers_of, learned)) or {}
        behind = {reason.item_id for entry in entries for reason in entry.reasons}
        wanted = {entry.item_id for entry in entries} | behind | set(besides)
        self.shown = limits.insisted(
            partial(
                item_summaries,
                sorted(item_id for item_id in wanted if item_id is not None),
                self.languages,
                lambda url: host + url if url.startswith("/") else url,
            )
        )
        self.sentences = self._sentences(entries)

    def _sentences(self, entries: Sequence[Entry]) -> dict[explanations.Asked, str]:
        """What a language model wrote of the first reasons; a worker is asked for what is missing."""
        asked = [self._asked(entry.item_id, entry.reasons[0]) for entry in entries if entry.reasons]
        if missing := explanations.missing(asked, self.shown):
            explanations_wake(missing)
        return explanations.known(asked, self.shown)

    def _asked(self, item_id: int, reason: Reason) -> explanations.Asked:
        language = explain.spoken(self.languages)
        return explanations.Asked(item_id, reason.code, reason.item_id, language)

    def items(self, page: Page) -> list[dict[str, Any]]:
        """Without those deleted since."""
        return [self._item(entry) for entry in page.entries if entry.item_id in self.shown]

    def _item(self, entry: Entry) -> dict[str, Any]:
        answer = {
            "item": self.shown[entry.item_id],
            "score": round(entry.score, 6),
            "reasons": [self._reason(reason, entry.item_id) for reason in entry.reasons],
            "sources": list(entry.sources),
        }
        if self.explain:
            answer["features"] = dict(
                zip(ranking.FEATURES, (round(each, 6) for each in entry.features), strict=True)
            )
            if by := self.rankers.get(entry.ranker_id):
                answer["ranker"] = by.name
                answer["contributions"] = {
                    name: round(value, 6)
                    for name, value in by.ranker.contributions(entry.features).items()
                }
            likely = entry.propensity
            answer["propensity"] = None if likely is None else round(likely, 6)
        return answer

    def _reason(self, reason: Reason, item_id: int) -> dict[str, Any]:
        behind = self.shown.get(reason.item_id or 0)
        title = behind["title"] if behind else None
        written = self.sentences.get(self._asked(item_id, reason))
        answer: dict[str, Any] = {
            "code": reason.code,
            "text": written or explain.sentence(reason.code, title, self.languages),
            "share": round(reason.share, 4),
        }
        if written:
            answer["source"] = "llm"
        if behind:
            answer["item"] = behind["external_id"]
        if reason.rule_id is not None:
            answer["rule"] = reason.rule_id
        if reason.modalities:
            answer["modalities"] = {k: round(v, 4) for k, v in reason.modalities.items()}
        return answer

    def row(self, row: rows.Row) -> dict[str, Any]:
        """Its title and items."""
        behind = self.shown.get(row.item_id or 0)
        name = behind["title"] if behind else _category_name(row.category)
        answer = {
            "code": row.code,
            "text": explain.row_title(row.code, name, self.languages),
            "items": self.items(row.page),
            "next_cursor": row.page.next_cursor,
        }
        if behind:
            answer["item"] = behind["external_id"]
        if row.category:
            answer["category"] = row.category
        return answer


def _category_name(path: str) -> str:
    """ "animals/sea-birds" is called Sea birds."""
    name = re.sub("[-_]+", " ", path.rpartition("/")[2])
    return name[:1].upper() + name[1:]
