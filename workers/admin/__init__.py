"""The admin's first page and the page of the jobs: what no app below sees whole."""

from django.contrib import admin

admin.site.index_template = "workers/admin/dashboard.html"
admin.site.index_title = "Overview"
