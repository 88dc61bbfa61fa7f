"""The web pages: a search box, results and item views, all fed by the public API."""
