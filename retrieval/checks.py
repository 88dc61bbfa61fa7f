"""What Django checks at start-up about this app's settings."""

from typing import Any

from django.conf import settings
from django.core.checks import Error, register

from retrieval.filters.fields import declaration_problems


@register
def filters_declared(**_: Any) -> list[Error]:
    """``RETRIEVAL["FILTERS"]`` names attributes and types."""
    return [
        Error(problem, hint='See RETRIEVAL["FILTERS"] in the settings.', id="retrieval.E001")
        for problem in declaration_problems(settings.RETRIEVAL["FILTERS"])
    ]
