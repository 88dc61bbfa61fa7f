"""Bulk import: a file becomes rows, rows become items. ``load.load`` is the loop."""
