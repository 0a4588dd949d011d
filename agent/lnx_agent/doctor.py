"""Looks at everything the agent depends on and says what is wrong and what to do, without changing anything."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lnx_common.clocks import plausible
from lnx_common.errors import PlantError

from lnx_agent.config import AgentSettings, OtlpHttpSettings
from lnx_agent.delivery.http import Connection, TransportError
from lnx_agent.delivery.otlp import CONTENT_TYPE, judge, request_body
from lnx_agent.uplinks.factory import endpoint_of

ENOUGH_BYTES = 2 * 10**9


@dataclass(frozen=True)
class Check:
    """One thing that was looked at. ``fix`` and ``fix_ko`` are empty when it is fine."""

    what: str
    fine: bool
    found: str
    fix: str = ""
    fix_ko: str = ""


def examine(settings: AgentSettings) -> list[Check]:
    """All checks; talks to each uplink with an empty request, which no receiver stores."""
    checks = [_clock(), _space(settings.data), _writable(settings.data)]
    checks += [_readable(folder) for folder in settings.events]
    checks += [check for uplink in settings.uplink if isinstance(uplink, OtlpHttpSettings) for check in _uplink(uplink)]
    return checks


def _clock() -> Check:
    fine = plausible(time.time_ns())
    fix = (
        "set the clock and its time server; change the battery of the board",
        "시계와 시간 서버를 설정하고 메인보드 배터리를 교체하십시오",
    )
    return Check("clock", fine, time.strftime("%Y-%m-%d %H:%M:%S"), *(("", "") if fine else fix))


def _space(folder: Path) -> Check:
    place = next(path for path in (folder, *folder.parents) if path.exists())
    free = shutil.disk_usage(place).free
    fix = (
        "free disk space, or name another disk as data in agent.toml",
        "디스크 공간을 확보하거나 agent.toml의 data에 다른 디스크를 지정하십시오",
    )
    return Check("disk space", free > ENOUGH_BYTES, f"{free / 1e9:.1f} GB", *(("", "") if free > ENOUGH_BYTES else fix))


def _writable(folder: Path) -> Check:
    place = next(path for path in (folder, *folder.parents) if path.exists())
    fine = os.access(place, os.W_OK)
    fix = ("give the service's account the right to write there", "서비스 계정에 쓰기 권한을 주십시오")
    return Check("data folder", fine, str(folder), *(("", "") if fine else fix))


def _readable(folder: Path) -> Check:
    fine = folder.is_dir() and os.access(folder, os.R_OK)
    fix = (
        "make the folder; programs write events there only when it exists",
        "폴더를 만드십시오. 폴더가 있어야 프로그램이 이벤트를 기록합니다",
    )
    return Check("events folder", fine, str(folder), *(("", "") if fine else fix))


def _uplink(settings: OtlpHttpSettings) -> Iterator[Check]:
    name = f"uplink {settings.name}"
    try:
        connection = Connection(endpoint_of(settings), min(settings.timeout, 10.0))
        headers = {"Content-Type": CONTENT_TYPE, "Content-Encoding": "gzip"}
        answer = judge(connection.request("POST", "/v1/logs", request_body(b"", [], "doctor"), headers))
        connection.close()
    except PlantError as error:
        yield Check(name, False, f"{error.where}: {error.found}", error.fix, error.fix_ko)
        return
    except TransportError as error:
        yield Check(name, False, str(error), *FIXES.get(error.reason, FIXES["disconnected"]))
        return
    fine = answer.verdict.value == "accepted"
    yield Check(name, fine, answer.reason or "accepted", *(("", "") if fine else FIXES.get(answer.reason, FIXES["foreign-answer"])))


FIXES: dict[str, tuple[str, str]] = {
    "name-not-found": ("check the address in url and the DNS server", "url 주소와 DNS 서버를 확인하십시오"),
    "connection-refused": ("check the port, and whether the receiver runs", "포트와 수신 서버의 실행 여부를 확인하십시오"),
    "timeout": ("ask for the address to be opened in the firewall", "방화벽에서 해당 주소를 열어 달라고 요청하십시오"),
    "certificate-expired": (
        "the receiver's certificate has expired; tell its operator",
        "수신 측 인증서가 만료되었습니다. 운영자에게 알리십시오",
    ),
    "certificate-not-yet-valid": ("check this machine's clock", "이 PC의 시계를 확인하십시오"),
    "certificate-untrusted": ("set ca to the receiver's certificate authority", "ca에 수신 측 인증 기관 인증서를 지정하십시오"),
    "tls": ("the other side does not speak TLS 1.2 or newer on this port", "상대가 이 포트에서 TLS 1.2 이상을 사용하지 않습니다"),
    "certificate-file-missing": ("a certificate file of the uplink is not there", "전송 경로의 인증서 파일이 없습니다"),
    "disconnected": (
        "the other side hangs up; a proxy or firewall may cut the connection",
        "연결이 끊깁니다. 프록시나 방화벽을 확인하십시오",
    ),
    "http-401": ("the token is wrong or revoked; ask for a new one", "토큰이 잘못되었거나 취소되었습니다. 새 토큰을 요청하십시오"),
    "http-403": ("this plant may not deliver there; ask the operator", "이 공장은 전송 권한이 없습니다. 운영자에게 문의하십시오"),
    "http-404": ("check the path in url; /v1/logs is added to it", "url 경로를 확인하십시오. 뒤에 /v1/logs가 붙습니다"),
    "foreign-answer": (
        "something else answers there: a proxy or a log-in page; ask for the address to be let through",
        "프록시나 로그인 페이지가 대신 응답합니다. 해당 주소를 허용해 달라고 요청하십시오",
    ),
}
