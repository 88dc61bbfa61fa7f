"""A ranker's weights on its page of the admin."""

from typing import Final

from django.template.loader import render_to_string
from django.utils.html import format_html
from django.utils.safestring import SafeString

from recommender import ranking
from recommender.models import RecommenderModel
from recommender.ranking import LogisticRanker

PAIRS_SHOWN: Final = 10


def ranker_panel(row: RecommenderModel) -> SafeString:
    """A bar a weight: the features in the order of what they weigh, then the heaviest pairs."""
    if not row.parameters:
        return SafeString("Nothing was learned, or it was forgotten.")
    try:
        ranker = LogisticRanker.from_json(bytes(row.parameters).decode())
    except ValueError as err:
        return format_html("It is ignored: {}.", str(err))
    pairs = {f"{one} × {other}": weight for (one, other), weight in ranker.pairs.items()}
    heaviest = max(map(abs, (*ranker.weights.values(), *pairs.values())), default=0.0) or 1.0
    lines = [
        {
            "name": name,
            "weight": weight,
            "percent": round(100 * abs(weight) / heaviest),
            "formula": ranking.WEIGHTS.get(name),
        }
        for weights, most in ((ranker.weights, len(ranking.FEATURES)), (pairs, PAIRS_SHOWN))
        for name, weight in sorted(weights.items(), key=lambda each: -abs(each[1]))[:most]
    ]
    more = max(len(pairs) - PAIRS_SHOWN, 0)
    context = {"lines": lines, "bias": ranker.bias, "more": more}
    return render_to_string("recommender/admin/ranker.html", context)
