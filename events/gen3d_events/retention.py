"""How long what was consumed can come back, and is remembered. Pure."""

ARCHIVE_DAYS = 14
"""How long the bus's archive can replay an event (the template's RetentionDays)."""

RECORD_DAYS = 30
"""How long it is remembered that an event was consumed: longer than a replay can bring it back."""
