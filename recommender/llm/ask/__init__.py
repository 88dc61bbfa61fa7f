"""Questions to the catalog: found, cited, worded; and asked on.

``draft(asked)`` finds and cites, ``pieces(draft)`` and ``worded(draft)`` say it; ``signed(state)`` and
``opened(history)`` carry a conversation.
"""

from recommender.llm.ask.answering import Asked, draft
from recommender.llm.ask.conversation import opened, signed
from recommender.llm.ask.types import Cited, Draft, Quote, State, Wanted
from recommender.llm.ask.wording import Worded, pieces, worded

__all__ = [
    "Asked",
    "Cited",
    "Draft",
    "Quote",
    "State",
    "Wanted",
    "Worded",
    "draft",
    "opened",
    "pieces",
    "signed",
    "worded",
]
