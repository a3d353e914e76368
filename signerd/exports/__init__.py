"""Formats that audit records are exported in. Pure: from a record's JSON to a line of text."""
