"""Bags: many instances under one label. What they are on disk, without torch."""
