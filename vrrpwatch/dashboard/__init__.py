"""The terminal dashboard: a :class:`vrrpwatch.core.news.View` as pages; it is run from ``run``."""
