"""Generated from common/events.toml by `python3 dev.py docs`. Do not edit."""

from typing import NamedTuple


class EventText(NamedTuple):
    """One event: who writes it, its severity (OpenTelemetry), whether it declares a loss, types of its attributes, texts."""

    by: str
    severity: int
    loss: bool
    attributes: dict[str, str]
    en: str
    ko: str


EVENTS: dict[str, EventText] = {
    "lnx.session.start": EventText(
        "core",
        9,
        False,
        {
            "model": "text",
            "version": "text",
            "model_id": "text",
            "session": "text",
            "device": "text",
            "runtime": "text",
            "threshold": "number",
        },
        "A model was opened and is warm.",
        "모델이 열리고 준비되었습니다.",
    ),
    "lnx.run.summary": EventText(
        "core",
        9,
        False,
        {
            "model": "text",
            "session": "text",
            "runs": "integer",
            "ok": "integer",
            "ng": "integer",
            "review": "integer",
            "undefined": "integer",
            "latency_p50_us": "integer",
            "latency_p95_us": "integer",
            "latency_p99_us": "integer",
            "latency_max_us": "integer",
            "brightness": "number",
            "contrast": "number",
            "sharpness": "number",
            "score_histogram": "integers",
        },
        "Runs of one session, per minute and at the end; nothing is written for a minute without runs.",
        "한 세션의 검사 집계입니다. 1분마다, 그리고 종료할 때 기록하며 검사가 없는 1분은 기록하지 않습니다.",
    ),
    "lnx.parameter.change": EventText(
        "core",
        13,
        False,
        {
            "model": "text",
            "key": "text",
            "old": "number",
            "new": "number",
        },
        "A parameter of a model was changed while it runs.",
        "실행 중인 모델의 매개변수가 변경되었습니다.",
    ),
    "lnx.error": EventText(
        "core",
        17,
        False,
        {
            "status": "integer",
            "model": "text",
        },
        "A run failed.",
        "검사가 실패했습니다.",
    ),
    "lnx.session.stop": EventText(
        "core",
        9,
        False,
        {
            "model": "text",
            "session": "text",
            "runs": "integer",
        },
        "A model was closed.",
        "모델이 닫혔습니다.",
    ),
    "lnx.loss": EventText(
        "core",
        17,
        True,
        {
            "count": "integer",
        },
        "Events that could not be written before this one: the queue was full or the disk refused.",
        "이 이벤트 이전에 기록하지 못한 이벤트가 있습니다(대기열 초과 또는 디스크 거부).",
    ),
    "agent.start": EventText(
        "agent",
        9,
        False,
        {
            "version": "text",
            "boot": "text",
            "previous_end": "text",
            "settings": "text",
            "key": "text",
            "identity": "json",
            "clock_plausible": "boolean",
        },
        "The agent began to run.",
        "에이전트가 시작되었습니다.",
    ),
    "agent.stop": EventText(
        "agent",
        9,
        False,
        {
            "accepted": "integer",
        },
        "The agent ended as asked.",
        "요청에 따라 에이전트가 종료되었습니다.",
    ),
    "agent.heartbeat": EventText(
        "agent",
        9,
        False,
        {
            "accepted": "integer",
            "sealed": "integer",
            "delivered": "integer",
            "programs": "integer",
            "memory_mb": "integer",
            "disk_free_mb": "integer",
        },
        "The agent is alive; at most ten minutes apart.",
        "에이전트가 동작 중입니다(최대 10분 간격).",
    ),
    "agent.gap": EventText(
        "agent",
        17,
        True,
        {
            "reason": "text",
            "from_time": "integer",
            "to_time": "integer",
            "source": "text",
            "from_seq": "integer",
            "to_seq": "integer",
            "bytes": "integer",
            "sha256": "text",
        },
        "Nothing was watched, or events of a program are missing.",
        "감시하지 못한 시간이 있거나 프로그램의 이벤트가 빠졌습니다.",
    ),
    "agent.loss": EventText(
        "agent",
        17,
        True,
        {
            "stream": "text",
            "from_seq": "integer",
            "to_seq": "integer",
            "reason": "text",
        },
        "Records that were accepted are no longer readable on this machine.",
        "수집했던 기록을 이 PC에서 더 이상 읽을 수 없습니다.",
    ),
    "agent.fork": EventText(
        "agent",
        17,
        True,
        {
            "old_stream": "text",
            "old_size": "integer",
            "reason": "text",
            "salvaged": "integer",
        },
        "The old stream is closed and this one goes on, because the old one's storage could not be trusted.",
        "이전 스트림의 저장소를 신뢰할 수 없어 닫고 이 스트림으로 이어 갑니다.",
    ),
    "agent.clock": EventText(
        "agent",
        13,
        False,
        {
            "kind": "text",
            "seconds": "number",
            "before_time": "integer",
            "after_time": "integer",
        },
        "The wall clock jumped, or the machine slept.",
        "시계가 갑자기 바뀌었거나 PC가 절전 상태였습니다.",
    ),
    "agent.dead_letter": EventText(
        "agent",
        17,
        True,
        {
            "uplink": "text",
            "stream": "text",
            "seq": "integer",
            "leaf": "text",
            "reason": "text",
        },
        "The upstream refuses one record for good; it is kept on this machine and its hash is here.",
        "상위 시스템이 한 기록을 끝내 거부했습니다. 기록은 이 PC에 보관하고 해시를 남깁니다.",
    ),
    "agent.uplink": EventText(
        "agent",
        13,
        False,
        {
            "uplink": "text",
            "state": "text",
            "reason": "text",
        },
        "An uplink changed its state.",
        "전송 경로의 상태가 바뀌었습니다.",
    ),
    "agent.key": EventText(
        "agent",
        13,
        False,
        {
            "note": "text",
        },
        "The signing key changed; the old key signs the new one.",
        "서명 키가 교체되었습니다. 이전 키가 새 키를 서명합니다.",
    ),
    "audit.checkpoint": EventText(
        "agent",
        9,
        False,
        {
            "size": "integer",
            "note": "text",
        },
        "Signed state of a stream: how many records and the root of their hash tree.",
        "서명된 스트림 상태(기록 수와 해시 트리 루트)입니다.",
    ),
    "audit.receipt": EventText(
        "agent",
        9,
        False,
        {
            "uplink": "text",
            "size": "integer",
            "signature": "text",
        },
        "The receiver has the same records and says so with its signature.",
        "수신 측이 같은 기록을 보유하고 있음을 서명으로 확인했습니다.",
    ),
    "usage.day": EventText(
        "agent",
        9,
        False,
        {
            "day": "text",
            "summary": "json",
        },
        "Utilisation of one day.",
        "하루 활용 현황입니다.",
    ),
}
