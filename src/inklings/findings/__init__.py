"""Findings that a clinician can count: the record and its files."""

from inklings.findings.finding import Finding, Findings, Side

__all__ = ["Finding", "Findings", "Side"]
