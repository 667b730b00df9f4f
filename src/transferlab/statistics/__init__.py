"""What a table may claim: scores from counts of test items, their intervals, and verdicts on differences.

Needs no torch. ``items`` holds the counts, ``scores`` the scores of their sums, ``crossed`` the variance over items and
seeds, ``verdicts`` the comparison of settings with a baseline, ``rankings`` the same for orders of sources.
"""
