"""What the log says of other policies, as people read it."""

from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import Console
from rich.table import Table


def show_logs(console: Console, report: Mapping[str, Any]) -> None:
    """Of each placement what was earned, and the estimates."""
    console.print(
        f"What was shown: {report['reward']}, with 95 % intervals by bootstrap over visitors; "
        f"weights clipped at {report['clip']:g}, seed {report['seed']}.",
        highlight=False,
    )
    for each in report["placements"]:
        _show(console, each)


def _show(console: Console, found: Mapping[str, Any]) -> None:
    console.print(
        f"\n[bold]{found['placement']}[/bold]: {found['answers']:,} answers to {found['visitors']:,} "
        f"visitors, {found['shown']:,} items shown, {found['explored']:,} of them drawn by chance, "
        f"{found['clicked']:,} clicked.",
        highlight=False,
    )
    if not found["clicked"]:
        console.print("Without a click there is nothing to weigh.")
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("policy", no_wrap=True)
    for title in ("IPS", "SNIPS", "worth, items", "clipped"):
        table.add_column(title, justify="right")
    table.add_row("as it was", _figure(found["earned"]), "", f"{found['shown']:,}", "")
    for row in _rows(found):
        table.add_row(*row)
    console.print(table)
    if not found["explored"]:
        console.print("Nothing here was left to chance: the log cannot tell of other policies.")
    for each in found["unanswered"]:
        console.print(f"{_policy(each['exploration'])}: {each['why']}.", highlight=False)


def _rows(found: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    for each in found["policies"]:
        ips, snips = each["ips"], each["snips"]
        yield (
            _policy(each["exploration"]),
            _figure(ips),
            _figure(snips),
            f"{ips['effective']:,.0f}",
            f"{ips['clipped']:.1%}",
        )


def _policy(times: float) -> str:
    return f"exploration x {times:g}" if times else "without exploration"


def _figure(each: Mapping[str, float]) -> str:
    return f"{each['value']:.4f} [dim]{each['low']:.4f}–{each['high']:.4f}[/dim]"
