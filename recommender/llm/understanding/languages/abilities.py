"""Who does what: an item's words name what it is, a question often what it does."""

from collections.abc import Mapping
from typing import Final

DOERS: Final[Mapping[str, tuple[str, ...]]] = {
    "fly": ("bird", "eagle", "owl", "dove", "parrot", "bat", "butterfly", "bee", "airplane"),
    "swim": ("fish", "dolphin", "duck", "turtle"),
    "bark": ("dog",),
    "sing": ("bird", "singer"),
    "jump": ("frog", "kangaroo", "rabbit"),
    "crawl": ("insect", "snake", "snail"),
    "sting": ("bee", "scorpion"),
    "shine": ("sun", "star", "lamp"),
    "roll": ("wheel", "ball"),
    "ring": ("bell", "phone"),
    "gallop": ("horse",),
    "croak": ("frog",),
}
"""English verb -> what commonly does it, the likeliest first; asked for together with what else the
question says, so that of its animals that fly birds are found and no airplanes."""
KINDS: Final[Mapping[str, str]] = {
    "eagle": "bird", "owl": "bird", "dove": "bird", "parrot": "bird", "duck": "bird",
    "bee": "insect", "butterfly": "insect",
}  # fmt: skip
"""What a doer is as well: who wants no birds means no owls."""
