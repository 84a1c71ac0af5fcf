"""How far scorers of the same call agree. Pure, in exact fractions."""

from collections import Counter
from collections.abc import Sequence
from fractions import Fraction
from itertools import combinations


def measure_agreement(values: Sequence[str]) -> Fraction | None:
    """Return the share of the pairs of scorers who gave the same answer; None for fewer than two scorers."""
    pairs = list(combinations(values, 2))
    return Fraction(sum(first == second for first, second in pairs), len(pairs)) if pairs else None


def compute_kappa(first: Sequence[str], second: Sequence[str]) -> Fraction | None:
    """Return Cohen's kappa of two scorers' answers to the same questions, at most 1.

    It is the agreement beyond that which their frequencies of each answer would give by chance: (po - pe) / (1 - pe). None
    if there is no question, or if both gave the same answer to all, so that chance would agree as well.
    """
    count = len(first)
    if count == 0:
        return None
    observed = Fraction(sum(one == other for one, other in zip(first, second, strict=True)), count)
    firsts, seconds = Counter(first), Counter(second)
    expected = Fraction(sum(firsts[value] * seconds[value] for value in firsts), count * count)
    return None if expected == 1 else (observed - expected) / (1 - expected)


def compute_mean_kappa(answers: Sequence[Sequence[str]]) -> Fraction | None:
    """Return the mean of Cohen's kappa over all pairs of scorers (Light's kappa); None if no pair has one."""
    kappas = [compute_kappa(first, second) for first, second in combinations(answers, 2)]
    known = [kappa for kappa in kappas if kappa is not None]
    return sum(known, Fraction(0)) / len(known) if known else None
