"""The tables of the recommender: who visits, what they did, and what it says of them."""

from recommender.models.events import Event, EventKey
from recommender.models.profiles import PendingEvent, Profile
from recommender.models.visitors import Visitor

__all__ = ["Event", "EventKey", "PendingEvent", "Profile", "Visitor"]
