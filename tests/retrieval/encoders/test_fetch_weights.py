"""``manage.py fetch_weights`` against a real server that answers as the hub does."""

import http.server
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.retrieval.encoders.checkpoints import COMMIT, in_hub_layout, save_bert

ROOT = Path(__file__).resolve().parents[3]
SETTINGS = f"""
from tests.settings import *
RETRIEVAL["PROFILES"] = {{
    "tiny": {{"text": {{
        "BACKEND": "retrieval.encoders.sentence.SentenceEncoder", "model": "tiny/bert", "revision": "{COMMIT}",
    }}}},
    "none": {{"text": {{"BACKEND": "tests.fakes.FakeTextEncoder"}}}},
}}
RETRIEVAL["PROFILE"] = "none"
"""
FIND = """
import django
django.setup()
from retrieval.encoders import encoder_for
print(encoder_for("text", "tiny").weights.folder())
"""  # what encoding does first, without the seconds that torch takes to import
ENCODE = """
import django
django.setup()
from retrieval.encoders import encoder_for
print(encoder_for("text", "tiny").encode("text", ["a dog"]).shape)
"""


class Hub:
    """A repository tiny/bert with a pickle, a script and a folder besides what is wanted."""

    def __init__(self, folder: Path) -> None:
        save_bert(folder)
        (folder / "pytorch_model.bin").write_bytes(b"x" * 5_000_000)
        (folder / "modeling.py").write_text("raise SystemExit")
        (folder / "onnx").mkdir()
        (folder / "onnx" / "model.safetensors").write_bytes(b"x" * 5_000_000)
        self.asked: list[str] = []
        self.gone = False
        hub = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_HEAD(self) -> None:
                self.do_GET()

            def do_GET(self) -> None:
                path = urlsplit(self.path).path
                hub.asked.append(f"{self.command} {path}")
                files = {str(f.relative_to(folder)): f for f in folder.rglob("*") if f.is_file()}
                headers = {"X-Repo-Commit": COMMIT, "Content-Type": "application/json"}
                if path == f"/api/models/tiny/bert/tree/{COMMIT}":
                    data = json.dumps(
                        [
                            {
                                "type": "file",
                                "path": name,
                                "size": f.stat().st_size,
                                "oid": f"{n:040}",
                            }
                            for n, (name, f) in enumerate(files.items())
                        ]
                    ).encode()
                else:
                    name = path.removeprefix(f"/tiny/bert/resolve/{COMMIT}/")
                    data = files[name].read_bytes()
                    headers["ETag"] = f'"{list(files).index(name):040}"'
                if hub.gone:
                    data, headers["X-Error-Code"] = b"{}", "RevisionNotFound"
                self.send_response(404 if hub.gone else 200)
                for key, value in {**headers, "Content-Length": str(len(data))}.items():
                    self.send_header(key, value)
                self.end_headers()
                if self.command == "GET":
                    self.wfile.write(data)

            def log_message(self, *_: object) -> None:
                """Quiet."""

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def hub(tmp_path) -> Iterator[Hub]:
    folder = tmp_path / "repository"
    folder.mkdir()
    hub = Hub(folder)
    yield hub
    hub.close()


@pytest.fixture
def run(tmp_path, hub):
    """Run Python in an environment with an empty cache of the hub and ``hub`` as the hub."""
    (tmp_path / "weights_settings.py").write_text(SETTINGS)
    environment = {
        **{name: os.environ[name] for name in ("PATH", "HOME", "VAR") if name in os.environ},
        "PYTHONPATH": f"{tmp_path}:{ROOT}",
        "DJANGO_SETTINGS_MODULE": "weights_settings",
        "HF_HOME": str(tmp_path / "home"),
        "HF_ENDPOINT": hub.url,
    }

    def start(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=tmp_path,
            env={**environment, **variables},
            capture_output=True,
            text=True,
            timeout=120,
        )

    return start


FETCH = (str(ROOT / "manage.py"), "fetch_weights")


def test_weights_are_fetched_once_and_used_offline(run, hub, tmp_path):
    before = run("-c", FIND)
    assert "run `manage.py fetch_weights --profile tiny`." in before.stderr
    assert hub.asked == []  # encoding never downloads

    shown = run(*FETCH, "--profile", "tiny", "--dry-run")
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.startswith("tiny/bert at 0123456789ab: ")
    assert shown.stdout.endswith("KB to download\n")
    assert not any("safetensors" in path for path in hub.asked if path.startswith("GET"))

    fetched = run(*FETCH, "--profile", "tiny")
    assert fetched.returncode == 0, fetched.stderr
    assert fetched.stdout.endswith("tiny/bert at 0123456789ab: complete\n")
    snapshot = tmp_path / "home" / "hub" / "models--tiny--bert" / "snapshots" / COMMIT
    assert sorted(str(path.relative_to(snapshot)) for path in snapshot.rglob("*")) == [
        "config.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
    ]

    hub.asked.clear()
    encoded = run("-c", ENCODE, HF_HUB_OFFLINE="1")
    assert encoded.stdout == "(1, 32)\n", encoded.stderr
    assert hub.asked == []

    again = run(*FETCH, "--profile", "tiny")
    assert again.stdout == "tiny/bert at 0123456789ab: complete\n"

    (snapshot / "tokenizer.json").unlink()  # as if the download had been interrupted
    assert "run `manage.py fetch_weights --profile tiny`." in run("-c", FIND).stderr


def test_offline_means_offline(run, hub):
    done = run(*FETCH, "--profile", "tiny", HF_HUB_OFFLINE="1")
    assert done.returncode == 1
    assert "HF_HUB_OFFLINE is set; unset it to download." in done.stderr
    assert hub.asked == []


def test_a_commit_the_hub_does_not_have_is_an_error(run, hub):
    hub.gone = True
    done = run(*FETCH, "--profile", "tiny")
    assert done.returncode == 1
    assert "tiny/bert at 0123456789ab cannot be downloaded: RevisionNotFoundError" in done.stderr


def test_a_profile_without_weights_needs_nothing(run):
    assert run(*FETCH).stdout == "The profile none needs no downloads.\n"


def test_the_layout_of_the_tests_is_the_hubs(run, tmp_path):
    """What tests/retrieval/encoders/checkpoints.py makes by hand is found without a download."""
    folder = in_hub_layout(tmp_path / "home" / "hub", "tiny/bert")
    (folder / "model.safetensors").touch()
    assert run("-c", FIND, HF_HUB_OFFLINE="1").stdout == f"{folder}\n"
