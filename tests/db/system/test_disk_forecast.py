"""The forecast of when a disk will be full: its bound holds the truth of simulated disks, and steps do not mislead it."""

import random
from datetime import UTC, datetime, timedelta

import pytest

from ccfs.db.system.storage.disk_samples import DiskSample
from ccfs.status.disk_forecast import forecast_full

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
GB = 1 << 30
SIZE = 4000 * GB
HOUR = timedelta(hours=1)


def simulate(daily: float, days: int, noise: float, seed: int, free_now: float = 1000.0) -> list[DiskSample]:
    """Return hourly samples of a disk that loses `daily` GB on average, in the ten busy hours of each day."""
    dice, free, samples = random.Random(seed), free_now, []
    for back in range(days * 24 + 1):
        at = NOW - back * HOUR
        samples.append(DiskSample(sampled_at=at, free=int(free * GB), size=SIZE))
        if 8 <= at.hour < 18:
            free += daily / 10 * dice.uniform(1 - noise, 1 + noise)
    return samples[::-1]


@pytest.mark.parametrize("daily", [3.0, 20.0, 150.0])
@pytest.mark.parametrize("days", [2, 5, 14])
def test_the_bound_of_a_forecast_holds_the_truth(daily: float, days: int) -> None:
    held = 0
    for seed in range(25):
        forecast = forecast_full(simulate(daily, days, 0.5, seed), 100 * GB)
        assert forecast is not None
        truth = 900 / daily
        assert forecast.days == pytest.approx(truth, rel=0.3, abs=1)
        held += forecast.earliest - 1 <= truth <= (forecast.latest or truth) + 1
    assert held >= 20  # of 25: nine of ten, give or take


def test_it_forecasts_the_same_however_late_in_the_day() -> None:
    samples = simulate(24, 10, 0, 1)
    days = {
        forecast.days for end in range(len(samples) - 24, len(samples)) if (forecast := forecast_full(samples[:end], 0))
    }
    assert max(days) - min(days) <= 1


def test_a_single_event_and_an_enlarged_disk_do_not_mislead_it() -> None:
    samples = simulate(20, 14, 0.2, 7)
    event = len(samples) // 3
    deleted = [
        DiskSample(sampled_at=one.sampled_at, free=one.free - 500 * GB * (index < event), size=SIZE)
        for index, one in enumerate(samples)
    ]
    forecast = forecast_full(deleted, 0)
    assert forecast is not None
    assert forecast.days == pytest.approx(50, abs=8)
    enlarged = [
        DiskSample(sampled_at=one.sampled_at, free=one.free, size=SIZE // (2 if index < event else 1))
        for index, one in enumerate(samples)
    ]
    forecast = forecast_full(enlarged, 0)
    assert forecast is not None
    assert forecast.days == pytest.approx(50, abs=3)


def test_there_is_no_forecast_without_two_days_or_for_a_disk_that_does_not_fill() -> None:
    assert forecast_full([], 0) is None
    assert forecast_full(simulate(20, 1, 0, 1), 0) is None
    assert forecast_full(simulate(20, 14, 0, 1)[:40], 0) is None
    assert forecast_full(simulate(0, 14, 0, 1), 0) is None
    assert forecast_full(simulate(-20, 14, 0, 1), 0) is None


def test_a_disk_that_fills_only_on_some_days_is_perhaps_never_full() -> None:
    samples = [
        DiskSample(sampled_at=NOW - back * HOUR, free=(1000 + max(0, back - 150)) * GB, size=SIZE)
        for back in range(240, -1, -1)
    ]
    forecast = forecast_full(samples, 0)
    assert forecast is None or forecast.latest is None
    full = forecast_full(simulate(20, 5, 0, 1, free_now=50), 100 * GB)
    assert full is not None
    assert (full.days, full.earliest) == (0, 0)
