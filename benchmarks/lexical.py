"""Search by words: what it finds in the demo catalog, and what it costs beside bare SQL.

    python -m benchmarks.lexical [--items 100000] [--only quality|speed] [--mode lexical|hybrid|dense]

Quality: every item's title (and each of its tags) asks for the item, as it is and with one typing
error in its longest word; right is every item with that title (tag) in that language. Reads the demo
catalog of VAR, and brings its index up to date.

Speed: generated items in a database of their own beside it, dropped at the end. The bare side is the
usual recipe, through psycopg: one tsvector of Postgres' own making with a GIN index, ts_rank_cd, the
title's prefix through a btree; the same filter on visible items. Both sides take turns.
"""

import argparse
import os
import random
import string
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import accumulate
from statistics import median, quantiles
from typing import Any

LIMIT = 10
MIN_TYPO = 4
QUERIES = 200
VOCABULARY = 30_000
SHARED_TITLE_WORDS = (2, 6)
DESCRIPTION_WORDS = 25
ZIPF = 1.0


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--items", type=int, default=100_000, help="generated for the speed")
    parser.add_argument("--sample", type=int, default=400, help="titles that ask, a language")
    parser.add_argument("--languages", nargs="+", default=["en", "de", "fr", "zh", "ja"])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=["quality", "speed"])
    parser.add_argument(
        "--mode", choices=["lexical", "hybrid", "dense"], default="lexical", help="of the quality"
    )
    arguments = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    import django

    django.setup()
    if arguments.only != "speed":
        quality(arguments.languages, arguments.sample, arguments.seed, arguments.mode)
    if arguments.only != "quality":
        speed(arguments.items, arguments.seed)


def quality(languages: Sequence[str], sample: int, seed: int, mode: str) -> None:
    """Known items: R@1, R@10, MRR of titles and tags, as they are and mistyped."""
    from catalog.models import Item
    from retrieval import lexical

    lexical.index_due(list(Item.objects.values_list("pk", flat=True)))
    say("| asked with | language | queries | R@1 | R@10 | MRR |\n|---|---|---|---|---|---|")
    for language in languages:
        for name, relevant in known_items(language).items():
            drawn = random.Random(seed)  # noqa: S311 - a sample
            texts = drawn.sample(sorted(relevant), min(sample, len(relevant)))
            kinds = {name: [(text, text) for text in texts]}
            broken = [(text, typo(text, drawn)) for text in texts]
            kinds[f"{name}, one error"] = [(text, wrong) for text, wrong in broken if wrong]
            for kind, asked in kinds.items():
                if len(asked) < sample // 4:
                    continue
                ranks = [rank(wrong, relevant[text], mode) for text, wrong in asked]
                cells = (
                    sum(place == 1 for place in ranks) / len(ranks),
                    sum(place <= LIMIT for place in ranks) / len(ranks),
                    sum(1 / place for place in ranks) / len(ranks),
                )
                figures = " | ".join(f"{cell:.3f}".lstrip("0") for cell in cells)
                say(f"| {kind} | {language} | {len(ranks)} | {figures} |")


def known_items(language: str) -> dict[str, dict[str, set[int]]]:
    """Titles and tags in a language, each with the visible items that have it."""
    from catalog.models import Item, ItemText

    found: dict[str, dict[str, set[int]]] = {"title": defaultdict(set), "tag": defaultdict(set)}
    own = Item.objects.visible().filter(language=language).values_list("pk", "title", "tags")
    others = ItemText.objects.filter(language=language, item__in=Item.objects.visible())
    for item_id, title, tags in (*own, *others.values_list("item_id", "title", "tags")):
        found["title"][title].add(item_id)
        for tag in tags:
            found["tag"][tag].add(item_id)
    return found


def rank(text: str, relevant: set[int], mode: str) -> float:
    """Of the first relevant item."""
    from catalog.models import Item
    from retrieval import lexical, queries, search, spaces

    if mode == "lexical":
        found = [hit.item_id for hit in lexical.matches(text, 100, items=Item.objects.visible())]
    else:
        space = spaces.active_space()
        part = search.Part(queries.text_vector(space, text), "text", words=text)
        ranked = search.ranking(space, search.Query((part,), mode), search.CANDIDATES)
        found = [hit.item_id for hit in ranked.hits[:100]]
    places = [place for place, item_id in enumerate(found, 1) if item_id in relevant]
    return places[0] if places else float("inf")


def typo(text: str, drawn: random.Random) -> str:
    """The text with one letter of its longest word added, dropped, replaced or swapped; "" if it has
    no word of MIN_TYPO letters of an alphabet.
    """
    words = [word for word in text.split() if word.isalpha() and word.lower() < "\u0590"]
    word = max(words, key=len, default="")
    if len(word) < MIN_TYPO:
        return ""
    at = drawn.randrange(1, len(word) - 1)
    letter = drawn.choice(string.ascii_lowercase)
    wrong = drawn.choice(
        [
            word[:at] + letter + word[at:],
            word[:at] + word[at + 1 :],
            word[:at] + letter + word[at + 1 :],
            word[:at] + word[at + 1] + word[at] + word[at + 2 :],
        ]
    )
    return text.replace(word, wrong, 1) if wrong != word else ""


def speed(count: int, seed: int) -> None:
    """Indexing, searches and suggestions on generated items."""
    from django.db import connection

    from catalog.models import Item
    from retrieval import lexical

    with database_apart():
        world = World(seed)
        say(f"\n{count:,} items …")
        world.fill(count)
        ids = list(Item.objects.order_by("pk").values_list("pk", flat=True))
        began, busy = time.perf_counter(), time.process_time()
        lexical.index_items(ids)
        took, busy = time.perf_counter() - began, time.process_time() - busy
        say(
            f"indexed in {took:.1f} s: {count / took:,.0f} items/s by one process, which itself was"
            f" busy for {busy:.1f} s"
        )
        began = time.perf_counter()
        assert lexical.due(limit=1) == []  # noqa: S101 - what is timed
        say(f"full pass for what is due: {time.perf_counter() - began:.2f} s")
        bare = Bare(connection)
        say(f"bare table and index made in {bare.took:.1f} s")
        for table in ("lexicaldocument", "lexicalentry"):
            connection.cursor().execute(f"VACUUM ANALYZE retrieval_{table}")
        visible = Item.objects.visible
        say("| p50 (p95) in ms | Triad | bare SQL | ratio of p50 |\n|---|---|---|---|")
        for name, texts in world.queries().items():
            compared(
                name,
                texts,
                lambda text: len(lexical.matches(text, LIMIT, items=visible())),
                bare.search,
            )
        for name, texts in world.prefixes().items():
            compared(name, texts, lambda text: len(lexical.suggest(text, LIMIT)), bare.prefix)
        bare.connection.close()


def compared(
    name: str, texts: Sequence[str], ours: Callable[[str], int], bare: Callable[[str], int]
) -> None:
    """One row: the two sides take turns, after a first round that counts for nothing."""
    took: tuple[list[float], list[float]] = ([], [])
    for text in texts[:10]:
        ours(text), bare(text)
    found = 0
    for text in texts:
        for times, ask in zip(took, (ours, bare), strict=True):
            began = time.perf_counter()
            count = ask(text)
            times.append((time.perf_counter() - began) * 1_000)
            found += bool(count) and ask is ours
    cells = [f"{median(times):.2f} ({quantiles(times, n=20)[-1]:.2f})" for times in took]
    ratio = median(took[0]) / median(took[1])
    say(f"| {name}, {found / len(texts):.0%} answered | {' | '.join(cells)} | {ratio:.2f} |")


class World:
    """Items of made-up words, as frequent as words are."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)  # noqa: S311 - a generated world
        syllables = [
            c + v for c in "bcdfghklmnprstvz" for v in ("a", "e", "i", "o", "u", "an", "er")
        ]
        words: dict[str, None] = {}
        while len(words) < VOCABULARY:
            words["".join(self.random.choices(syllables, k=self.random.randint(2, 4)))] = None
        self.words = list(words)
        self.weights = list(accumulate(1 / (rank + 10) ** ZIPF for rank in range(VOCABULARY)))
        self.titles: list[str] = []

    def some(self, count: int) -> list[str]:
        """Words drawn by their frequency."""
        return self.random.choices(self.words, cum_weights=self.weights, k=count)

    def fill(self, count: int, batch: int = 5_000) -> None:
        """Write the items."""
        from catalog.models import Item

        for start in range(0, count, batch):
            rows = []
            for number in range(start, min(start + batch, count)):
                title = " ".join(self.some(self.random.randint(*SHARED_TITLE_WORDS)))
                rows.append(
                    Item(
                        external_id=f"sku-{number}",
                        title=title.capitalize(),
                        description=" ".join(self.some(DESCRIPTION_WORDS)),
                        tags=list(dict.fromkeys(self.some(3))),
                        published=number % 20 > 0,
                    )
                )
                self.titles.append(title)
            Item.objects.bulk_create(rows)

    def queries(self) -> dict[str, list[str]]:
        """By kind."""
        rare = self.words[VOCABULARY // 10 :]
        titles = [title.split() for title in self.random.sample(self.titles, QUERIES)]
        return {
            "a rare word": self.random.sample(rare, QUERIES),
            "a frequent word": self.words[20 : 20 + QUERIES],
            "two words of a title": [" ".join(title[:2]) for title in titles],
            "a whole title": [" ".join(title) for title in titles],
            "a title, one error": [typo(" ".join(title), self.random) for title in titles],
            "an identifier": [f"SKU-{n}" for n in range(QUERIES)],
        }

    def prefixes(self) -> dict[str, list[str]]:
        """By length."""
        titles = self.random.sample(self.titles, QUERIES)
        found = {f"prefix of {n}": [title[:n] for title in titles] for n in (1, 2, 3, 5, 8)}
        found["beginning of a later word"] = [title.split()[-1][:5] for title in titles]
        found["prefix with an error"] = [
            typo(title.split()[0] + "x", self.random) for title in titles
        ]
        return found


class Bare:
    """The usual recipe, on a connection of its own."""

    def __init__(self, connection: Any) -> None:
        import psycopg

        parameters = connection.get_connection_params()
        kept = {k: v for k, v in parameters.items() if k in ("dbname", "user", "host", "port")}
        self.connection = psycopg.connect(**kept, autocommit=True)
        began = time.perf_counter()
        made = (
            "CREATE TABLE bare AS SELECT id, title, lower(title) AS low,"
            " setweight(to_tsvector('english', title), 'A')"
            " || setweight(to_tsvector('english', array_to_string(tags, ' ')), 'B')"
            " || setweight(to_tsvector('english', description), 'D') AS words FROM catalog_item"
        )
        for statement in (
            made,
            "CREATE INDEX ON bare USING gin (words)",
            "CREATE INDEX ON bare (low text_pattern_ops)",
            "CREATE INDEX ON bare (id)",
            "VACUUM ANALYZE bare",
        ):
            self.connection.execute(statement)
        self.took = time.perf_counter() - began

    def search(self, text: str) -> int:
        """Rows of a search."""
        return len(
            self.connection.execute(
                "SELECT b.id, ts_rank_cd(b.words, q, 1) AS score"
                " FROM bare b, websearch_to_tsquery('english', %s) q"
                " WHERE b.words @@ q AND b.id IN (SELECT id FROM catalog_item WHERE published"
                " AND (expires_at IS NULL OR expires_at > now()))"
                " ORDER BY score DESC, b.id LIMIT %s",
                [text, LIMIT],
            ).fetchall()
        )

    def prefix(self, text: str) -> int:
        """Rows of a completion."""
        return len(
            self.connection.execute(
                "SELECT DISTINCT b.title, length(b.title) FROM bare b JOIN catalog_item i"
                " ON i.id = b.id WHERE b.low LIKE %s AND i.published"
                " AND (i.expires_at IS NULL OR i.expires_at > now())"
                " ORDER BY length(b.title), b.title LIMIT %s",
                [f"{text.lower()}%", LIMIT],
            ).fetchall()
        )


@contextmanager
def database_apart() -> Iterator[None]:
    """A database of this run's own on the same server."""
    from django.db import connection

    name = connection.settings_dict["NAME"]
    connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    try:
        yield
    finally:
        connection.creation.destroy_test_db(name, verbosity=0)


def say(text: str) -> None:
    """Print at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
