"""Pieces of HTML for lists and forms; their styles are in ``catalog/admin.css``."""

from collections.abc import Sequence
from typing import Final

from django.template.defaultfilters import filesizeformat
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from catalog.models import Item, Media

STATE_VARIANTS: Final = {
    "active": "success",
    "ready": "info",
    "building": "warning",
    "failed": "danger",
}
STATUS_VARIANTS: Final = {"ready": "success", "pending": "info", "failed": "danger"}


def badge(text: str, variant: str = "", title: str = "") -> SafeString:
    """A coloured label; ``title`` is its tooltip."""
    context = {"text": text, "variant": variant, "label_title": title, "size": "md"}
    return render_to_string("unfold/helpers/label.html", context)


def status_badge(status: str, error_code: str = "", error: str = "") -> SafeString:
    """``ready``, ``pending`` or ``failed``, with the error as its tooltip."""
    title = ": ".join(part for part in (error_code, error) if part)
    return badge(status, STATUS_VARIANTS.get(status, ""), title)


def state_badge(state: str, error: str = "") -> SafeString:
    """Where something is in its life from building to retired, with why it failed as its tooltip."""
    return badge(state, STATE_VARIANTS.get(state, ""), error)


def badges(parts: Sequence[SafeString]) -> SafeString:
    """Labels side by side."""
    return format_html(
        '<span class="triad-badges">{}</span>', format_html_join("", "{}", ((p,) for p in parts))
    )


def preview(media: Media, size: str = "") -> SafeString:
    """The picture, linked to its file, or a player; ``size`` is ``small`` or nothing."""
    url = media.file.url
    if media.modality == Media.Modality.AUDIO:
        return format_html(
            '<audio class="triad-audio" controls preload="none" src="{}" title="{}"></audio>',
            url,
            media.alt,
        )
    if media.modality == Media.Modality.VIDEO:
        return format_html(
            '<video class="{}" controls preload="metadata" src="{}" title="{}"></video>',
            f"triad-video {size and f'triad-video-{size}'}".strip(),
            url,
            media.alt,
        )
    return format_html(
        '<a href="{}" target="_blank" rel="noopener">{}</a>', url, thumbnail(media, size)
    )


def waveform(player: SafeString, url: str) -> SafeString:
    """A player over the outline of its sound."""
    return format_html(
        '<span class="triad-heard">{}<img class="triad-waveform" src="{}" alt="waveform"'
        ' loading="lazy" decoding="async"></span>',
        player,
        url,
    )


def thumbnail(media: Media | None, size: str = "") -> SafeString:
    """A scaled picture, or an empty frame of the same size."""
    css = f"triad-thumb {size and f'triad-thumb-{size}'}".strip()
    if media is None:
        return format_html(
            '<span class="{} triad-thumb-none" role="img" aria-label="no picture"></span>', css
        )
    return format_html(
        '<img class="{}" src="{}" alt="{}" loading="lazy" decoding="async">',
        css,
        media.file.url,
        media.alt or "picture",  # it may be all that a link has
    )


def facts(media: Media) -> SafeString:
    """``image/png · 64 × 64 · 3.1 KB``."""
    parts = [media.content_type]
    if media.width and media.height:
        parts.append(f"{media.width} × {media.height}")
    if media.duration_s is not None:
        parts.append(f"{media.duration_s:.1f} s")
    parts.append(filesizeformat(media.bytes))
    return format_html('<span class="triad-facts">{}</span>', " · ".join(parts))


def two_lines(first: str, second: str) -> SafeString:
    """A strong line over a quiet one."""
    return format_html(
        '<span class="triad-two-lines"><strong>{}</strong><small>{}</small></span>', first, second
    )


def item_link(item: Item) -> SafeString:
    """The item's title, linked to its page."""
    url = reverse("admin:catalog_item_change", args=[item.pk])
    return format_html('<a class="triad-link" href="{}">{}</a>', url, item)
