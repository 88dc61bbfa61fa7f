"""The API of retrieval: search, similar items, completions.

``answers`` takes a validated request to a page of hits and its JSON, ``parts`` reads what a query is made
of, ``schema`` says what answers look like.
"""

from retrieval.api.answers import Meaning
from retrieval.api.parts import upload_vector
from retrieval.api.schema import HITS_FIELDS
from retrieval.api.search import SearchView, search_answer
from retrieval.api.similar import SimilarToSeveralView, SimilarView, similar_answer
from retrieval.api.suggest import SuggestView

__all__ = [
    "HITS_FIELDS",
    "Meaning",
    "SearchView",
    "SimilarToSeveralView",
    "SimilarView",
    "SuggestView",
    "search_answer",
    "similar_answer",
    "upload_vector",
]
