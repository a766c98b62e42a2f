"""Ratios of runs that alternate, and how sure they are."""

import random
import statistics


def bound(pairs, quantile):
    """A one-sided bound of the median of ratios: bootstrap over rounds."""
    rng = random.Random(1)
    medians = sorted(statistics.median(rng.choices(pairs, k=len(pairs))) for _ in range(4_000))
    return medians[int(quantile * (len(medians) - 1))]
