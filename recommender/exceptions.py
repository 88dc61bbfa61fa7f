"""What can go wrong in the recommender; ``code`` is stable and reaches the API."""

from collections.abc import Iterable, Mapping
from typing import Literal, TypeAlias

LlmFailure: TypeAlias = Literal["off", "down", "slow", "rate_limited", "budget", "malformed"]


class RecommenderError(Exception):
    """Base of all errors of this app."""

    code = "recommender_error"


class InvalidEvent(RecommenderError):
    """An event that cannot be stored; ``errors`` maps a field to what is wrong with it."""

    code = "invalid"

    def __init__(self, errors: Mapping[str, str]) -> None:
        super().__init__(" ".join(f"{field}: {problem}" for field, problem in errors.items()))
        self.errors = dict(errors)


class EventConflict(RecommenderError):
    """The id belongs to an event with another content."""

    code = "id_conflict"

    def __init__(self, key: str) -> None:
        super().__init__(
            f"id: {key!r} belongs to an event with another content; give every event its own id."
        )


class MergeIntoItself(RecommenderError):
    """A visitor cannot become itself."""

    code = "merge_into_itself"

    def __init__(self, visitor: str) -> None:
        super().__init__(f"into: is {visitor!r} itself; name another visitor.")


class MergeConflict(RecommenderError):
    """The visitor belongs to somebody else already, or the merge would close a circle."""

    code = "merge_conflict"


class VisitorBusy(RecommenderError):
    """A visitor was forgotten again and again while events of theirs arrived."""

    code = "visitor_busy"

    def __init__(self) -> None:
        super().__init__("The visitors are being forgotten at the same moment; send it again.")


class UnknownPlacement(RecommenderError):
    """No placement of that name is declared."""

    code = "unknown_placement"

    def __init__(self, name: str, known: Iterable[str]) -> None:
        super().__init__(
            f"placement: there is no {name[:100]!r}; there are: {', '.join(known) or 'none'}."
        )


class UnknownExperiment(RecommenderError):
    """There is no experiment of that name."""

    code = "unknown_experiment"

    def __init__(self, name: str, known: Iterable[str]) -> None:
        super().__init__(
            f"There is no experiment {name!r}; there are: {', '.join(known) or 'none'}."
        )


class ExperimentConflict(RecommenderError):
    """The experiment is in a state, or the placement has an experiment, that does not allow it."""

    code = "experiment_conflict"


class InvalidOption(RecommenderError, ValueError):
    """An option of a placement has a value that makes no sense."""

    code = "invalid"


class InvalidRule(RecommenderError):
    """A rule that makes no sense; ``errors`` maps a field to what is wrong with it."""

    code = "invalid"

    def __init__(self, errors: Mapping[str, str]) -> None:
        super().__init__(" ".join(f"{field}: {problem}" for field, problem in errors.items()))
        self.errors = dict(errors)


class NothingLogged(RecommenderError):
    """No answer is in the log."""

    code = "nothing_logged"

    def __init__(self, placement: str = "") -> None:
        of = f" of {placement!r}" if placement else ""
        super().__init__(
            f"No answers{of} are in the log: nothing can be estimated. They are kept when somebody asks "
            f"for recommendations, GET /api/v1/recommendations/?placement={placement or 'home'}."
        )


class NothingToLearn(RecommenderError):
    """There is no event to learn from, or too little."""

    code = "nothing_to_learn"

    def __init__(
        self,
        why: str = "There are no interactions.",
        repair: str = "Send events (POST /api/v1/events/) or import some (`manage.py import_events`).",
    ) -> None:
        super().__init__(f"{why} {repair}")


class TooManyItems(RecommenderError):
    """A dense model of so many items would not fit into memory."""

    code = "too_many_items"

    def __init__(self, items: int, most: int) -> None:
        super().__init__(
            f"{items} items are too many for a dense item-item model, which takes {most}: use "
            "`item-knn`, which is sparse."
        )
        self.items, self.most = items, most


class ModelConflict(RecommenderError):
    """A model version cannot be made, activated, rolled back or retired as things are."""

    code = "model_conflict"


class TrainingLost(RecommenderError):
    """The lease ran out while training went on, and the version has failed since."""

    code = "training_lost"

    def __init__(self, name: str) -> None:
        super().__init__(f"The training of {name!r} was given up meanwhile.")


class SuggestionConflict(RecommenderError):
    """A suggestion was decided already, or its place in the catalog has other words by now."""

    code = "suggestion_conflict"


class LlmUnavailable(RecommenderError):
    """The language model gave no usable answer: whoever asked goes on without one.

    ``code``: off (no provider), down (not reached, or it failed), slow (the time is up), rate_limited,
    budget (spent), malformed (junk, cut off, too long, or not what the schema says).
    """

    def __init__(self, code: LlmFailure, why: str) -> None:
        super().__init__(f"No answer of a language model: {why}")
        self.code = code
