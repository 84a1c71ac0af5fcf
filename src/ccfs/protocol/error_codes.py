"""Result codes: one table from our errors to the interface's codes and Chinese texts. The English text is the error's docstring.

0300001 to 0300013 and 010106 are the manual's (D0835, D0823). 0390000 and up, and 010107, are ours: they are outside the
range that the manual is known to use.
"""

from typing import NamedTuple

from ccfs.model import errors


class ResultCode(NamedTuple):
    """How a response reports an error. Texts contain {param}."""

    code: str
    en: str
    zh: str


SUCCESS = ResultCode("0", "success", "成功")

_CODES: tuple[tuple[type[errors.CcfsError], str, str], ...] = (
    (errors.NullParameter, "0300001", "{param}的值不能为null。"),
    (errors.EmptyParameter, "0300002", "{param}的值不能为空字符串。"),
    (errors.ValueTooLong, "0300003", "{param}的长度过长。"),
    (errors.InvalidFormat, "0300004", "{param}的格式不正确。"),
    (errors.ValueTooShort, "0300005", "{param}的长度过短。"),
    (errors.UnsupportedVersion, "0300006", "version的值错误，当前版本为{param}。"),
    (errors.EmptyBody, "0300007", "请求体的参数为空。"),
    (errors.DownloadLimitReached, "0300008", "达到下载流控阈值。"),
    (errors.QueryLimitReached, "0300009", "达到查询流控阈值。"),
    (errors.InvalidDate, "0300010", "fileName中的日期格式不正确。"),
    (errors.NoFile, "0300011", "文件不存在。"),
    (errors.NoData, "0300012", "未查询到数据。"),
    (errors.BeginAfterEnd, "0300013", "beginTime不能晚于endTime。"),
    (errors.CcfsError, "0390000", "系统内部错误。"),
    (errors.RequestTooLarge, "0390001", "请求大小超过{param}。"),
    (errors.InvalidUploadAudio, "0390002", "音频不是8位、8000赫兹、单声道的WAV文件：{param}。"),
    (errors.PathNotAllowed, "0390003", "{param}的值不符合系统的路径规则。"),
    (errors.NotExactlyOneFile, "0390004", "目录中必须有且仅有一个文件。"),
    (errors.FileUnavailable, "0390005", "文件暂时无法读取，请稍后重试。"),
    (errors.PeriodTooLong, "0390006", "beginTime到endTime的时间跨度超过{param}天。"),
    (errors.CallbackNotBound, "0390007", "callBackURL不以该开发者已绑定的地址开头。"),
    (errors.NoAccount, "0390008", "企业账号不存在。"),
    (errors.EmptyToken, "010106", "参数token为空。"),
    (errors.InvalidToken, "010107", "token无效或已过期。"),
)

RESULT_CODES: dict[type[errors.CcfsError], ResultCode] = {
    errors.Unauthorised: ResultCode("401", "Unauthorized", "Unauthorized"),  # HTTP status; the text is Spring's
    errors.AddressLocked: ResultCode("403", "Forbidden", "Forbidden"),
    errors.ServerBusy: ResultCode("503", "Service Unavailable", "Service Unavailable"),
    **{kind: ResultCode(code, kind.__doc__ or "", zh) for kind, code, zh in _CODES},
}


def find_code(error: errors.CcfsError) -> ResultCode:
    """Return the row of the error's class, or of its nearest base class in the table."""
    return next(RESULT_CODES[kind] for kind in type(error).__mro__ if kind in RESULT_CODES)


def format_text(error: errors.CcfsError, language: str) -> str:
    """Return the error's text in "en" or "zh" with its parameter filled in."""
    row = find_code(error)
    return (row.zh if language == "zh" else row.en).format(param=error.param)
