"""Findings that a clinician can count."""
