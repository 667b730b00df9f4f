"""Metrics with the conventions of the official scorers: plain functions and torchmetrics objects."""
