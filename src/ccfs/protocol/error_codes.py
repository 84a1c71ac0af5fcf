"""Wire codes: one table from our errors to the interface's codes and texts. No other place knows a code.

0300001 to 0300013 and 010106 are the manual's (D0835, D0823). 0390000 and up, and 010107, are ours: they lie outside the
range that the manual is known to use.
"""

from typing import NamedTuple

from ccfs.model import errors


class ResultCode(NamedTuple):
    """How an error looks on the wire; texts hold {param}."""

    code: str
    en: str
    zh: str


SUCCESS = ResultCode("0", "success", "成功")

RESULT_CODES: dict[type[errors.CcfsError], ResultCode] = {
    errors.Unauthorised: ResultCode("401", "Unauthorized", "Unauthorized"),  # HTTP status; the text is Spring's
    errors.AddressLocked: ResultCode("403", "Forbidden", "Forbidden"),
    errors.NullParameter: ResultCode("0300001", "The value of {param} cannot be null.", "{param}的值不能为null。"),
    errors.EmptyParameter: ResultCode(
        "0300002", "The value of {param} cannot be an empty string.", "{param}的值不能为空字符串。"
    ),
    errors.ValueTooLong: ResultCode("0300003", "The length of {param} is too long.", "{param}的长度过长。"),
    errors.InvalidFormat: ResultCode("0300004", "The format of {param} is incorrect.", "{param}的格式不正确。"),
    errors.ValueTooShort: ResultCode("0300005", "The length of {param} is too short.", "{param}的长度过短。"),
    errors.UnsupportedVersion: ResultCode(
        "0300006", "The value of version is error, current version is {param} .", "version的值错误，当前版本为{param}。"
    ),
    errors.EmptyBody: ResultCode("0300007", "The params of requestBody is null.", "请求体的参数为空。"),
    errors.InvalidDate: ResultCode(
        "0300010", "The date in the value of fileName is in an incorrect format.", "fileName中的日期格式不正确。"
    ),
    errors.NoFile: ResultCode("0300011", "The file does not exist.", "文件不存在。"),
    errors.NoData: ResultCode("0300012", "No data found.", "未查询到数据。"),
    errors.BeginAfterEnd: ResultCode(
        "0300013", "The beginTime cannot be later than the endTime.", "beginTime不能晚于endTime。"
    ),
    errors.PeriodTooLong: ResultCode(
        "0390006",
        "The time from beginTime to endTime is longer than {param} days.",
        "beginTime到endTime的时间跨度超过{param}天。",
    ),
    errors.CallbackNotBound: ResultCode(
        "0390007",
        "The callBackURL does not begin with an address that is bound for this developer.",
        "callBackURL不以该开发者已绑定的地址开头。",
    ),
    errors.NoAccount: ResultCode("0390008", "The account does not exist.", "企业帐号不存在。"),
    errors.RequestTooLarge: ResultCode("0390001", "The request is larger than {param}.", "请求大小超过{param}。"),
    errors.InvalidUploadAudio: ResultCode(
        "0390002",
        "The audio is not an 8-bit, 8000 Hz, mono WAV: {param}.",
        "音频不是8位、8000赫兹、单声道的WAV文件：{param}。",
    ),
    errors.PathNotAllowed: ResultCode(
        "0390003",
        "The value of {param} does not match the path rules of this system.",
        "{param}的值不符合系统的路径规则。",
    ),
    errors.NotExactlyOneFile: ResultCode(
        "0390004", "The folder does not hold exactly one file.", "目录中的文件不是恰好一个。"
    ),
    errors.FileUnavailable: ResultCode(
        "0390005", "The file cannot be read at the moment; try again later.", "文件暂时无法读取，请稍后重试。"
    ),
    errors.CcfsError: ResultCode("0390000", "Internal error.", "系统内部错误。"),
    errors.EmptyToken: ResultCode("010106", "Parameter token is empty.", "参数token为空。"),
    errors.InvalidToken: ResultCode("010107", "The token is invalid or has expired.", "token无效或已过期。"),
}


def find_code(error: errors.CcfsError) -> ResultCode:
    """The nearest row of the table, walking up the error's own tree."""
    return next(RESULT_CODES[kind] for kind in type(error).__mro__ if kind in RESULT_CODES)


def format_text(error: errors.CcfsError, language: str) -> str:
    """The error's text in "en" or "zh", its parameter filled in."""
    row = find_code(error)
    return (row.zh if language == "zh" else row.en).format(param=error.param)
