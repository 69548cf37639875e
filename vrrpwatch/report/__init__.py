"""How an analysis is shown: tables, JSON, CSV and HTML, made from core values only."""
