"""Moderation: what resembles a policy's examples becomes a case, and people decide once."""

import numpy as np
import pytest
from django.core.cache import cache

from catalog.models import Item
from catalog.services import ItemContent, item_update, item_upsert, items_touch, media_add
from catalog.uploads import check_upload
from retrieval import contents, moderation, search, services, spaces
from retrieval.exceptions import ReviewConflict
from retrieval.lexical import index_items, suggest
from retrieval.models import Case, Policy, PolicyExample, Screening
from retrieval.moderation import scoring
from retrieval.moderation.scoring import Probe
from retrieval.types import Modality
from tests.clients import anonymous
from tests.retrieval.conftest import make_item, png

pytestmark = pytest.mark.django_db

KIND = PolicyExample.Kind
State = Case.State


def policy(name: str = "No knives", *, texts=("knife blade",), against=(), **fields) -> Policy:
    row = Policy.objects.create(name=name, **fields)
    for text in texts:
        PolicyExample.objects.create(policy=row, kind=KIND.TEXT, text=text)
    for text in against:
        PolicyExample.objects.create(policy=row, kind=KIND.TEXT, text=text, positive=False)
    return row


def embed(*items: Item) -> None:
    """As a worker does."""
    ids = [item.pk for item in items]
    index_items(ids)
    services.embed_some(ids)
    moderation.items_screen(ids)


def change(item: Item, **fields) -> None:
    item_update(item, **fields)
    embed(item)


def held(item: Item) -> bool:
    return Item.objects.values_list("held", flat=True).get(pk=item.pk)


@pytest.fixture
def others(space) -> list[Item]:
    """A catalog, so that something is usual."""
    words = [
        "apple",
        "bread",
        "cloud",
        "drum",
        "eagle",
        "flute",
        "grass",
        "house",
        "ice",
        "jar",
        "kite",
        "lamp",
    ]
    items = [make_item(f"o{n}", f"{w} {words[n - 1]} {n}") for n, w in enumerate(words)]
    embed(*items)
    return items


class TestScoring:
    def probe(self, vector, *, positive=True, against: Modality = "text", example_id=1) -> Probe:
        row = np.array(vector, np.float32)
        return Probe(example_id, positive, "text", against, row / np.linalg.norm(row))

    def test_likeness_is_measured_against_what_is_usual(self):
        rng = np.random.default_rng(0)
        cosines = rng.normal(0.3, 0.1, 4_000).astype(np.float32)
        rows = np.stack([cosines, np.sqrt(1 - cosines**2)], axis=1)
        probe = self.probe([1, 0])
        found = scoring.usual([probe], {"text": rows})
        assert found.centre[0] == pytest.approx(0.3, abs=0.01)
        assert found.spread[0] == pytest.approx(0.1, abs=0.01)
        z = scoring.deviations([probe], found, [{"text": np.array([0.7, 0.7], np.float32)}])
        assert z[0, 0] == pytest.approx(4, abs=0.5)

    def test_without_a_catalog_a_prior_stands_in(self):
        found = scoring.usual([self.probe([1, 0])], {})
        assert (found.centre[0], found.spread[0]) == pytest.approx((0.05, 0.12))

    def test_a_catalog_of_one_thing_does_not_make_everything_odd(self):
        rows = np.tile(np.array([[0, 1]], np.float32), (2_000, 1))
        found = scoring.usual([self.probe([1, 0])], {"text": rows})
        assert found.spread[0] == pytest.approx(scoring.MIN_SPREAD)

    def test_the_score_is_the_best_example_less_what_is_nearer_to_a_counterexample(self):
        probes = [self.probe([1, 0]), self.probe([0, 1], positive=False)]
        z = np.array([[6, 2], [6, 6], [6, 7], [-np.inf, 3], [6, -np.inf]], np.float32)
        assert scoring.scores(probes, z).tolist() == [6, 6, 4, -np.inf, 6]

    def test_modalities_that_agree_add_to_the_score_and_those_that_do_not_take_nothing(self):
        probes = [self.probe([1, 0], against=m) for m in ("text", "image", "audio")]
        z = np.array([[6, 5, 1], [6, -3, -np.inf], [-1, -2, -3], [-np.inf] * 3], np.float32)
        expected = [6 + 0.3 * 6, 6, -1, -np.inf]
        assert scoring.scores(probes, z).tolist() == pytest.approx(expected)

    def test_only_counterexamples_find_nothing(self):
        z = np.array([[9]], np.float32)
        assert scoring.scores([self.probe([1, 0], positive=False)], z).tolist() == [-np.inf]

    def test_an_item_is_compared_only_in_what_it_has(self):
        probes = [self.probe([1, 0], against="text"), self.probe([1, 0], against="image")]
        usually = scoring.usual(probes, {})
        z = scoring.deviations(probes, usually, [{"image": np.array([1, 0], np.float32)}, {}])
        assert z[0].tolist() == pytest.approx([-np.inf, 0.95 / 0.12])
        assert z[1].tolist() == [-np.inf, -np.inf]

    def test_strengths_name_each_example_once_a_modality(self):
        probes = [
            self.probe([1, 0], example_id=1),
            self.probe([1, 0], example_id=1, against="image"),
            self.probe([1, 0], example_id=1, against="image"),
            self.probe([1, 0], example_id=2, against="audio"),
        ]
        row = np.array([1, 2, 3, -np.inf], np.float32)
        found = scoring.strengths(probes, row, 5)
        assert [(p.example_id, p.against, s) for p, s in found] == [(1, "image", 3), (1, "text", 1)]
        assert len(scoring.strengths(probes, row, 1)) == 1


class TestScreening:
    def test_an_item_like_an_example_becomes_a_case_that_says_what_matched(self, others):
        row = policy()
        knife = make_item("knife", "knife blade")
        embed(knife)
        case = Case.objects.get()
        example = row.examples.get()
        assert (case.policy, case.item, case.state) == (row, knife, State.OPEN)
        assert case.score > 5
        assert case.matched == [
            {
                "example": example.pk,
                "positive": True,
                "shown": "text",
                "against": "text",
                "strength": round(case.score, 2),
            }
        ]
        assert not held(knife)  # a flag only asks

    def test_pictures_are_examples_too(self, others):
        row = Policy.objects.create(name="Red")
        upload = check_upload(png((250, 0, 0)))
        example = PolicyExample(policy=row, kind=KIND.IMAGE, sha256=upload.sha256)
        example.file.save("red.png", png((250, 0, 0)))
        red = make_item("red", "rouge", media=[png((250, 0, 0), size=40)])
        blue = make_item("blue", "bleu", media=[png((0, 0, 250))])
        embed(red, blue)
        case = Case.objects.get()
        assert case.item == red
        assert (case.matched[0]["shown"], case.matched[0]["against"]) == ("image", "image")

    def test_an_item_as_an_example_is_not_asked_about_itself(self, others):
        row = Policy.objects.create(name="Like that")
        bad = make_item("bad", "poison arrow")
        embed(bad)
        PolicyExample.objects.create(policy=row, kind=KIND.ITEM, item=bad)
        again = make_item("again", "poison arrow")
        embed(again)
        moderation.catalog_screen()
        assert [case.item for case in Case.objects.all()] == [again]

    def test_counterexamples_keep_apart(self, others):
        policy(texts=["knife blade"], against=["butter knife blade"])
        toy = make_item("butter", "butter knife blade")
        weapon = make_item("weapon", "knife blade")
        embed(toy, weapon)
        assert [case.item for case in Case.objects.all()] == [weapon]

    def test_scope_and_switch(self, others):
        policy("off", enabled=False)
        policy("stamps", kind="stamp")
        embed(make_item("knife", "knife blade"))
        assert not Case.objects.exists()
        stamp = make_item("stamp", "knife blade", kind="stamp")
        embed(stamp)
        assert [case.item for case in Case.objects.all()] == [stamp]

    def test_a_category_covers_what_is_below_it(self, others):
        row = policy()
        inside = make_item("in", "knife blade", categories=("tools/sharp",))
        outside = make_item("out", "knife blade", categories=("food",))
        row.category = inside.categories.get().parent
        row.save()
        embed(inside, outside)
        assert [case.item for case in Case.objects.all()] == [inside]

    def test_only_what_changed_is_checked_and_only_once(self, others, django_assert_num_queries):
        old = make_item("old", "knife blade")
        embed(old)
        row = policy()
        assert moderation.due(limit=10) == []  # older than the policy: for a run
        new = make_item("new", "knife blade")
        services.embed_some([new.pk])
        assert moderation.due(limit=10) == [new.pk]
        assert moderation.items_screen([new.pk, old.pk]).new == {row.name: 1}
        assert moderation.due(limit=10) == []
        assert moderation.items_screen([new.pk, old.pk]).items == 0
        assert Screening.objects.get().content_version == new.content_version

    def test_without_policies_nothing_is_read(self, others, django_assert_num_queries):
        with django_assert_num_queries(1):
            moderation.items_screen([each.pk for each in others])

    def test_a_run_checks_everything_and_a_rehearsal_only_counts(self, others):
        knife = make_item("knife", "knife blade")
        embed(knife)
        row = policy(action=Policy.Action.HOLD)
        told: list = []
        report = moderation.catalog_screen(
            row.pk, rehearsal=True, progress=lambda *each: told.append(each)
        )
        assert (report.items, report.matched) == (13, {"No knives": 1})
        assert [(each["policy"], each["item"]) for each in report.examples] == [
            ("No knives", knife.pk)
        ]
        assert told[-1] == ("checking items", 13, 13)
        assert not Case.objects.exists()
        assert not held(knife)
        assert moderation.catalog_screen().new == {"No knives": 1}
        assert held(knife)

    def test_an_empty_catalog(self, space):
        policy()
        assert moderation.catalog_screen().items == 0

    def test_before_the_first_space_nothing_happens(self, db):
        policy()
        assert moderation.items_screen([make_item("a", "knife blade").pk]).items == 0

    def test_an_item_without_media_and_a_picture_as_the_example(self, others):
        row = Policy.objects.create(name="Red")
        upload = check_upload(png((250, 0, 0)))
        example = PolicyExample(policy=row, kind=KIND.IMAGE, sha256=upload.sha256)
        example.file.save("red.png", png((250, 0, 0)))
        moderation.catalog_screen()
        assert not Case.objects.exists()

    def test_an_example_that_cannot_be_decoded_is_left_out(self, others, caplog):
        row = policy()
        example = PolicyExample(policy=row, kind=KIND.IMAGE, sha256="0" * 64)
        example.file.save("broken.png", png((0, 0, 0)))
        example.file.storage.delete(example.file.name)
        knife = make_item("knife", "knife blade")
        embed(knife)
        assert Case.objects.get().item == knife
        assert "is left out" in caplog.text


class TestHolding:
    @pytest.fixture
    def knife(self, others) -> Item:
        policy(action=Policy.Action.HOLD)
        item = make_item("knife", "knife blade")
        embed(item)
        return item

    def found(self) -> set[str]:
        """Wherever a visitor may come upon the item."""
        ways = set()
        cache.clear()
        space = spaces.active_space()
        item_id = Item.objects.get(external_id="knife").pk
        part = search.item_part(space, item_id)
        if any(hit.item_id == item_id for hit in search.search(space, [part], 5)):
            ways.add("search")
        like = Item.objects.get(external_id="o3")
        if any(hit.item_id == item_id for hit in search.similar(space, like.pk, 100)):
            ways.add("similar")
        if suggest("knif", 5):
            ways.add("suggest")
        client = anonymous()
        asked = client.get("/api/v1/search/", {"q": "knife", "mode": "hybrid"})
        if any(hit["item"]["external_id"] == "knife" for hit in asked.json()["hits"]):
            ways.add("api search")
        if client.get("/api/v1/items/knife/").status_code == 200:
            ways.add("api item")
        if client.get("/plain/items/knife/").status_code == 200:
            ways.add("item page")
        if 'href="/plain/items/knife/' in client.get("/plain/?q=knife").text:
            ways.add("storefront")
        asked = client.get("/api/v1/recommendations/", {"placement": "home", "limit": 50})
        if any(each["item"]["external_id"] == "knife" for each in asked.json()["items"]):
            ways.add("recommendations")
        return ways

    def test_a_held_item_disappears_at_once_and_comes_back_when_dismissed(self, knife):
        assert held(knife)
        assert self.found() == set()
        moderation.case_decide(Case.objects.get().pk, State.DISMISSED, by="mo")
        assert not held(knife)
        assert self.found() == {
            *("search", "similar", "suggest", "api search", "api item", "item page", "storefront"),
            "recommendations",
        }

    def test_an_import_does_not_publish_it_again(self, knife):
        item_upsert(ItemContent(external_id="knife", title="knife blade", published=True))
        assert held(knife)
        assert not Item.objects.visible().filter(pk=knife.pk).exists()

    def test_an_unpublished_item_stays_unpublished_when_its_case_is_dismissed(self, knife):
        Item.objects.filter(pk=knife.pk).update(published=False)
        moderation.case_decide(Case.objects.get().pk, State.DISMISSED, by="mo")
        assert not Item.objects.visible().filter(pk=knife.pk).exists()

    def test_another_case_goes_on_holding(self, knife):
        policy("No blades", texts=["knife blade"], action=Policy.Action.HOLD)
        moderation.catalog_screen()
        first, second = Case.objects.order_by("pk")
        moderation.case_decide(first.pk, State.DISMISSED, by="mo")
        assert held(knife)
        moderation.case_decide(second.pk, State.DISMISSED, by="mo")
        assert not held(knife)


class TestDecisions:
    @pytest.fixture
    def knife(self, others) -> Item:
        policy()
        item = make_item("knife", "knife blade")
        embed(item)
        return item

    def test_upholding_hides_whatever_the_action(self, knife):
        case = moderation.case_decide(Case.objects.get().pk, State.UPHELD, by="mo", note="sharp")
        assert (case.state, case.decided_by, case.note) == (State.UPHELD, "mo", "sharp")
        assert case.decided_at is not None
        assert held(knife)

    def test_the_second_to_decide_is_told_who_was_first(self, knife):
        case = Case.objects.get()
        moderation.case_decide(case.pk, State.DISMISSED, by="ann", note="a toy")
        with pytest.raises(ReviewConflict, match="dismissed by ann meanwhile: a toy"):
            moderation.case_decide(case.pk, State.UPHELD, by="bob")
        case.refresh_from_db()
        assert (case.state, case.decided_by) == (State.DISMISSED, "ann")
        assert not held(knife)

    def test_decisions_stick_across_runs_touches_and_spaces(self, knife):
        moderation.case_decide(Case.objects.get().pk, State.DISMISSED, by="mo")
        moderation.catalog_screen()
        items_touch([knife.pk])  # "Embed again": another version of the same content
        embed(knife)
        new = spaces.space_create_untrained("second", profile="fake", fusion="concat")
        services.embed_items(new.pk, list(Item.objects.values_list("pk", flat=True)))
        spaces.spaces_ready()
        spaces.space_activate(new.pk, expected=spaces.active_id())
        report = moderation.catalog_screen()
        assert (report.matched, report.new) == ({"No knives": 1}, {"No knives": 0})
        assert report.decided == 1
        assert Case.objects.count() == 1

    def test_changed_content_is_asked_about_again(self, knife):
        moderation.case_decide(Case.objects.get().pk, State.DISMISSED, by="mo")
        change(knife, title="knife blade blade")
        states = Case.objects.order_by("pk").values_list("state", flat=True)
        assert list(states) == [State.DISMISSED, State.OPEN]

    def test_what_was_upheld_stays_hidden_until_somebody_looks_at_the_repair(self, knife):
        moderation.case_decide(Case.objects.get().pk, State.UPHELD, by="mo")
        change(knife, title="wooden spoon")
        upheld, again = Case.objects.order_by("pk")
        assert (upheld.holding, again.holding, again.state) == (False, True, State.OPEN)
        assert again.reason == "Its content changed since a case against it was upheld."
        assert held(knife)
        moderation.case_decide(again.pk, State.DISMISSED, by="mo")
        assert not held(knife)

    def test_who_looked_at_an_older_content_decides_again(self, knife):
        case = Case.objects.get()
        seen = contents.fingerprints([knife.pk])[knife.pk]
        item_update(knife, title="wooden spoon")
        with pytest.raises(ReviewConflict, match="changed meanwhile"):
            moderation.case_decide(case.pk, State.UPHELD, by="mo", content=seen)
        assert not held(knife)
        seen = contents.fingerprints([knife.pk])[knife.pk]
        case = moderation.case_decide(case.pk, State.DISMISSED, by="mo", content=seen)
        assert case.content == seen

    def test_reopening_asks_again_and_leaves_the_item_hidden(self, knife):
        case = Case.objects.get()
        moderation.case_decide(case.pk, State.UPHELD, by="ann", note="sharp")
        again = moderation.case_reopen(case.pk, by="bob")
        assert (again.state, again.note) == (State.OPEN, "Reopened by bob. sharp")
        assert held(knife)
        with pytest.raises(ReviewConflict, match="open already"):
            moderation.case_reopen(case.pk, by="bob")

    def test_a_deleted_item_takes_its_cases_along(self, knife):
        case = Case.objects.get()
        knife.delete()
        with pytest.raises(ReviewConflict, match="its item was deleted"):
            moderation.case_decide(case.pk, State.UPHELD, by="mo")


class TestFlags:
    def test_an_editor_flags_and_a_moderator_decides(self, others):
        item = others[0]
        case = moderation.case_flag(item.pk, " <b>stolen</b> \0picture ", "ed")
        assert (case.policy, case.reason, case.flagged_by) == (
            None,
            "<b>stolen</b> picture",
            "ed",
        )
        assert not held(item)
        with pytest.raises(ReviewConflict, match="flagged it already"):
            moderation.case_flag(item.pk, "again", "ed")
        moderation.case_decide(case.pk, State.UPHELD, by="mo")
        assert held(item)

    def test_a_flag_needs_a_reason_and_an_item(self, others):
        with pytest.raises(ReviewConflict, match="Say why"):
            moderation.case_flag(others[0].pk, " ", "ed")
        with pytest.raises(ReviewConflict, match="deleted meanwhile"):
            moderation.case_flag(10**9, "gone", "ed")

    def test_what_was_upheld_by_hand_is_asked_about_again_once_it_changes(self, others):
        item = others[0]
        case = moderation.case_flag(item.pk, "stolen picture", "ed")
        moderation.case_decide(case.pk, State.UPHELD, by="mo")
        change(item, title="another thing")
        again = Case.objects.get(state=State.OPEN)
        assert (again.policy, again.item, again.holding) == (None, item, True)
        assert held(item)


def test_a_fingerprint_is_of_the_content_alone(space):
    one = make_item("one", "A frog", texts={"zh": "青蛙"}, media=[png((1, 2, 3))])
    two = make_item("two", "A frog", texts={"zh": "青蛙"}, media=[png((1, 2, 3))])
    found = contents.fingerprints([one.pk, two.pk, 10**9])
    assert found[one.pk] == found[two.pk]
    assert found.keys() == {one.pk, two.pk}
    media_add(two, check_upload(png((3, 2, 1))))
    assert contents.fingerprints([two.pk])[two.pk] != found[one.pk]
