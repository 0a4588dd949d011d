"""Every text of `lnx collect`, in English and Korean, side by side."""

from __future__ import annotations

from lnx_common.text import speaker

TEXTS: dict[str, tuple[str, str]] = {
    "app": ("Collect data of machines, sensors and cameras.", "설비, 센서, 카메라의 데이터를 수집합니다."),
    "init": ("Write a configuration to start from, with the kinds of source you name.", "지정한 수집원 종류로 시작 설정 파일을 만듭니다."),
    "check": ("Check a configuration and say every mistake with its line.", "설정 파일을 검사하고 잘못된 줄을 모두 알려 줍니다."),
    "probe": (
        "Connect to the sources and show a value of each tag; nothing is stored.",
        "수집원에 연결해 태그 값을 보여 줍니다. 저장하지 않습니다.",
    ),
    "run": ("Collect until stopped.", "중지할 때까지 수집합니다."),
    "status": ("Show how a running collector is doing.", "실행 중인 수집기의 상태를 보여 줍니다."),
    "tail": ("Show samples of a running collector as they come.", "실행 중인 수집기의 샘플을 실시간으로 보여 줍니다."),
    "query": ("Ask the historian in SQL (table: samples).", "이력 저장소에 SQL로 질의합니다(테이블: samples)."),
    "losses": ("List what was not kept or not delivered.", "보관하거나 전송하지 못한 데이터를 보여 줍니다."),
    "scan": (
        "Find out which addresses a Modbus TCP device has; only reads, slowly.",
        "Modbus TCP 장치의 주소를 찾습니다. 읽기만 하며 천천히 진행합니다.",
    ),
    "orders": (
        "Show registers in every type and byte order, to find the one that fits.",
        "레지스터 값을 모든 형식과 바이트 순서로 보여 줍니다.",
    ),
    "arg.host": ("HOST or HOST:PORT.", "호스트 또는 호스트:포트."),
    "opt.devices": ("Unit id to look for; may be repeated (default: 1 to 16).", "찾을 국번. 여러 번 지정할 수 있습니다(기본: 1~16)."),
    "opt.device": ("Unit id of the device.", "장치 국번."),
    "opt.table": ("holding, input, coil or discrete.", "holding, input, coil, discrete 중 하나."),
    "opt.first": ("First address, counted from 0.", "시작 주소(0부터)."),
    "opt.last": ("Last address.", "끝 주소."),
    "opt.pause": ("Seconds between two requests.", "요청 사이의 간격(초)."),
    "opt.timeout": ("Seconds to wait for an answer.", "응답을 기다리는 시간(초)."),
    "opt.address": ("Address of the first register, counted from 0.", "첫 레지스터 주소(0부터)."),
    "opt.register": (
        "A register value instead of a device; may be repeated.",
        "장치 대신 직접 입력하는 레지스터 값. 여러 번 지정할 수 있습니다.",
    ),
    "opt.expected": (
        "What the machine's panel shows; the nearest reading comes first.",
        "설비 화면에 표시된 값. 가장 가까운 해석을 먼저 보여 줍니다.",
    ),
    "device": ("device", "장치"),
    "registers": ("registers", "레지스터"),
    "type": ("type", "형식"),
    "order": ("order", "순서"),
    "distance": ("distance", "차이"),
    "no-device": ("no device answered", "응답한 장치가 없습니다"),
    "arg.config": ("The configuration file (TOML).", "설정 파일(TOML)."),
    "arg.output": ("The file to write; must not exist.", "만들 파일. 이미 있으면 안 됩니다."),
    "arg.sql": ("A query over the table samples.", "samples 테이블에 대한 질의."),
    "opt.kind": ("Kind of source; may be repeated. --list shows them.", "수집원 종류. 여러 번 지정할 수 있습니다. --list로 목록을 봅니다."),
    "opt.list": ("List the kinds and end.", "종류 목록을 보여 주고 끝냅니다."),
    "opt.once": ("Store one sample of every tag, show them, and end.", "태그마다 샘플 하나를 저장하고 보여 준 뒤 끝냅니다."),
    "opt.source": ("Only this source; may be repeated.", "이 수집원만. 여러 번 지정할 수 있습니다."),
    "opt.wait": ("Seconds to wait for values.", "값을 기다리는 시간(초)."),
    "opt.json": ("Print JSON for scripts.", "스크립트용 JSON을 출력합니다."),
    "opt.tags": ('Pattern of tags, e.g. "press1.*"; may be repeated.', '태그 패턴. 예: "press1.*". 여러 번 지정할 수 있습니다.'),
    "opt.since": ("Only what was received after this time (ISO 8601).", "이 시각 이후에 받은 것만(ISO 8601)."),
    "opt.until": ("Only what was received before this time (ISO 8601).", "이 시각 이전에 받은 것만(ISO 8601)."),
    "written": ("written", "생성됨"),
    "exists": ("the file exists already", "파일이 이미 있습니다"),
    "good": ("the configuration is correct", "설정에 문제가 없습니다"),
    "counts": ("sources {}, tags {}, steps {}, sinks {}", "수집원 {}, 태그 {}, 전처리 {}, 전송처 {}"),
    "running": ("collecting; Ctrl+C ends", "수집 중입니다. Ctrl+C로 끝냅니다"),
    "stopped": ("stopped; everything accepted is stored", "중지했습니다. 받은 데이터는 모두 저장되었습니다"),
    "tag": ("tag", "태그"),
    "value": ("value", "값"),
    "unit": ("unit", "단위"),
    "quality": ("quality", "품질"),
    "time": ("time", "시각"),
    "source": ("source", "수집원"),
    "sink": ("sink", "전송처"),
    "state": ("state", "상태"),
    "samples": ("samples", "샘플"),
    "bad": ("bad", "불량 품질"),
    "lost": ("lost", "손실"),
    "behind": ("not sent yet", "미전송"),
    "error": ("error", "오류"),
    "reason": ("reason", "이유"),
    "count": ("count", "개수"),
    "no-value": ("no value yet", "아직 값이 없음"),
    "accepted": ("stored since start", "시작 이후 저장"),
    "no-losses": ("nothing was lost", "손실이 없습니다"),
    "starting": ("starting", "시작 중"),
    "waiting": ("waiting", "재시도 대기"),
    "done": ("done", "완료"),
    "state.running": ("running", "정상"),
    "state.stopped": ("stopped", "중지"),
}

say = speaker(TEXTS)


def state(name: str) -> str:
    """The word for a state of health."""
    return say(name if name in TEXTS and name != "running" else f"state.{name}")
