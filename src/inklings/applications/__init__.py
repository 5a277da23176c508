"""Whole tasks of one organ, made of the general parts."""
