"""Whether a list after a denial is denied whole though no "and" or "or" closes it. Pure.

"Animals except dogs, cats" denies both; "shoes without laces, comfortable" wants comfort.
"""

import re
from collections.abc import Callable, Sequence
from typing import Final

LEAST: Final = 3
"""Who says "not red, blue" wants blue, and "no dogs, cats" may want cats where nothing else is said; who names
more of a kind counts up what is not wanted."""
_ONE_OF_THEM: Final = re.compile(r"(?:an?|une?|una|ein(?:e[nmrs]?)?)\s", re.IGNORECASE)
"""A list goes on as it began, while "not a dog, a cat" corrects itself."""


def is_list(
    said: Sequence[str],
    bare: Callable[[str], str],
    quality: Callable[[str], int | None],
    is_thing: Callable[[str], bool],
    *,
    is_said: bool,
    most_words: int = 1,
) -> bool:
    """Whether these are things alone, or qualities of one kind.

    ``said``: what stands between commas; ``bare``: one without its small words; ``is_thing``: of
    such a one; ``is_said``: what is looked for was said before; ``most_words``: of a thing.
    """
    if len(said) < (2 if is_said else LEAST) or any(
        _ONE_OF_THEM.match(each.strip()) for each in said
    ):
        return False
    things = [bare(each) for each in said]
    if not all(1 <= len(each.split()) <= most_words for each in things):
        return False
    kinds = {quality(word) for each in things for word in each.split()}
    if kinds == {None}:
        return all(is_thing(each) for each in things)
    is_bare = all(" " not in each for each in things)
    return is_bare and len(kinds) == 1 and len(things) >= LEAST
