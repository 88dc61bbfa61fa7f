"""Audits: what is odd is found, what is not is left alone."""

import io
import json
import wave

import numpy as np
import pytest
from django.core.management import call_command
from PIL import Image

from catalog.models import Item, Media
from catalog.services import item_update
from retrieval import audit, index, services, spaces
from retrieval.audit import measures
from retrieval.audit.checks import CAPTION_Z, language_problem
from retrieval.exceptions import AuditRunning
from retrieval.fusion import unit
from retrieval.models import AuditFinding, AuditRun
from retrieval.types import Waveform
from tests.catalog.factories import video_bytes
from tests.retrieval.conftest import make_item, png

pytestmark = pytest.mark.django_db

RATE = 22_050
PAIRS = 60


def found(check: str) -> set[str]:
    rows = AuditFinding.objects.filter(check_name=check)
    return set(rows.values_list("item__external_id", flat=True))


def waveform(samples: np.ndarray) -> io.BytesIO:
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setparams((1, 2, RATE, 0, "NONE", ""))
        out.writeframes((np.clip(samples, -1, 1) * 32_767).astype("<i2").tobytes())
    file.seek(0)
    return file


def picture(pixels: np.ndarray) -> io.BytesIO:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    file.seek(0)
    return file


def noise(seed: int) -> io.BytesIO:
    return picture(np.random.default_rng(seed).integers(0, 256, (16, 16, 3), np.uint8))


class TestMeasures:
    def test_robust_z_ignores_the_outliers_it_looks_for(self):
        values = np.random.default_rng(0).normal(5, 2, 10_000)
        values[:500] = 1_000
        z = measures.robust_z(values)
        assert z[500:].std() == pytest.approx(1, abs=0.1)
        assert z[:500].min() > 400
        assert measures.robust_z(np.ones(5)).tolist() == [0] * 5

    @pytest.mark.parametrize("count", [4, 30])
    def test_agreement_is_that_of_the_slow_implementation(self, count):
        rng = np.random.default_rng(1)
        left, right = (unit(rng.standard_normal((count, 8))) for _ in range(2))
        labels = rng.integers(0, count // 2, count)
        expected = []
        for i in range(count):
            others = [j for j in range(count) if labels[j] != labels[i]]
            near = sorted((left[i] @ right[j] for j in others), reverse=True)[:10]
            far = sorted((right[i] @ left[j] for j in others), reverse=True)[:10]
            expected.append(2 * left[i] @ right[i] - np.mean(near) - np.mean(far))
        assert measures.agreement(left, right, labels) == pytest.approx(expected, abs=1e-5)

    def test_levels_are_those_of_known_sounds(self):
        time = np.arange(RATE) / RATE
        sine = Waveform(np.sin(2 * np.pi * 440 * time).astype(np.float32), RATE)
        assert measures.loudest_dbfs(sine) == pytest.approx(-3.01, abs=0.01)
        burst = np.zeros(5 * RATE, np.float32)
        burst[: RATE // 2] = 0.1
        assert measures.loudest_dbfs(Waveform(burst, RATE)) == pytest.approx(-20, abs=0.01)
        assert measures.loudest_dbfs(Waveform(np.zeros(9, np.float32), RATE)) == float("-inf")
        half = Waveform(np.array([1, -1, 0.5, 0], np.float32), RATE)
        assert measures.clipped_share(half) == 0.5

    def test_contrast_is_that_of_the_most_varied_channel(self):
        plain = np.full((4, 4, 3), 200, np.uint8)
        assert measures.contrast(plain) == 0
        plain[:2, :, 1] = 100
        assert measures.contrast(plain) == 50


class TestMissingAndBroken:
    def test_items_without_what_most_of_their_kind_have(self, db):
        for n in range(10):
            media = [noise(n)] if n else []
            make_item(f"stamp{n}", f"stamp {n}", kind="stamp", media=media)
        make_item("lone", "lone", kind="rare")
        assert audit.audit(["missing"]) == {"missing_media": 1}
        finding = AuditFinding.objects.get()
        assert (finding.item.external_id, finding.detail) == (
            "stamp0",
            "no image (90% of stamp)",
        )

    def test_items_without_any_media_where_others_of_their_kind_have_some(self, db):
        for n in range(4):
            media = [noise(n)] if n == 0 else []
            make_item(f"note{n}", f"note {n}", kind="note", media=media)
            make_item(f"word{n}", f"word {n}", kind="word")
        assert audit.audit(["missing"]) == {"missing_media": 3}
        assert found("missing_media") == {"note1", "note2", "note3"}
        assert set(AuditFinding.objects.values_list("detail", "score")) == {
            ("no media (25% of note)", 0.25)
        }

    def test_a_video_is_picture_and_sound(self, db):
        for n in range(9):
            media = [noise(n), waveform(np.sin(np.arange(RATE) / (n + 2)))]
            make_item(f"s{n}", f"s{n}", kind="bird", media=media)
        make_item("film", "film", kind="bird", media=[io.BytesIO(video_bytes())])
        make_item("mute", "mute", kind="bird", media=[noise(9)])
        assert audit.audit(["missing"]) == {"missing_media": 1}
        finding = AuditFinding.objects.get()
        assert (finding.item.external_id, finding.detail) == ("mute", "no audio (91% of bird)")

    def test_a_broken_file_counts_as_none(self, db):
        items = [make_item(f"s{n}", f"s{n}", media=[noise(n)]) for n in range(10)]
        failed = Media.objects.filter(item=items[3])
        failed.update(status=Media.Status.FAILED, error_code="undecodable")
        assert audit.audit(["missing", "broken"]) == {"missing_media": 1, "broken_media": 1}
        assert found("missing_media") == found("broken_media") == {"s3"}
        assert AuditFinding.objects.get(check_name="broken_media").detail == "image: undecodable"


class TestMedia:
    def test_blank_pictures(self, db):
        faint = np.full((16, 16, 3), 255, np.uint8)
        faint[8, 4:12] = 200
        make_item("plain", "plain", media=[png((250, 250, 250))])
        make_item("noise", "noise", media=[noise(1)])
        make_item("faint", "faint", media=[picture(faint)])
        make_item("one-of-two", "two", media=[noise(2), png((0, 0, 0))])
        assert audit.audit(["pictures"]) == {"blank_picture": 2}
        assert found("blank_picture") == {"plain", "one-of-two"}

    def test_clipped_and_silent_sounds(self, db):
        time = np.arange(RATE) / RATE
        voice = np.sin(2 * np.pi * 300 * time) * np.sin(2 * np.pi * 3 * time)
        make_item("good", "good", media=[waveform(0.9 * voice)])
        make_item("clipped", "clipped", media=[waveform(3 * voice)])
        make_item("quiet", "quiet", media=[waveform(0.002 * voice)])
        assert audit.audit(["sounds"]) == {"clipped_sound": 1, "silent_sound": 1}
        assert found("clipped_sound") == {"clipped"}
        assert found("silent_sound") == {"quiet"}

    def test_videos_are_looked_at_and_listened_to(self, db):
        black = [(0, 0, 0)] * 3
        films = {
            "coloured": video_bytes(),
            "black": video_bytes(colours=black),
            "mute": video_bytes(hertz=None),  # without a sound track: not a silent one
            "hushed": video_bytes(hertz=0.0),
        }
        assert len(set(films.values())) == len(films)
        for name, film in films.items():
            make_item(name, name, media=[io.BytesIO(film)])
        counts = audit.audit(["pictures", "sounds"])
        assert counts == {"blank_picture": 1, "clipped_sound": 0, "silent_sound": 1}
        assert found("blank_picture") == {"black"}
        assert found("silent_sound") == {"hushed"}
        finding = AuditFinding.objects.get(check_name="silent_sound")
        assert finding.score == 51
        assert finding.detail.endswith(".mp4: -96 dB of full scale at its loudest")

    def test_files_that_cannot_be_decoded_are_somebody_elses_finding(self, db):
        item = make_item("gone", "gone", media=[noise(1)])
        item.media.get().file.storage.delete(item.media.get().file.name)
        assert audit.audit(["pictures"]) == {"blank_picture": 0}


class TestLanguages:
    @pytest.mark.parametrize(
        ("language", "title", "problem"),
        [
            ("en", "A green frog", ""),
            ("zh", "青蛙", ""),
            ("zh-Hant", "青蛙", ""),
            ("ja", "カエル", ""),
            ("ja", "青蛙", ""),
            ("ja", "りんご(Sierra Beauty)", ""),
            ("es", "Un pavo real albino hembra", ""),
            ("ko", "개구리", ""),
            ("zh", "LEGO", ""),
            ("zh", "USB 3", ""),
            ("zh", "a green frog", "is written in Latin"),
            ("en", "青蛙在池塘里", "is written in Cjk"),
            ("ru", "зелёная лягушка", ""),
            ("ru", "eine grüne Kröte", "is written in Latin"),
            ("zh", "カエルと ともだち", "is written in"),
            ("en", "12 × 34", ""),
            ("xx", "anything goes here", ""),
            ("en", "Der kleine Frosch sitzt auf dem Blatt und wartet", "reads like de"),
            ("de", "Der kleine Frosch sitzt auf dem Blatt und wartet", ""),
            ("en", "chat", ""),
        ],
    )
    def test_script_and_reading(self, language, title, problem):
        said = language_problem(language, title)
        assert (problem in said) if problem else said == ""

    def test_each_text_of_an_item_is_looked_at(self, db):
        make_item("good", "A frog", texts={"zh": "青蛙"})
        make_item("bad", "A frog", texts={"zh": "a little green frog", "ja": "カエル"})
        assert audit.audit(["languages"]) == {"wrong_language": 1}
        finding = AuditFinding.objects.get()
        assert finding.item.external_id == "bad"
        assert finding.detail == "zh: 'a little green frog' is written in Latin letters"


@pytest.fixture
def pairs(space) -> list[Item]:
    """Words and picture of each item agree, and those of two are swapped."""
    rng = np.random.default_rng(0)
    items = [make_item(f"p{n}", f"word{n}") for n in range(PAIRS)]
    services.embed_items(space.id, [item.pk for item in items])
    words = unit(rng.standard_normal((PAIRS, 64)))
    images = unit(words + 0.08 * rng.standard_normal((PAIRS, 64)))
    images[[3, 7]] = images[[7, 3]]
    index.store(
        space.partition,
        [
            index.EmbeddedItem(
                item.pk, item.content_version, "", {"text": words[n], "image": images[n]},
                words[n], {"text": 1.0},
            )
            for n, item in enumerate(items)
        ],
    )  # fmt: skip
    return items


@pytest.fixture
def trained(monkeypatch) -> None:
    """The first space's head passes for a trained one."""
    original = spaces.active_space

    def active() -> spaces.Space:
        space = original()
        space.head.metadata["trained"] = True
        return space

    monkeypatch.setattr("retrieval.audit.runs.spaces.active_space", active)


class TestCaptions:
    def test_swapped_pictures_are_found_and_no_others(self, pairs, trained):
        assert audit.audit(["captions"]) == {"caption_mismatch": 2}
        assert found("caption_mismatch") == {"p3", "p7"}
        assert min(AuditFinding.objects.values_list("score", flat=True)) > -CAPTION_Z

    def test_an_untrained_space_is_not_asked(self, pairs):
        assert audit.audit(["captions"]) == {"caption_mismatch": 0}

    def test_nor_is_none(self, db):
        make_item("alone", "alone")
        assert set(audit.audit().values()) == {0}


class TestTranslations:
    def test_a_text_that_says_what_another_item_is_is_found(self, space, trained):
        items = []
        for n in range(PAIRS):
            said = {language: f"word{n} {language}" for language in ("de", "fr", "zh")}
            if n == 5:
                said["zh"] = "word6 zh"
            items.append(make_item(f"t{n}", f"word{n} en", texts=said).pk)
        services.embed_items(space.id, items)
        audit.audit(["translations"])
        worst = AuditFinding.objects.order_by("-score").first()
        assert worst.item.external_id == "t5"
        assert worst.detail.startswith("zh: 'word6 zh' is ")


class TestFindings:
    def test_a_new_audit_replaces_what_its_checks_found(self, db):
        item = make_item("plain", "plain", media=[png((9, 9, 9))])
        make_item("foreign", "青蛙在池塘里")
        audit.audit(["pictures", "languages"])
        assert AuditFinding.objects.count() == 2
        item.media.all().delete()
        assert audit.audit(["pictures"]) == {"blank_picture": 0}
        assert found("wrong_language") == {"foreign"}

    def test_the_worst_of_an_items_files_is_kept(self, db):
        half = np.zeros((16, 16, 3), np.uint8)
        half[0, 0] = 60
        make_item("both", "both", media=[picture(half), png((0, 0, 0))])
        audit.audit(["pictures"])
        assert AuditFinding.objects.get().score == pytest.approx(4)

    def test_it_knows_the_version_it_is_about(self, db):
        item = make_item("foreign", "青蛙在池塘里")
        audit.audit(["languages"])
        finding = AuditFinding.objects.get()
        assert finding.content_version == item.content_version
        item_update(item, title="A frog")
        finding.refresh_from_db()
        assert finding.content_version < Item.objects.get().content_version

    def test_deleting_an_item_takes_its_findings_along(self, db):
        item = make_item("foreign", "青蛙在池塘里")
        audit.audit(["languages"])
        item.delete()
        assert not AuditFinding.objects.exists()


class TestRuns:
    def test_a_run_tells_how_it_ended(self, db, monkeypatch, django_capture_on_commit_callbacks):
        sent = []
        monkeypatch.setattr(
            "retrieval.audit.runs.current_app.send_task", lambda *a, **k: sent.append((a, k))
        )
        make_item("foreign", "青蛙在池塘里")
        with django_capture_on_commit_callbacks(execute=True):
            run = audit.run_create("ana")
        assert sent == [(("workers.tasks.audit_catalog",), {"args": [run.pk]})]
        audit.run_execute(run.pk)
        run.refresh_from_db()
        assert (run.status, run.created_by, run.found["wrong_language"]) == ("done", "ana", 1)

    def test_a_second_one_is_refused_until_the_first_is_done_or_silent(self, db):
        run = audit.run_create()
        with pytest.raises(AuditRunning):
            audit.run_create()
        AuditRun.objects.filter(pk=run.pk).update(updated_at="2020-01-01T00:00Z")
        assert audit.run_create().pk != run.pk
        run.refresh_from_db()
        assert run.status == "failed"

    def test_a_doubled_message_runs_once(self, db, monkeypatch):
        run = audit.run_create()
        audit.run_execute(run.pk)
        monkeypatch.setattr("retrieval.audit.runs.audit", pytest.fail)
        audit.run_execute(run.pk)

    def test_an_error_is_written_down(self, db, monkeypatch):
        monkeypatch.setattr("retrieval.audit.runs.audit", lambda **_: 1 / 0)
        run = audit.run_create()
        with pytest.raises(ZeroDivisionError):
            audit.run_execute(run.pk)
        run.refresh_from_db()
        assert (run.status, run.error) == ("failed", "ZeroDivisionError: division by zero")


class TestCommand:
    def test_prints_and_writes_what_it_found(self, db, tmp_path, capsys):
        for n in range(3):
            make_item(f"f{n}", "青蛙在池塘里")
        out = tmp_path / "found.json"
        call_command("audit_catalog", "--check", "languages", "--limit", "2", "--json", str(out))
        printed = capsys.readouterr().out
        assert "wrong language: 3" in printed
        assert "f0  青蛙在池塘里  (en: '青蛙在池塘里' is written in Cjk letters)" in printed
        assert "… and 1 more" in printed
        rows = json.loads(out.read_text())
        assert [row["external_id"] for row in rows] == ["f0", "f1", "f2"]
        assert {row["check"] for row in rows} == {"wrong_language"}

    def test_says_what_an_untrained_space_cannot_tell(self, space, capsys):
        call_command("audit_catalog")
        assert "the active space is untrained" in capsys.readouterr().out

    def test_says_that_there_is_no_space(self, db, capsys):
        call_command("audit_catalog")
        printed = " ".join(capsys.readouterr().out.split())
        assert "there is no active space (`manage.py embed --here`, then" in printed
        assert "untrained" not in printed
