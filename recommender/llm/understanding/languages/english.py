"""English: its words with a meaning of their own in a question. ``english`` reads by them."""

from collections.abc import Mapping
from typing import Final

from recommender.llm.understanding.languages.types import classes, forms, table

ASKING: Final = (
    r"(?:hi|hello|hey|please|thanks|thank you|could you|can you|would you|will you)",
    r"(?:is|are|was|were)\s+there(?:\s+(?:any|an?|some))?",
    r"(?:do|does|did)\s+(?:you|it|they|the shop)\s+(?:have|sell|stock|offer|carry|know)",
    r"(?:have you|you)\s+(?:got|have|know|sell|recommend)",
    r"(?:show|give|find|get|bring|recommend|suggest|tell|sell)\s+(?:me|us)(?:\s+about)?",
    (
        r"(?:i|we)(?:\s+am|'m|’m| would|'d|’d)?\s+(?:really\s+)?(?:want|need|wish|look(?:ing)?|search(?:ing)?|like|love)"
        r"(?:\s+(?:for|to\s+(?:buy|have|get|see|find|use|hear|listen to)))?"
    ),
    r"how\s+(?:much|many|old|big|new)(?:\s+(?:is|are|does|do|for))?|(?:price|cost)s?(?:\s+of)?",
    r"(?:what|which|who|whose|whom|where|when|why|how)(?:'s|’s)?(?:\s+(?:kinds?|sorts?|types?)\s+of)?",
    r"(?:any|some)(?:thing|one|body)?",
    r"(?:things?|stuff|items?|products?)",
    r"more(?=\s+\S)",
    r"(?:can|could|may|might|shall|should|would|will|do|does|did|is|are|am|was|were|be)",
    r"(?:i|me|my|you|your|we|us|our|there|it|its|an?|the|that|this|these|those)",
)
"""What only makes a sentence a question."""
OWN: Final = r"\b(?:where|when|why)\b.*\b(?:my|our)\b"
"""A question about what is the asker's own already: an order, a parcel."""
_DAY: Final = r"(?:today|tomorrow|tonight|yesterday|outside|this\s+(?:morning|afternoon|evening|week|weekend))"
_PLACE: Final = r"(?:\s+in\s+\w+)?"
NOW: Final = (
    rf"\bwhat\s+\w+\s+is\s+it{_PLACE}(?:\s+(?:there|now|{_DAY}))?\s*[?!.]*$"
    rf"|\bhow(?:'s|\s+(?:is|was|will|are))\s+(?:the\s+)?\w+(?:\s+(?:be|like|going|doing))*{_PLACE}(?:\s+(?:now|{_DAY}))?\s*[?!.]*$"
    rf"|\bwhat(?:'s|\s+(?:is|was|will))\s+the\s+(?:time|date|weather|temperature|\w+\s.*\b{_DAY})\b"
    rf"|\b(?:is|will|does|did|was)\s+it\s+\w+.*\b{_DAY}"
)
"""A question about how the world is just now: what time it is, how the weather will be."""
DOES: Final = forms(
    """
    flying flies: fly
    swim swimming swims: swim
    barking barks: bark
    sing singing sings: sing
    jump jumping jumps hopping hops: jump
    crawl crawling crawls: crawl
    stinging stings: sting
    shining shines glowing glows: shine
    rolling rolls: roll
    ringing rings: ring
    gallop galloping gallops: gallop
    croak croaking croaks: croak
    """
)
ABLE: Final = r"\b(?:can|could|that|which|who|able\s+to|to)\s+(?P<verb>fly|swim|bark|sing|jump|hop|crawl|sting|shine|glow|roll|ring|gallop|croak)\b"
"""Where a word is a verb that may be a thing: an animal that can fly is no fly."""
NAMES: Final = table(
    """
    smartphone: phone
    mobile phone: phone
    cell phone: phone
    cellphone: phone
    mobile: phone
    earphone: headphone
    earbud: headphone
    headset: headphone
    trainer: sneaker
    coat: coat, jacket
    parka: jacket
    gown: dress
    couch: sofa
    stool: chair
    armchair: chair
    desk lamp: lamp
    rucksack: backpack
    handbag: bag
    novel: book
    wristwatch: watch
    bug: insect, bug
    veggie: vegetable
    """
)
QUALITIES: Final = classes(
    """
    red blue green yellow orange purple pink brown black white grey gray golden gold silver beige turquoise violet
    leather wooden wood plastic metal steel cotton wool silk glass paper rubber denim linen bamboo ceramic
    small smaller big bigger large larger tiny huge medium mini
    quiet quieter loud louder
    light lighter heavy heavier
    short shorter long longer
    warm warmer cool cooler
    simple simpler plain fancy fancier
    new newer old older vintage modern
    """
)
PRICES: Final = frozenset(
    [
        "affordable",
        "cheap",
        "cheaper",
        "cheapest",
        "costly",
        "dear",
        "dearer",
        "expensive",
        "less",
        "more",
        "overpriced",
        "pricey",
        "pricier",
        "too",
    ]
)
"""Small words of prices that tell a question's language."""
IRREGULAR: Final[Mapping[str, str]] = {
    "knives": "knife", "wives": "wife", "lives": "life", "mice": "mouse", "geese": "goose",
    "men": "man", "women": "woman", "children": "child", "people": "person", "feet": "foot",
    "teeth": "tooth", "clothes": "clothes", "movies": "movie", "cookies": "cookie",
    "gloves": "glove", "olives": "olive", "caves": "cave", "waves": "wave", "stoves": "stove",
    "buses": "bus", "glasses": "glasses", "series": "series", "species": "species", "canoes": "canoe",
    "toes": "toe", "shoes": "shoe", "hoes": "hoe", "axes": "axe", "caches": "cache", "headaches": "headache",
}  # fmt: skip
MEDIA_WORDS: Final = frozenset(
    {"sound", "picture", "photo", "image", "video", "clip", "song", "icon", "emoji", "drawing"}
)
"""They say what is seen or heard of things, not what kind of thing it is."""
MEASURES: Final = frozenset(
    [
        "kg",
        "g",
        "mg",
        "gram",
        "grams",
        "kilo",
        "kilos",
        "kilograms",
        "lb",
        "lbs",
        "pound-weight",
        "oz",
        "ounces",
        "cm",
        "mm",
        "m",
        "km",
        "meter",
        "meters",
        "metre",
        "metres",
        "inch",
        "inches",
        "in",
        "ft",
        "feet",
        "yards",
        "miles",
        "l",
        "ml",
        "liter",
        "liters",
        "litre",
        "litres",
        "hour",
        "hours",
        "h",
        "hr",
        "hrs",
        "minute",
        "minutes",
        "min",
        "mins",
        "second",
        "seconds",
        "s",
        "day",
        "days",
        "week",
        "weeks",
        "month",
        "months",
        "year",
        "years",
        "yr",
        "yrs",
        "page",
        "pages",
        "piece",
        "pieces",
        "pcs",
        "mb",
        "gb",
        "tb",
        "megabytes",
        "gigabytes",
        "megapixel",
        "megapixels",
        "mp",
        "w",
        "watt",
        "watts",
        "v",
        "volt",
        "volts",
        "mah",
        "hz",
        "khz",
        "db",
        "decibels",
        "%",
        "percent",
        "stars",
        "star",
        "people",
        "persons",
        "players",
        "kids",
        "children",
        "degrees",
        "calories",
        "items",
        "colours",
        "colors",
        "keys",
        "strings",
    ]
)
"""After a number: then it is no price."""
