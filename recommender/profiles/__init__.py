"""What visitors are drawn to in the active space, a second after they did something.

- ``reading``: ``taste_of(visitor, space, now) -> Taste``, what waits to be taken in included
- ``updating``: ``profiles_update(limit) -> events taken in``, ``profiles_renew(limit)`` after a switch
- ``waking``: ``profiles_wake()`` after a change; ``profiles_catch_up()`` is what the task does
- ``showing``: ``profiles_exported(visitor_id, now)``, ``items_of(taste)``
- ``upkeep``: ``profiles_upkeep()`` for the sweep, ``parked_release``, ``profiles_join``, ``profiles_forget``
"""

from recommender.profiles.reading import columns, taste_of, taste_read
from recommender.profiles.showing import items_of, profiles_exported
from recommender.profiles.updating import profiles_renew, profiles_update
from recommender.profiles.upkeep import (
    parked_release,
    profiles_forget,
    profiles_join,
    profiles_upkeep,
)
from recommender.profiles.waking import profiles_catch_up, profiles_wake, profiles_wake_again

__all__ = [
    "columns",
    "items_of",
    "parked_release",
    "profiles_catch_up",
    "profiles_exported",
    "profiles_forget",
    "profiles_join",
    "profiles_renew",
    "profiles_update",
    "profiles_upkeep",
    "profiles_wake",
    "profiles_wake_again",
    "taste_of",
    "taste_read",
]
