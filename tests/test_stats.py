"""Paired statistics against closed forms, brute force and simulation."""

from itertools import product
from math import comb, sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import redraft.stats
from redraft.stats import all_pairs, bootstrap, holm, mcnemar, wilson


class TestMcNemar:
    def test_closed_forms(self) -> None:
        assert mcnemar(0, 0) == (1, 1)
        assert mcnemar(10, 0) == pytest.approx((2 / 2**10, 1 / 2**10))
        assert mcnemar(1, 1) == pytest.approx((1, 0.75))
        assert mcnemar(1, 0) == (1, 0.5)

    @pytest.mark.parametrize(("wins", "losses"), [(3, 1), (7, 2), (2, 9), (4, 4), (8, 6)])
    def test_brute_force(self, wins: int, losses: int) -> None:
        """Every way in which the discordant rows could have fallen, each as likely."""
        count = wins + losses
        falls = [sum(each) for each in product((0, 1), repeat=count)]
        uneven = [abs(2 * fall - count) - abs(wins - losses) for fall in falls]
        p, mid_p = mcnemar(wins, losses)
        assert p == pytest.approx(sum(each >= 0 for each in uneven) / len(falls))
        assert mid_p == pytest.approx(sum((each > 0) + (each == 0) / 2 for each in uneven) / len(falls))

    def test_large_counts_neither_overflow_nor_vanish(self) -> None:
        p, _ = mcnemar(50_500, 49_500)
        z = (1000 - 1) / sqrt(100_000)  # with the correction for continuity
        assert p == pytest.approx(0.00158, rel=0.02) and z == pytest.approx(3.159, rel=1e-3)
        assert mcnemar(0, 400)[0] == pytest.approx(2 / 2.0**400)
        assert mcnemar(3, 7) == mcnemar(7, 3)


class TestBootstrap:
    def test_the_distribution_is_that_of_drawing_rows(self) -> None:
        """All 5^5 samples of five rows: the interval is made of quantiles of their means."""
        differences = np.array([1, 1, 0, -1, 1])
        means = np.array([np.mean(each) for each in product(differences, repeat=5)])
        low, high = bootstrap(differences, resamples=200_000, level=0.8)
        assert (low, high) == pytest.approx(tuple(np.quantile(means, [0.1, 0.9])))

    def test_groups_are_drawn_whole(self) -> None:
        differences, groups = np.array([1, 1, 1, -1, 0]), np.array([7, 7, 7, 2, 5])
        wholes = [differences[:3], differences[3:4], differences[4:]]
        means = np.array([np.concatenate([wholes[i] for i in each]).mean() for each in product(range(3), repeat=3)])
        found = bootstrap(differences, groups, resamples=100_000, level=0.8)
        assert found == pytest.approx(tuple(np.quantile(means, [0.1, 0.9], method="inverted_cdf")))

    def test_it_is_near_the_normal_interval_for_many_rows(self) -> None:
        differences = np.repeat([1, -1, 0], [300, 200, 1500])
        low, high = bootstrap(differences)
        spread = 1.96 * differences.std() / sqrt(len(differences))
        assert (low, high) == pytest.approx((0.05 - spread, 0.05 + spread), abs=0.002)

    def test_it_covers_the_truth_about_as_often_as_it_says(self) -> None:
        rng = np.random.default_rng(1)
        covered = 0
        for _ in range(300):
            drawn = rng.choice([1, -1, 0], p=[0.2, 0.1, 0.7], size=150)
            low, high = bootstrap(drawn, resamples=400)
            covered += low <= 0.1 <= high
        assert 0.91 <= covered / 300 <= 0.98

    def test_the_same_seed_gives_the_same_interval_however_it_is_divided(self, monkeypatch: pytest.MonkeyPatch) -> None:
        differences = np.random.default_rng(0).integers(-1, 2, 200)
        whole = bootstrap(differences, resamples=1000, seed=3)
        monkeypatch.setattr(redraft.stats, "_CELLS", 7)
        assert bootstrap(differences, resamples=1000, seed=3) == whole
        assert bootstrap(differences, resamples=1000, seed=4) != whole

    def test_one_row(self) -> None:
        assert bootstrap(np.array([1])) == (1, 1)


def test_holm() -> None:
    assert holm([]) == []
    assert holm([0.2]) == [0.2]
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.6, 0.5]) == [1, 1]


def test_false_alarms_of_the_exact_test_are_as_rare_as_it_says() -> None:
    """Of all outcomes of 20 discordant rows that fall either way alike, at most 5 % have a p below 0.05."""
    alarms = sum(comb(20, wins) for wins in range(21) if mcnemar(wins, 20 - wins)[0] < 0.05) / 2**20
    assert 0.02 < alarms <= 0.05


class TestAllPairs:
    a = np.array([1, 1, 1, 0, 0, 1], bool)
    b = np.array([1, 0, 0, 1, 0, 0], bool)
    everything = np.ones(6, bool)

    def test_counts(self) -> None:
        pair = all_pairs([self.a, self.b], [self.everything] * 2)[0, 1]
        assert (pair.rows, pair.both, pair.wins, pair.losses, pair.neither) == (6, 1, 3, 1, 1)
        assert pair.difference == pytest.approx(2 / 6) and pair.p == pair.holm == mcnemar(3, 1)[0]
        assert pair.interval[0] <= pair.difference <= pair.interval[1]

    def test_only_rows_that_both_answered_count(self) -> None:
        some = np.array([1, 1, 0, 0, 0, 0], bool)
        found = all_pairs([self.a, self.b, self.a], [self.everything, some, ~some])
        assert set(found) == {(0, 1), (0, 2)}, "the last two share no row"
        assert (found[0, 1].rows, found[0, 1].wins, found[0, 2].rows) == (2, 1, 4)
        assert found[0, 1].holm >= found[0, 1].p


@pytest.mark.parametrize(
    ("hits", "count", "low", "high"),
    [  # Newcombe 1998, table I, and the closed form at the ends
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
        (20, 20, 0.8389, 1.0),
    ],
)
def test_wilson(hits: int, count: int, low: float, high: float) -> None:
    assert wilson(hits, count) == pytest.approx((low, high), abs=6e-5)


@given(count=st.integers(1, 500), share=st.floats(0, 1))
def test_wilson_holds_the_share(count: int, share: float) -> None:
    hits = round(share * count)
    low, high = wilson(hits, count)
    assert 0 <= low <= hits / count + 1e-12 and hits / count - 1e-12 <= high <= 1
