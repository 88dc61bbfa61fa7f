"""Whether a list after a denial is denied whole though no "and" or "or" closes it. Pure.

"Animals except dogs, cats" denies both; "shoes without laces, comfortable" wants comfort.
"""

import re
from collections.abc import Callable, Sequence
from typing import Final

LEAST_QUALITIES: Final = 3
"""Who says "not red, blue" wants blue; who names more of a kind counts up what is not wanted."""
_ONE_OF_THEM: Final = re.compile(r"(?:an?|une?|una|ein(?:e[nmrs]?)?)\s", re.IGNORECASE)
"""A list goes on as it began, while "not a dog, a cat" corrects itself."""


def is_list(
    said: Sequence[str],
    bare: Callable[[str], str],
    quality: Callable[[str], int | None],
    is_thing: Callable[[str], bool],
) -> bool:
    """Whether these are things alone, or qualities of one kind.

    ``said``: what stands between commas; ``bare``: one without its small words; ``is_thing``: of such a one.
    """
    if len(said) < 2 or any(_ONE_OF_THEM.match(each.strip()) for each in said):
        return False
    things = [bare(each) for each in said]
    if not all(each and " " not in each for each in things):
        return False
    kinds = {quality(each) for each in things}
    if kinds == {None}:
        return all(map(is_thing, things))
    return len(kinds) == 1 and len(things) >= LEAST_QUALITIES
