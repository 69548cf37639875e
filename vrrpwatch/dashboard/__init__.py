"""The terminal dashboard: screens over a view of what goes on."""
