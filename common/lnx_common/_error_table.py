"""Generated from common/errors.toml by `python3 dev.py docs`. Do not edit."""

from typing import NamedTuple


class ErrorText(NamedTuple):
    """One status: its name, what it means and what to do, in English and Korean."""

    name: str
    title: str
    title_ko: str
    fix: str
    fix_ko: str


ERRORS: dict[int, ErrorText] = {
    601: ErrorText(
        "CONFIG_SYNTAX",
        "The configuration file is not valid TOML",
        "설정 파일이 올바른 TOML 형식이 아닙니다",
        "correct the line that the text names",
        "메시지에 표시된 줄을 고치십시오",
    ),
    602: ErrorText(
        "CONFIG_VALUE",
        "A setting is unknown, missing or outside its range",
        "알 수 없거나 빠졌거나 범위를 벗어난 설정이 있습니다",
        "correct the setting at the line that the text names",
        "메시지에 표시된 줄의 설정을 고치십시오",
    ),
    699: ErrorText(
        "UNEXPECTED",
        "Something happened that this program did not expect",
        "예상하지 못한 문제가 발생했습니다",
        "report the text of the message with the program's log",
        "메시지와 프로그램 로그를 함께 알려 주십시오",
    ),
}
