"""Near duplicates: three classes, decisions that stand, merges that lose nothing."""

import io

import numpy as np
import pytest
from PIL import Image, ImageOps

from catalog.exceptions import InvalidItem
from catalog.merging import item_merge, merging
from catalog.models import Item, Media
from catalog.services import item_update, items_touch
from recommender.events import events_record
from recommender.models import Change, Event, Impression, Rule
from recommender.models.profiles import PendingEvent
from recommender.rules import rule_save
from retrieval import duplicates, services, spaces
from retrieval.duplicates import grading, hashing, prints
from retrieval.duplicates.grading import Signals, grade
from retrieval.exceptions import ReviewConflict
from retrieval.fusion import unit
from retrieval.models import ContentPrint, DuplicatePair
from retrieval.types import Waveform
from tests.recommender.worlds import NOW, read, sent
from tests.retrieval.conftest import make_item, png, wav
from tests.retrieval.test_audit import waveform

pytestmark = pytest.mark.django_db

State = DuplicatePair.State
RATE = 22_050


def scene(seed: int, side: int = 96) -> Image.Image:
    """A picture of coloured blobs, each seed another one."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:side, 0:side] / side
    pixels = np.full((side, side, 3), 255.0)
    for _ in range(6):
        at, size = rng.random(2), rng.uniform(0.08, 0.3)
        inside = (x - at[0]) ** 2 + (y - at[1]) ** 2 < size**2
        pixels[inside] = rng.integers(0, 256, 3)
    return Image.fromarray(pixels.astype(np.uint8))


def file(image: Image.Image, kind: str = "PNG", **options) -> io.BytesIO:
    out = io.BytesIO()
    image.save(out, kind, **options)
    out.seek(0)
    return out


def song(seed: int, gain: float = 0.5, noise: float = 0.0) -> np.ndarray:
    """Eight tones one after the other."""
    rng = np.random.default_rng(seed)
    time = np.arange(RATE // 4) / RATE
    tones = [np.sin(2 * np.pi * hertz * time) for hertz in rng.uniform(150, 6_000, 8)]
    return gain * np.concatenate(tones) + noise * rng.standard_normal(8 * len(time))


def found() -> dict[tuple[str, str], str]:
    rows = DuplicatePair.objects.select_related("left", "right")
    return {(row.left.external_id, row.right.external_id): row.grade for row in rows}


def pair_of(left: Item, right: Item) -> DuplicatePair:
    return DuplicatePair.objects.create(
        left=left, right=right, grade="near", score=1, content="", group=left.pk
    )


def find() -> dict[str, int]:
    return duplicates.find_duplicates()[0]


class TestHashing:
    def test_few_rows_are_compared_with_each_other(self):
        rows = unit(np.random.default_rng(0).standard_normal((300, 8)).astype(np.float32))
        expected = {
            (i, j) for i in range(300) for j in range(i + 1, 300) if float(rows[i] @ rows[j]) >= 0.9
        }
        near = hashing.near_pairs(rows, 0.9)
        assert near.keys() == expected
        assert len(expected) > 10
        assert near[min(near)] == pytest.approx(float(rows[min(near)[0]] @ rows[min(near)[1]]))

    def test_many_rows_miss_next_to_nothing_and_look_at_few(self, monkeypatch):
        rng = np.random.default_rng(1)
        cone = np.zeros(64)
        cone[0] = 2.0  # encoders' rows share a direction
        rows = rng.standard_normal((9_000, 64)) / 8 + cone
        copies = rows[:500] + 0.25 * rng.standard_normal((500, 64)) / 8
        rows = unit(np.concatenate([rows, copies]).astype(np.float32))
        planted = {(n, 9_000 + n) for n in range(500)}
        looked = []
        compare = hashing._compare
        monkeypatch.setattr(
            hashing, "_compare", lambda r, b, *rest: (looked.append(len(b)), compare(r, b, *rest))
        )
        near = hashing.near_pairs(rows, 0.98)
        wanted = {(a, b) for a, b in planted if float(rows[a] @ rows[b]) >= 0.98}
        assert len(wanted) > 400
        assert len(wanted - near.keys()) <= len(wanted) * 0.01
        assert sum(n * n for n in looked) < 0.6 * len(rows) ** 2

    def test_one_heap_of_equal_rows_is_not_compared_whole(self):
        rows = np.tile(unit(np.ones((1, 8), np.float32)), (5_000, 1))
        buckets = list(hashing._buckets(rows, 0))
        assert max(map(len, buckets)) == hashing.LARGEST


class TestPrints:
    def alike(self, a: Image.Image, b: Image.Image) -> tuple[float, bool]:
        left, right = (prints.picture_print([np.asarray(each)]) for each in (a, b))
        return prints.pictures_alike(left, right)

    def test_a_copy_correlates_and_another_picture_does_not(self):
        picture = scene(1)
        copies = {
            "small": picture.resize((40, 40)),
            "jpeg": Image.open(file(picture, "JPEG", quality=30)),
            "dark": picture.point(lambda value: value * 0.8),
            "cut by a twentieth": picture.crop((5, 5, 91, 91)),
            "cut by a tenth": picture.crop((10, 10, 86, 86)),
            "framed": ImageOps.expand(picture, 12, "white"),
        }
        found = {name: self.alike(picture, copy) for name, copy in copies.items()}
        assert {name for name, (share, _) in found.items() if share < grading.PICTURE} == set()
        assert not any(mirrored for _, mirrored in found.values())
        assert self.alike(picture, scene(2))[0] < 0.8

    def test_either_may_be_the_one_that_was_cut(self):
        picture, cut = scene(1), scene(1).crop((10, 10, 86, 86))
        assert self.alike(cut, picture)[0] == pytest.approx(self.alike(picture, cut)[0], abs=1e-6)

    def test_in_a_mirror(self):
        picture = scene(3)
        share, mirrored = self.alike(picture, ImageOps.mirror(picture))
        assert (share > 0.99, mirrored) == (True, True)

    def test_films_are_compared_frame_by_frame(self):
        frames = [np.asarray(scene(seed)) for seed in range(3)]
        film = prints.picture_print(frames)
        assert len(film) == 3 * prints.VIEWS * prints.VIEW
        assert prints.pictures_alike(film, film)[0] == pytest.approx(1)
        assert prints.pictures_alike(film, prints.picture_print(frames[::-1]))[0] < 0.8
        assert prints.pictures_alike(film, prints.picture_print(frames[:1])) == (-1.0, False)

    def test_blank_pictures_have_no_print(self):
        assert prints.picture_print([np.full((30, 30, 3), 200, np.uint8)]) == b""

    def test_sounds(self):
        def correlation(a: np.ndarray, b: np.ndarray) -> float:
            left, right = (
                prints.sound_vector(prints.sound_print(Waveform(each.astype(np.float32), RATE)))
                for each in (a, b)
            )
            return float(left @ right)

        assert correlation(song(1), song(1, gain=0.1)) > 0.99
        assert correlation(song(1), song(1, noise=0.001)) > grading.SOUND
        assert correlation(song(1), song(2)) < 0.8
        assert prints.sound_print(Waveform(np.zeros(RATE, np.float32), RATE)) == b""
        assert prints.sound_print(Waveform(np.ones(10, np.float32), RATE)) == b""
        assert len(prints.sound_print(Waveform(np.ones(RATE // 4, np.float32), RATE))) == 768

    def test_each_file_is_decoded_once(self, db, monkeypatch):
        make_item("a", "a", media=[file(scene(1))])
        find()
        assert ContentPrint.objects.count() == 1
        monkeypatch.setattr(prints, "_made", lambda piece: pytest.fail("decoded again"))
        find()


class TestGrading:
    @pytest.mark.parametrize(
        ("signals", "expected"),
        [
            (Signals(same_files=True, files=1.0), ("exact", 1.0)),
            (Signals(bare=True, same_words=True, words=1.0), ("exact", 1.0)),
            (Signals(same_words=True, words=1.0), ("near", 1.0)),
            (Signals(picture=0.99, words=0.0), ("near", 0.99)),
            (Signals(look=0.97, picture=0.91), ("near", 0.97)),
            (Signals(look=0.97, picture=0.5), None),
            (Signals(sound=0.99), ("near", 0.99)),
            (Signals(files=0.5), ("near", 0.5)),
            (Signals(files=0.2, picture=0.1), None),
            (Signals(words=0.95), ("near", 0.95)),
            (Signals(words=0.95, picture=0.2, look=0.3), ("similar", 0.95)),
            (Signals(space=0.9, close=True), ("similar", 0.9)),
            # one recording of several things
            (Signals(sound=1.0, picture=0.1, words=0.4), ("similar", 0.5)),
            (Signals(sound=1.0, picture=0.1, words=0.4, space=0.8), ("similar", 0.5)),
            (Signals(sound=1.0, picture=0.1, words=0.8), ("near", 1.0)),
            (Signals(sound=1.0, picture=0.9, words=0.1), ("near", 1.0)),
            (Signals(sound=1.0, words=0.1), ("near", 1.0)),
            (Signals(files=0.5, sound=1.0, picture=0.1, words=0.1), ("near", 0.5)),
            (Signals(space=0.9), None),
            (Signals(), None),
        ],
    )
    def test_the_strongest_class_wins(self, signals, expected):
        assert grade(signals) == expected

    def test_what_makes_them_copies_is_named(self):
        signals = Signals(picture=0.97, look=0.99, sound=0.2, words=0.9)
        assert grading.matching(signals) == ["picture", "look"]

    def test_people_see_what_is_there(self):
        signals = Signals(picture=0.98765, mirrored=True, files=0.5, space=None)
        assert signals.as_json() == {"picture": 0.9877, "files": 0.5, "mirrored": True}


class TestFinding:
    def test_three_classes(self, space):
        original = scene(1)
        items = [
            make_item("photo", "a boat at sea", media=[file(original)]),
            make_item("same", "something else", media=[file(original)]),
            make_item("flipped", "another title", media=[file(ImageOps.mirror(original))]),
            make_item("small", "third title", media=[file(original.resize((50, 50)), "JPEG")]),
            make_item("other", "a boat on land", media=[file(scene(2))]),
            make_item("words", "a long tale of two cities by the sea"),
            make_item("again", "A long tale  of two cities by the sea!"),
            make_item("nearly", "a long tale of two citys by the sea"),
            make_item("sound", "x", media=[waveform(song(1))]),
            make_item("louder", "y", media=[waveform(song(1, gain=0.9))]),
            make_item("tune", "z", media=[waveform(song(2))]),
        ]
        services.embed_items(space.id, [item.pk for item in items])
        counts = find()
        grades = found()
        assert grades["photo", "same"] == "exact"
        assert grades["photo", "flipped"] == "near"
        assert grades["photo", "small"] == "near"
        assert grades["words", "again"] == "exact"
        assert grades["words", "nearly"] == "near"
        assert grades["sound", "louder"] == "near"
        assert not {pair for pair in grades if "tune" in pair and grades[pair] != "similar"}
        assert counts["new"] == len(grades)
        flipped = DuplicatePair.objects.get(right__external_id="flipped", left__external_id="photo")
        assert flipped.signals["mirrored"] is True
        assert flipped.signals["picture"] > grading.PICTURE
        assert flipped.group == items[0].pk

    def test_the_same_words_of_different_pictures_are_merely_similar(self, db):
        make_item("red", "cotton shirt with long sleeves", media=[file(scene(5))])
        make_item("blue", "cotton shirt with long sleeves", media=[file(scene(6))])
        find()
        assert found() == {("red", "blue"): "similar"}

    def test_one_recording_of_two_animals_makes_them_no_copies(self, db):
        make_item("badger", "A badger", media=[file(scene(5)), waveform(song(1))])
        make_item("beaver", "A beaver", media=[file(scene(6)), waveform(song(1))])
        find()
        pair = DuplicatePair.objects.get()
        assert pair.grade == "similar"
        assert pair.signals["sound"] == 1.0
        alike = (1.0 + pair.signals["picture"] + pair.signals["words"]) / 3
        assert pair.score == pytest.approx(alike, abs=1e-4)
        assert pair.score < 0.7

    def test_an_empty_catalog_and_one_without_a_space(self, db):
        assert find() == {
            "exact": 0,
            "near": 0,
            "similar": 0,
            "new": 0,
            "reopened": 0,
            "not found any more": 0,
        }
        make_item("a", "one"), make_item("b", "one")
        assert find()["exact"] == 1

    def test_a_placeholder_on_many_items_makes_no_pairs_of_all_with_all(self, db):
        for n in range(15):
            make_item(f"i{n}", f"item number {n} {n * 7}", media=[png((1, 2, 3)), file(scene(n))])
        assert find()["exact"] == find()["near"] == 0

    def test_many_of_one_thing_hang_on_the_oldest(self, db):
        for n in range(15):
            make_item(f"i{n}", f"title {n}", media=[file(scene(1))])
        find()
        assert found() == {("i0", f"i{n}"): "exact" for n in range(1, 15)}
        assert set(DuplicatePair.objects.values_list("group", flat=True)) == {
            Item.objects.get(external_id="i0").pk
        }

    def test_broken_and_missing_files(self, db):
        broken = make_item("broken", "one", media=[file(scene(1))])
        media = broken.media.get()
        media.file.storage.delete(media.file.name)
        make_item("bare", "two")
        assert sum(find()[grade] for grade in ("exact", "near", "similar")) == 0

    def test_hidden_items_are_left_out(self, db):
        make_item("a", "one", published=False), make_item("b", "one")
        assert find()["exact"] == 0

    def test_a_rehearsal_stores_no_pairs(self, db):
        make_item("a", "one"), make_item("b", "one")
        counts, pairs = duplicates.find_duplicates(rehearsal=True)
        assert (counts["exact"], len(pairs)) == (1, 1)
        assert not DuplicatePair.objects.exists()

    def test_what_is_not_found_any_more_goes_unless_decided(self, db):
        _, b = make_item("a", "one two three"), make_item("b", "one two three")
        make_item("c", "four"), make_item("d", "four")
        find()
        first, _ = DuplicatePair.objects.order_by("left_id")
        duplicates.pair_keep(first.pk, by="mo")
        item_update(b, title="something entirely different")
        item_update(Item.objects.get(external_id="d"), title="nothing alike")
        assert find()["not found any more"] == 1
        assert list(DuplicatePair.objects.values_list("state", flat=True)) == [State.KEPT]

    def test_progress_is_told(self, space):
        items = [make_item("a", "one"), make_item("b", "two")]
        services.embed_items(space.id, [item.pk for item in items])
        told: list = []
        duplicates.find_duplicates(progress=lambda *each: told.append(each[0]))
        assert list(dict.fromkeys(told)) == [
            *("reading items", "equal files and words", "alike pictures"),
            *("alike sounds", "alike words", "neighbours in the space"),
        ]


class TestDecisions:
    @pytest.fixture
    def pair(self, db) -> DuplicatePair:
        make_item("a", "one two three four five")
        make_item("b", "one two three four five")
        find()
        return DuplicatePair.objects.get()

    def test_keeping_both_sticks_across_runs_touches_and_spaces(self, pair, space):
        duplicates.pair_keep(pair.pk, by="mo", note="two shops")
        items_touch([pair.left_id])
        services.embed_items(space.id, [pair.left_id, pair.right_id])
        new = spaces.space_create_untrained("second", profile="fake", fusion="concat")
        services.embed_items(new.pk, [pair.left_id, pair.right_id])
        spaces.spaces_ready()
        spaces.space_activate(new.pk, expected=spaces.active_id())
        assert find()["new"] == 0
        pair.refresh_from_db()
        assert (pair.state, pair.decided_by, pair.note) == (State.KEPT, "mo", "two shops")

    def test_another_content_of_the_same_class_is_not_asked_again(self, pair):
        duplicates.pair_keep(pair.pk, by="mo")
        for item in (pair.left, pair.right):
            item_update(item, title="four five six")
        assert find()["reopened"] == 0
        pair.refresh_from_db()
        assert pair.state == State.KEPT

    def test_another_class_is_asked_again(self, pair):
        duplicates.pair_keep(pair.pk, by="mo", note="two shops")
        item_update(pair.right, title="one two three four fives")
        assert find()["reopened"] == 1
        pair.refresh_from_db()
        assert (pair.state, pair.grade, pair.note) == (State.OPEN, "near", "two shops")

    def test_hiding_one(self, pair):
        done = duplicates.pair_hide(pair.pk, pair.left_id, by="mo")
        assert (done.state, done.kept_id) == (State.HIDDEN, pair.left_id)
        shown = dict(Item.objects.values_list("external_id", "published"))
        assert shown == {"a": True, "b": False}

    def test_the_second_to_decide_is_told(self, pair):
        duplicates.pair_keep(pair.pk, by="ann")
        with pytest.raises(ReviewConflict, match="decided meanwhile by ann: both kept"):
            duplicates.pair_hide(pair.pk, pair.left_id, by="bob")
        assert Item.objects.filter(published=True).count() == 2

    def test_what_changed_since_it_was_looked_at_is_not_decided(self, pair):
        seen = duplicates.content_now(pair)
        item_update(pair.right, title="something else")
        with pytest.raises(ReviewConflict, match="changed meanwhile"):
            duplicates.pair_keep(pair.pk, by="mo", content=seen)

    def test_only_one_of_the_two_is_kept(self, pair):
        with pytest.raises(ReviewConflict, match="not one of the two"):
            duplicates.pair_hide(pair.pk, 10**9, by="mo")

    def test_a_pair_of_a_deleted_item_is_gone(self, pair):
        pair.left.delete()
        with pytest.raises(ReviewConflict, match="gone"):
            duplicates.pair_keep(pair.pk, by="mo")

    def test_reopening(self, pair):
        duplicates.pair_hide(pair.pk, pair.left_id, by="ann", note="sold out")
        again = duplicates.pair_reopen(pair.pk, by="bob")
        assert (again.state, again.kept_id, again.note) == (
            State.OPEN,
            None,
            "Reopened by bob. sold out",
        )
        with pytest.raises(ReviewConflict, match="open already"):
            duplicates.pair_reopen(pair.pk, by="bob")


class TestMerging:
    @pytest.fixture
    def two(self, db) -> tuple[Item, Item]:
        kept = make_item(
            *("kept", "A frog"),
            texts={"zh": "青蛙"},
            tags=("green",),
            categories=("animals",),
            attributes={"price": 1},
            media=[file(scene(1)), file(scene(2))],
        )
        other = make_item(
            *("other", "A frog"),
            description="It croaks.",
            texts={"zh": "蛙", "de": "Frosch"},
            tags=("green", "small"),
            categories=("animals", "pond"),
            attributes={"price": 2, "legs": 4},
            media=[file(scene(2)), file(scene(3)), wav(440)],
        )
        return kept, other

    def test_what_the_kept_item_lacks_goes_over(self, two):
        kept, other = two
        before = kept.content_version
        plan = item_merge(kept.pk, other.pk, "hide")
        kept.refresh_from_db()
        other.refresh_from_db()
        assert kept.tags == ["green", "small"]
        assert sorted(c.path for c in kept.categories.all()) == ["animals", "pond"]
        assert {t.language: t.title for t in kept.texts.all()} == {"zh": "青蛙", "de": "Frosch"}
        assert kept.attributes == {"price": 1, "legs": 4}
        assert kept.description == "It croaks."
        assert [m.position for m in kept.media.all()] == [0, 1, 2, 3]
        assert [m.modality for m in kept.media.all()] == ["image", "image", "image", "audio"]
        assert kept.content_version > before
        assert (other.published, kept.published) == (False, True)
        assert (plan.media_left, plan.texts_left) == (0, ["en", "zh"])

    def test_deleting_the_other_leaves_the_files(self, two, django_capture_on_commit_callbacks):
        kept, other = two
        with django_capture_on_commit_callbacks(execute=True):
            item_merge(kept.pk, other.pk, "delete")
        assert not Item.objects.filter(pk=other.pk).exists()
        for media in kept.media.all():
            assert media.file.storage.exists(media.file.name)

    def test_more_files_than_there_is_room_for_stay_behind(self, two, settings):
        kept, other = two
        settings.CATALOG = {**settings.CATALOG, "MAX_MEDIA_PER_ITEM": 3}
        plan = merging(kept.pk, other.pk)
        assert (len(plan.media), plan.media_left) == (1, 1)
        item_merge(kept.pk, other.pk, "hide")
        assert Media.objects.filter(item=kept).count() == 3

    def test_events_rules_and_answers_go_over(self, two):
        kept, other = two
        events_record(
            read(
                sent("e1", item="other"),
                sent("e2", item="other", visitor="ben", type="view"),
                sent("e3", item="kept", visitor="ben", type="view"),
            )
        )
        rule = rule_save(Rule(name="not now", action="hide"), "anna", [other.pk])
        anna = Event.objects.get(key="e1").visitor
        shown = Impression.objects.create(
            request_id="r1",
            visitor=anna,
            item_ids=[other.pk, 99],
            placement="home",
            shown_at=NOW,
            propensities=[1, 1],
            sources=[[], []],
            features=[],
        )
        pair = pair_of(kept, other)
        assert duplicates.merge_preview(pair, kept.pk).moving == {"events": 2, "rules": 1}
        done, moved = duplicates.pair_merge(pair.pk, kept.pk, after="delete", by="mo")
        assert moved == {"events": 2, "rules": 1}
        assert (done.state, done.pk) == (State.MERGED, pair.pk)
        assert Event.objects.filter(item=kept, item_external_id="kept").count() == 3
        assert set(PendingEvent.objects.values_list("item_id", flat=True)) == {kept.pk}
        assert list(rule.items.all()) == [kept]
        change = Change.objects.first()  # the latest
        assert (change.action, change.by, change.object_id) == ("changed", "mo", rule.pk)
        assert (change.before["items"], change.after["items"]) == (["other"], ["kept"])
        shown.refresh_from_db()
        assert shown.item_ids == [kept.pk, 99]
        assert not Item.objects.filter(pk=other.pk).exists()

    def test_a_merge_that_fails_moves_nothing(self, two, monkeypatch):
        kept, other = two
        events_record(read(sent("e1", item="other")))
        pair = pair_of(kept, other)

        def refused(*_: object) -> None:
            raise InvalidItem({"title": "is too odd"})

        monkeypatch.setattr("retrieval.duplicates.decisions.merging.item_merge", refused)
        with pytest.raises(ReviewConflict, match="too odd"):
            duplicates.pair_merge(pair.pk, kept.pk, after="hide", by="mo")
        assert Event.objects.get().item_id == other.pk
        pair.refresh_from_db()
        assert pair.state == State.OPEN

    def test_a_preview_changes_nothing(self, two):
        kept, other = two
        pair = pair_of(kept, other)
        preview = duplicates.merge_preview(pair, kept.pk)
        assert preview.merging.categories == ["pond"]
        assert [text.language for text in preview.merging.texts] == ["de"]
        assert Media.objects.filter(item=kept).count() == 2
        with pytest.raises(ReviewConflict, match="not one of the two"):
            duplicates.merge_preview(pair, 10**9)
