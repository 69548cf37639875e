"""The journal: what was observed, kept in a database across restarts and sensors."""
