"""The admin's first page and the page of the jobs: what no app below sees whole."""

from django.contrib import admin

from workers.admin.jobs import JobsAdmin

__all__ = ["JobsAdmin"]

admin.site.index_template = "workers/admin/dashboard.html"
admin.site.index_title = "Overview"
