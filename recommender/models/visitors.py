"""Who visits."""

from django.core.validators import RegexValidator
from django.db import models
from django.db.models.functions import Now

# "." and ".." would be eaten by whoever normalises an address
VISITOR_PATTERN = r"(?!\.{1,2}\Z)[A-Za-z0-9._:@|=+~-]{1,128}"
VISITOR_RULE = "Use 1 to 128 characters from A-Z a-z 0-9 . _ : @ | = + ~ -"

validate_visitor = RegexValidator(rf"^{VISITOR_PATTERN}\Z", VISITOR_RULE, code="visitor")


class Visitor(models.Model):
    """A person or a device, known by your identifier only.

    One that was merged into another has no events of its own any more: they are the other's. That
    other is never merged itself, so one step leads from any identifier to whom it belongs.
    """

    id = models.BigAutoField(primary_key=True)
    external_id = models.CharField(max_length=128, unique=True, validators=[validate_visitor])
    merged_into = models.ForeignKey(
        "self", on_delete=models.CASCADE, null=True, blank=True, related_name="aliases"
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return self.external_id
