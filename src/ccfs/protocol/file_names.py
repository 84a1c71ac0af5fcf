"""File names of the interface: their shapes and the VDN in them. ccfs looks names up in the database and never opens them as paths.

Sources: D0835 (0300010, 0300012), D0824, D0825, D0826, D0829. Spec section 6 lists the shapes.
"""

import re
from datetime import datetime

_DRIVE = r"(?:[A-Za-z]:)?"
_IVR_MESSAGE = re.compile(_DRIVE + r"/(?P<vdn>\d{1,9})/record/(?P<date>[^/]+)/[^/]+\.[A-Za-z0-9]+\Z")
_OIAP = (
    re.compile(_DRIVE + r"/record/(?P<vdn>\d{1,9})/odfsrecord/(?P<date>[^/]+)/[^/]+\.[A-Za-z0-9]+\Z"),
    re.compile(_DRIVE + r"/(?P<vdn>\d{1,9})/odfsrecord/(?P<date>[^/]+)/[^/]+\.[A-Za-z0-9]+\Z"),
    re.compile(_DRIVE + r"/record/(?P<vdn>\d{1,9})/(?P<date>[^/]+)/[^/]+\.[A-Za-z0-9]+\Z"),
    re.compile(_DRIVE + r"/(?P<vdn>\d{1,9})/transferrecord/(?P<date>[^/]+)/[^/]+\.[A-Za-z0-9]+\Z"),
)
_PROMPT = re.compile(_DRIVE + r"/IVR/\d{1,9}/voice/(?P<vdn>\d{1,9})/[^/]+\.[A-Za-z0-9]+\Z")  # CLIENT P
_ORIGINAL_NAME = re.compile(_DRIVE + r"/\d{1,9}/[01]/(?P<date>[^/]+)/[^/]+/[^/]+\Z")
_INDEX_NAME = re.compile(r"/\d{1,9}/\d{1,9}/record/[^/]+/[^/]+/(?P<date>[^/]+)/[^/]+/[^/]+\Z")


def canonicalise_name(name: str) -> str:
    """Return the name with "/" for "\\" and the drive letter in upper case: the form that the database stores."""
    name = name.replace("\\", "/")
    return name[0].upper() + name[1:] if name[1:2] == ":" else name


def has_invalid_date(name: str) -> bool:
    """Whether the name has the shape of a recording's name with an invalid date (0300010)."""
    match = _ORIGINAL_NAME.match(name) or _INDEX_NAME.match(name)
    if match is None:
        return False
    date = match["date"]
    try:
        return not (len(date) == 8 and date.isascii() and date.isdigit() and datetime.strptime(date, "%Y%m%d"))
    except ValueError:
        return True


def parse_ivr_message_vdn(name: str, folder: str) -> int | None:
    """Return the VDN of an IVR voice message's name, None for another shape. `folder` is the part after the VDN ("record")."""
    match = _IVR_MESSAGE.match(name.replace(f"/{folder}/", "/record/", 1))
    return int(match["vdn"]) if match else None


def parse_oiap_record_vdn(name: str) -> int | None:
    """Return the VDN of the name of an intelligent-IVR recording or a prompt, None for another shape."""
    match = next(filter(None, (shape.match(name) for shape in (*_OIAP, _PROMPT))), None)
    return int(match["vdn"]) if match else None


def vdn_from_path_rules(name: str, rules: str) -> int | None:
    """Return the VDN of a path at or below one of the `;`-separated rules with %VDNNO%, None if no rule matches."""
    bare = re.sub(r"\A[A-Za-z]:", "", name)
    for rule in filter(None, (part.strip().rstrip("/") for part in rules.split(";"))):
        if match := compile_path_rule(rule).match(bare):
            return int(match[1])
    return None


def compile_path_rule(rule: str) -> re.Pattern[str]:
    """Return the pattern of paths at or below a rule with %VDNNO%; the VDN is its group."""
    return re.compile(re.escape(rule).replace("%VDNNO%", r"(\d{1,9})") + r"(?:/|\Z)")


def build_upload_name(rule: str, vdn_id: int, random8: str, now_ms: int) -> str:
    """Return the path of a new upload, e.g. Y:/3rdfile/53/thirdvoicebotfile/8fSsBaEb_1631869974029.wav."""
    folder = rule.split(";")[0].strip().strip("/").replace("%VDNNO%", str(vdn_id))
    return f"Y:/{folder}/{random8}_{now_ms}.wav"
