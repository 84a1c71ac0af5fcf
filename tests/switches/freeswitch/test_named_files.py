"""Files that a channel's variables name as its recordings."""

import pytest

from ccfs.switches.freeswitch.recordings import APP_LOG_RECORD, PATH_SEPARATOR, list_named_files


@pytest.mark.parametrize(
    ("arguments", "path"),
    [
        ("/r/a.wav", "/r/a.wav"),
        ("/r/a.wav 3600", "/r/a.wav"),
        ("/r/a.wav +3600 200 5", "/r/a.wav"),
        ("/r/a 1.wav 30", "/r/a 1.wav"),
        ("/r/a.wav 30 x", "/r/a.wav 30 x"),
        ("/r/a.wav30", "/r/a.wav30"),
        ("/r/a.wav ++30", "/r/a.wav ++30"),
        ("{append=true}/r/a.wav 3600", "/r/a.wav"),
    ],
)
def test_time_limits_are_no_part_of_the_path(arguments: str, path: str) -> None:
    assert list_named_files({APP_LOG_RECORD: arguments}) == (path,)


def test_the_first_word_is_the_path_even_if_it_is_a_number() -> None:
    assert list_named_files({APP_LOG_RECORD: PATH_SEPARATOR.join(["/r/a.wav", " 30 5"])}) == ("/r/a.wav", "30")
