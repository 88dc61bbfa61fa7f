"""Bars, and the section of benchmarks/README.md."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

README = Path(__file__).resolve().parent.parent / "README.md"
START, END = "<!-- search: start -->", "<!-- search: end -->"
UNFILTERED_RECALL, FILTERED_RECALL = 0.99, 0.98
HTTP_RATIO, THROUGHPUT_RATIO, GROWTH_RATIO = 2.5, 0.5, 3.0
AHEAD_OF = ("lancedb", "chroma")
SHARES = {"none": "no filter", "half": "50 %", "tenth": "10 %", "hundredth": "1 %", "thousandth": "0.1 %"}  # fmt: skip
PARTS_OF_ALL = ("growth", "quantization", "demo")


@dataclass(frozen=True, slots=True)
class Bar:
    """One claim and whether this run met it."""

    claim: str
    value: str
    bar: str
    met: bool


def merged(earlier: dict[str, Any], now: dict[str, Any]) -> dict[str, Any]:
    """``now`` where it measured, ``earlier`` elsewhere."""
    both = {**earlier, **now}
    for size, entry in earlier["sizes"].items():
        both["sizes"][size] = {**entry, **now["sizes"].get(size, {})}
    both["sizes"] = dict(sorted(both["sizes"].items(), key=lambda pair: int(pair[0])))
    both["command"] = f"{earlier['command']}; {now['command']}"
    return both


def bars(found: Mapping[str, Any]) -> list[Bar]:
    """Of whatever was measured."""
    rows: list[Bar] = []
    for size, entry in found["sizes"].items():
        items = f"{int(size):,} items"
        if "latency" in entry:
            ratio = entry["latency"]["ratio"]
            rows.append(
                _at_most(f"{items}: HTTP p50 / bare SQL p50, warm cache", ratio, HTTP_RATIO)
            )
        if "throughput" in entry:
            ratio = entry["throughput"]["ratio"]
            claim = f"{items}: HTTP answers/s / bare SQL answers/s, 16 clients"
            rows.append(_at_least(claim, ratio, THROUGHPUT_RATIO))
        for share, measured in entry.get("engines", {}).get("triad", {}).items():
            least = UNFILTERED_RECALL if share == "none" else FILTERED_RECALL
            claim = f"{items}: recall@10, {SHARES[share]}"
            rows.append(_at_least(claim, measured["recall"], least))
            for peer in AHEAD_OF:
                if peer in entry["engines"]:
                    other = entry["engines"][peer][share]["p50_ms"]
                    ratio = round(measured["p50_ms"] / other, 2)
                    rows.append(_at_most(f"{items}: p50 / {peer}'s, {SHARES[share]}", ratio, 1.0))
    if "growth" in found:
        sizes = " → ".join(f"{int(size):,}" for size in found["growth"]["p50_ms"])
        rows.append(_at_most(f"growth of p50, {sizes}", found["growth"]["ratio"], GROWTH_RATIO))
    if "demo" in found:
        ratio = found["demo"]["latency"]["ratio"]
        rows.append(_at_most("demo: HTTP p50 / bare SQL p50, warm cache", ratio, HTTP_RATIO))
    return rows


def _at_most(claim: str, value: float, bar: float) -> Bar:
    return Bar(claim, f"{value:g}", f"≤ {bar:g}", value <= bar)


def _at_least(claim: str, value: float, bar: float) -> Bar:
    return Bar(claim, f"{value:g}", f"≥ {bar:g}", value >= bar)


def lines(found: Mapping[str, Any], rows: list[Bar]) -> list[str]:
    """Markdown."""
    shown = [
        (
            f"`{found['command']}` · {found['date']} · {found['machine']} · {found['queries']} queries, "
            "k = 10. Whatever is compared took turns; times of one run are comparable, times of two runs "
            "are not."
        ),
        "",
        "| claim | measured | bar | met |",
        "|---|---|---|---|",
        *(f"| {b.claim} | {b.value} | {b.bar} | {'yes' if b.met else 'NO'} |" for b in rows),
    ]
    for size, entry in found["sizes"].items():
        shown += ["", f"**{int(size):,} items** ({_built(entry['built'])})", ""]
        if "latency" in entry:
            times = entry["latency"]
            shown.append(f"One client: HTTP {times['http']} ms, bare SQL {times['sql']} ms.")
        if "throughput" in entry:
            rates = entry["throughput"]
            shown.append(f"16 clients: HTTP {rates['http']}/s, bare SQL {rates['sql']}/s.")
        shown += _engines(entry)
    if "growth" in found:
        p50 = ", ".join(f"{int(s):,}: {ms} ms" for s, ms in found["growth"]["p50_ms"].items())
        shown += ["", f"**p50 by size of catalog**, without HTTP: {p50}."]
    if "quantization" in found:
        shown += _quantization(found["quantization"])
    if "demo" in found:
        shown += _demo(found["demo"])
    return shown


def _built(built: Mapping[str, float]) -> str:
    return (
        f"load {built['load_s']:.0f} s, HNSW {built['build_s']:.0f} s, "
        f"rows {_mib(built['table_bytes'])}, HNSW {_mib(built['index_bytes'])}"
    )


def _mib(count: float) -> str:
    return f"{count / 2**20:.0f} MiB"


def _engines(entry: Mapping[str, Any]) -> list[str]:
    if "engines" not in entry:
        return []
    shown = [
        "",
        "| engine: recall@10 / p50 ms | build s | size | " + " | ".join(SHARES.values()) + " |",
        "|---" * (len(SHARES) + 3) + "|",
    ]
    for name, measured in entry["engines"].items():
        peer = entry["peers"].get(name)
        if peer:
            what = f"{name} {peer['version']} | {peer['build_s']:.0f} | {_mib(peer['bytes'])}"
        else:
            built = entry["built"]
            total = built["table_bytes"] + built["index_bytes"]
            what = f"{name} | {built['load_s'] + built['build_s']:.0f} | {_mib(total)}"
        cells = [f"{m['recall']:.3f} / {m['p50_ms']:.1f}" for m in measured.values()]
        shown.append(f"| {what} | " + " | ".join(cells) + " |")
    failed = {name: p["error"] for name, p in entry["peers"].items() if "error" in p}
    return shown + [f"\n{name} could not be measured: {why}" for name, why in failed.items()]


def _quantization(found: Mapping[str, Any]) -> list[str]:
    half, bits = found["halfvec"], found["bits"]
    return [
        "",
        (f"**Half precision and bits** at {found['items']:,} items. HNSW on halfvec: {half['build_s']:.0f} s, "
        f"{_mib(half['bytes'])}; on `binary_quantize`: {bits['build_s']:.0f} s, {_mib(bits['bytes'])}."),
        "",
        "| | recall@10 | p50 ms |",
        "|---|---|---|",
        *(f"| {name} | {m['recall']:.3f} | {m['p50_ms']:.2f} |" for name, m in found["searches"].items()),
    ]  # fmt: skip


def _demo(found: Mapping[str, Any]) -> list[str]:
    times = found["latency"]
    return [
        "",
        (
            f"**The demo catalog**, {found['items']:,} items, queries are titles: HTTP {times['http']} ms, "
            f"bare SQL {times['sql']} ms. Recall@10 {found['recall']:.3f}."
        ),
        "",
        (
            "Share of the ten best by modality weights that are among 100 candidates, from the fused "
            "vectors alone, from the modality's own alone, and as `index.candidates` takes them:"
        ),
        "",
        "| weights | fused | own | candidates |",
        "|---|---|---|---|",
        *(
            f"| {name} | {m['fused']:.3f} | {m['own']:.3f} | {m['candidates']:.3f} |"
            for name, m in found["candidates"].items()
        ),
    ]


def write(found: Mapping[str, Any], rows: list[Bar]) -> None:
    """Put the section where the marks are in benchmarks/README.md."""
    text = README.read_text()
    before, _, rest = text.partition(START)
    _, _, after = rest.partition(END)
    README.write_text(f"{before}{START}\n" + "\n".join(lines(found, rows)) + f"\n{END}{after}")
