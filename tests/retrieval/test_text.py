import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.visible import INVISIBLE, has_visible
from retrieval.preprocess import document_texts, normalise
from retrieval.preprocess.text import with_whole_vowels


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("  two\t\n words ", "two words"),
        ("ｆｕｌｌ　ｗｉｄｔｈ", "full width"),
        ("a\x00b\x07c", "abc"),
        ("lone \ud800 surrogate", "lone surrogate"),
        ("\ufeffbom\u202e", "bom"),
        ("手机", "手机"),
        ("👩\u200d🚀", "👩\u200d🚀"),
        ("❤\ufe0f", "❤\ufe0f"),
        ("", ""),
        *((each, "") for each in "\u200d\u2800\u3164\ufe0f\u034f\uffa0"),
        ("\u2800 \u200d\ufe0f\n\u034f", ""),
    ],
)
def test_normalise(raw, clean):
    assert normalise(raw) == clean


@given(st.text(st.characters() | st.sampled_from(list(" \t\xa0\u2028\u200d\u202e\ufeff\xad"))))
def test_normalise_is_the_character_by_character_definition(text):
    composed = unicodedata.normalize("NFKC", text)
    dropped = {c for c in composed if unicodedata.category(c) in {"Cc", "Cs", "Cf"}} - {"\u200d"}
    kept = "".join((" " if c.isspace() else "") if c in dropped else c for c in composed)
    cleaned = " ".join(kept.split())
    assert normalise(text) == (cleaned if set(cleaned) - set(INVISIBLE) else "")


def test_long_texts_are_cut():
    assert normalise("ab " * 5_000, limit=5) == "ab ab"
    assert len(normalise("\ufdfa" * 10_000)) == 2_000


def test_document_texts():
    assert document_texts("Frog.", "Green.", ["pond", " ", "croak"]) == [
        "Frog.",
        "Frog. Green. pond, croak",
    ]
    assert document_texts("Frog") == ["Frog"]
    assert document_texts("", "", []) == []
    assert document_texts("", "Green") == ["Green"]


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("น้ำ", "\u0e19\u0e49\u0e33"),
        ("\u0e19\u0e4d\u0e49\u0e32", "\u0e19\u0e49\u0e33"),
        ("ດຳ", "\u0e94\u0eb3"),
        ("มา", "มา"),
    ],
)
def test_the_vowel_am_is_one_letter_again(text, whole):
    assert with_whole_vowels(normalise(text)) == whole


def test_a_title_may_be_whatever_leaves_a_query_something_to_search():
    everything = map(chr, (*range(0x3000, 0x3200), *range(0x3400), *range(0xFE00, 0x10000)))
    assert [char for char in everything if has_visible(char) != bool(normalise(char))] == []
