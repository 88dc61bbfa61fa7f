"""The admin pages of other people's apps, in the look of ours."""

from typing import Any, Final

from axes.admin import AccessAttemptAdmin, AccessFailureLogAdmin, AccessLogAdmin
from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group, User
from django_celery_beat.admin import (
    ClockedScheduleAdmin,
    CrontabScheduleAdmin,
    IntervalScheduleAdmin,
    PeriodicTaskAdmin,
    PeriodicTaskForm,
    SolarScheduleAdmin,
    TaskSelectWidget,
)
from django_celery_beat.models import (
    ClockedSchedule,
    CrontabSchedule,
    IntervalSchedule,
    PeriodicTask,
    SolarSchedule,
)
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from catalog.admin.base import AuditedActions


class StyledTaskSelect(UnfoldAdminSelectWidget, TaskSelectWidget):
    """The registered tasks."""


class StyledPeriodicTaskForm(PeriodicTaskForm):
    """The two fields that the form declares itself get our widgets too."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["task"].widget = UnfoldAdminTextInputWidget()
        self.fields["regtask"].widget = StyledTaskSelect()


STYLED: Final[dict[Any, tuple[Any, dict[str, Any]]]] = {
    User: (
        UserAdmin,
        {
            "form": UserChangeForm,
            "add_form": UserCreationForm,
            "change_password_form": AdminPasswordChangeForm,
        },
    ),
    Group: (GroupAdmin, {}),
    PeriodicTask: (PeriodicTaskAdmin, {"form": StyledPeriodicTaskForm}),
    IntervalSchedule: (IntervalScheduleAdmin, {}),
    CrontabSchedule: (CrontabScheduleAdmin, {}),
    ClockedSchedule: (ClockedScheduleAdmin, {}),
    SolarSchedule: (SolarScheduleAdmin, {}),
    AccessAttempt: (AccessAttemptAdmin, {}),
    AccessLog: (AccessLogAdmin, {}),
    AccessFailureLog: (AccessFailureLogAdmin, {}),
}

for model, (theirs, options) in STYLED.items():
    admin.site.unregister(model)
    admin.site.register(model, type(theirs.__name__, (theirs, AuditedActions), options))
