"""Reviews with the real encoders, and with two people at once."""

import threading

import numpy as np
import pytest
from django.db import connection
from PIL import Image, ImageDraw, ImageOps

from catalog.models import Item
from retrieval import duplicates, moderation, services, spaces
from retrieval.exceptions import ReviewConflict
from retrieval.models import Case, DuplicatePair, Policy, PolicyExample
from tests.retrieval.conftest import make_item
from tests.retrieval.test_duplicates import file

COLOURS = ["navy", "crimson", "gold", "teal", "purple", "sienna"]


def drawing(seed: int) -> Image.Image:
    """A shape of its own on white, as the demo's drawings are."""
    rng = np.random.default_rng(seed)
    image = Image.new("RGB", (160, 160), "white")
    pen = ImageDraw.Draw(image)
    for _ in range(4):
        points = [tuple(int(v) for v in rng.integers(15, 145, 2)) for _ in range(3)]
        pen.polygon(points, fill=str(rng.choice(COLOURS)))
    return image


@pytest.mark.encoders
@pytest.mark.django_db
def test_real_encoders_find_copies_and_what_an_example_speaks_of(settings):
    settings.RETRIEVAL = {**settings.RETRIEVAL, "PROFILE": "starter"}
    spaces.ensure_active_space("starter", 64)
    space = spaces.active_space()
    titles = ["a dagger with a sharp blade", "a bowl of soup", "a wooden chair", "a yellow bird"]
    items = [make_item(f"i{n}", title, media=[file(drawing(n))]) for n, title in enumerate(titles)]
    copy = drawing(2).crop((8, 8, 152, 152))
    items += [
        make_item(
            "mirrored", "seen the other way round", media=[file(ImageOps.mirror(drawing(1)))]
        ),
        make_item("cut", "what is left of it", media=[file(copy, "JPEG", quality=60)]),
    ]
    services.embed_items(space.id, [item.pk for item in items])

    duplicates.find_duplicates()
    near = {
        (pair.left.external_id, pair.right.external_id)
        for pair in DuplicatePair.objects.filter(grade="near")
    }
    assert near == {("i1", "mirrored"), ("i2", "cut")}

    policy = Policy.objects.create(name="No weapons", threshold=-9.0)
    PolicyExample.objects.create(policy=policy, kind="text", text="a sharp knife, a sword")
    moderation.catalog_screen()
    scores = {case.item.external_id: case.score for case in Case.objects.all()}
    assert max(scores, key=scores.__getitem__) == "i0"


@pytest.mark.django_db(transaction=True)
def test_of_two_who_decide_at_once_one_is_told():
    spaces.ensure_active_space("fake", 64)
    item = make_item("a", "a")
    case = moderation.case_flag(item.pk, "stolen", "ed")
    together = threading.Barrier(2)
    said: list[str] = []

    def decide(state: str, by: str) -> None:
        together.wait()
        try:
            moderation.case_decide(case.pk, Case.State(state), by=by)
        except ReviewConflict as err:
            said.append(str(err))
        finally:
            connection.close()

    threads = [
        threading.Thread(target=decide, args=each)
        for each in ((Case.State.UPHELD, "ann"), (Case.State.DISMISSED, "bob"))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    case.refresh_from_db()
    assert said == [f"It was {case.state} by {case.decided_by} meanwhile."]
    assert Item.objects.get().held == (case.state == Case.State.UPHELD)
