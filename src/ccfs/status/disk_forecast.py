"""When a disk will be full, by the samples of its free space of the last two weeks. Pure.

The forecast is the median of the daily changes of free space between all pairs of samples that are whole days apart
(Theil and Sen's slope). A day holds the busy and the quiet hours, so neither distorts it; and the median ignores single
events, such as a backup that is deleted. Its bound is how much the days differ: the 90% confidence interval of their mean
(Student's t), so few or unequal days give a wide one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from math import sqrt
from statistics import median, stdev
from typing import Final

from ccfs.db.system.storage.disk_samples import DiskSample

PERIOD: Final = timedelta(days=14)
MIN_DAYS: Final = 2  # that the samples span; before, the growth of the recordings must do
MAX_SAMPLES: Final = 120  # of which all pairs are compared: some thousand
_DAY: Final = timedelta(days=1)
_HOUR: Final = timedelta(hours=1)
_STUDENT_T: Final = (6.31, 2.92, 2.35, 2.13, 2.02, 1.94, 1.89, 1.86, 1.83, 1.81, 1.80, 1.78, 1.77)  # 90%, by n - 2


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskForecast:
    """Days until a disk is full."""

    days: int
    earliest: int
    latest: int | None  # None: perhaps never
    daily: int  # bytes that a day takes


def forecast_full(samples: Sequence[DiskSample], min_free: int) -> DiskForecast | None:
    """Return when less than `min_free` bytes will be free, from the latest sample on.

    `samples` are those of PERIOD in order of time, one an hour at most. None if they are too few, or if the disk does
    not fill.
    """
    if not samples:
        return None
    losses = _list_daily_losses(_thin_out(_since_resize(samples)))
    whole_days = _list_whole_days(_since_resize(samples))
    if not losses or len(whole_days) < MIN_DAYS or (loss := median(losses)) < 1:
        return None
    spread = _STUDENT_T[min(len(whole_days), len(_STUDENT_T) + 1) - 2] * stdev(whole_days) / sqrt(len(whole_days))
    left = max(0, samples[-1].free - min_free)
    return DiskForecast(
        days=int(left / loss),
        earliest=int(left / (loss + spread)),
        latest=int(left / (loss - spread)) if loss - spread >= 1 else None,
        daily=int(loss),
    )


def _since_resize(samples: Sequence[DiskSample]) -> Sequence[DiskSample]:
    """Return the last samples of one size: a disk that was enlarged, or exchanged, begins from scratch."""
    size = samples[-1].size
    start = next((index + 1 for index in range(len(samples) - 1, -1, -1) if samples[index].size != size), 0)
    return samples[start:]


def _thin_out(samples: Sequence[DiskSample]) -> Sequence[DiskSample]:
    """Return samples of every second, third, … hour, so that enough are whole days apart."""
    step = next(hours for hours in (1, 2, 3, 4, 6, 8, 12, 24) if len(samples) <= MAX_SAMPLES * hours or hours == 24)
    last = samples[-1].sampled_at
    return [sample for sample in samples if round((last - sample.sampled_at) / _HOUR) % step == 0]


def _list_daily_losses(samples: Sequence[DiskSample]) -> list[float]:
    """Return the bytes that a day took, for all pairs of samples that are whole days apart."""
    losses = []
    for index, earlier in enumerate(samples):
        for later in samples[index + 1 :]:
            gap = later.sampled_at - earlier.sampled_at
            if gap % _DAY == timedelta():
                losses.append((earlier.free - later.free) / (gap / _DAY))
    return losses


def _list_whole_days(samples: Sequence[DiskSample]) -> list[float]:
    """Return the bytes that each of the days before the last sample took; days without both ends are left out."""
    last = samples[-1].sampled_at
    ends = {
        (last - sample.sampled_at) // _DAY: sample
        for sample in samples
        if (last - sample.sampled_at) % _DAY == timedelta()
    }
    days = sorted(ends)
    return [float(ends[older].free - ends[newer].free) for newer, older in pairwise(days) if older - newer == 1]
