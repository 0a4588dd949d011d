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
    603: ErrorText(
        "CONFIG_FILE",
        "The configuration file cannot be read",
        "설정 파일을 읽을 수 없습니다",
        "check the path and the rights of the file",
        "파일 경로와 접근 권한을 확인하십시오",
    ),
    620: ErrorText(
        "LOG_DAMAGED",
        "A log file on the disk is damaged",
        "디스크의 로그 파일이 손상되었습니다",
        "the program puts the file aside, keeps what proves itself and says what is missing; have the disk checked",
        "프로그램이 파일을 격리하고 온전한 기록은 보존하며 빠진 기록을 알려 줍니다. 디스크를 점검하십시오",
    ),
    621: ErrorText(
        "LOG_REFUSED",
        "The disk did not take the records",
        "디스크가 기록을 저장하지 못했습니다",
        "free space or give the service the right to write there; it goes on by itself",
        "공간을 확보하거나 서비스에 쓰기 권한을 주십시오. 이후 자동으로 재개됩니다",
    ),
    622: ErrorText(
        "ALREADY_RUNNING",
        "Another process already works in this folder",
        "다른 프로세스가 이미 이 폴더에서 실행 중입니다",
        "stop the other one first, or give this one another data folder",
        "먼저 실행 중인 것을 종료하거나 다른 데이터 폴더를 지정하십시오",
    ),
    623: ErrorText(
        "LOG_CLOSED",
        "The log is closed",
        "로그가 닫혀 있습니다",
        "hand the record over again after the start",
        "다시 시작한 뒤 기록을 다시 넘기십시오",
    ),
    624: ErrorText(
        "SERVICE_REFUSED",
        "The system did not accept the service",
        "시스템이 서비스를 받아들이지 않았습니다",
        "run the command as administrator (Windows) or root (Linux)",
        "관리자(Windows) 또는 root(Linux) 권한으로 명령을 실행하십시오",
    ),
    699: ErrorText(
        "UNEXPECTED",
        "Something happened that this program did not expect",
        "예상하지 못한 문제가 발생했습니다",
        "report the text of the message with the program's log",
        "메시지와 프로그램 로그를 함께 알려 주십시오",
    ),
    701: ErrorText(
        "SOURCE_UNREACHABLE",
        "A source cannot be reached",
        "수집원에 연결할 수 없습니다",
        "check power, cable, address and port; `lnx collect probe` tries again at once",
        "전원, 케이블, 주소, 포트를 확인하십시오. `lnx collect probe`로 바로 다시 시도할 수 있습니다",
    ),
    702: ErrorText(
        "SOURCE_ANSWER",
        "A source answers what cannot be used",
        "수집원의 응답을 사용할 수 없습니다",
        "compare the tag's address and type with the manual of the device",
        "태그의 주소와 형식을 장치 설명서와 비교하십시오",
    ),
    703: ErrorText(
        "HISTORIAN_WRITE",
        "The historian cannot be written",
        "이력 저장소에 기록할 수 없습니다",
        "free space on the disk, or set historian.max_size lower, or move data to another disk",
        "디스크 공간을 확보하거나 historian.max_size를 줄이거나 다른 디스크로 옮기십시오",
    ),
    704: ErrorText(
        "HISTORIAN_DAMAGED",
        "A file of the historian is damaged",
        "이력 저장소의 파일이 손상되었습니다",
        "keep the file in quarantine for analysis and check the disk",
        "quarantine 폴더의 파일을 보관하고 디스크를 점검하십시오",
    ),
    705: ErrorText(
        "ALREADY_RUNNING",
        "A collector already runs on this data folder",
        "이 데이터 폴더에서 수집기가 이미 실행 중입니다",
        "stop the other one, or give this one a data folder of its own",
        "다른 수집기를 중지하거나 별도의 데이터 폴더를 지정하십시오",
    ),
    706: ErrorText(
        "SINK_UNREACHABLE",
        "A sink cannot be reached",
        "전송처에 연결할 수 없습니다",
        "check address, credentials and network of the sink",
        "전송처의 주소, 인증 정보, 네트워크를 확인하십시오",
    ),
    707: ErrorText(
        "SINK_REFUSED",
        "A sink refuses rows",
        "전송처가 데이터를 거부합니다",
        "look at the rows with `lnx collect status`, and correct the receiver's table or the tag's type",
        "`lnx collect status`로 해당 행을 확인하고 전송처의 테이블이나 태그 형식을 고치십시오",
    ),
    708: ErrorText(
        "NOTHING_TO_EXPORT",
        "There is nothing to export",
        "내보낼 데이터가 없습니다",
        "choose other tags or a longer time; `lnx collect tail` shows what arrives",
        "태그나 기간을 다시 선택하십시오. `lnx collect tail`로 수집 상태를 볼 수 있습니다",
    ),
    709: ErrorText(
        "LIBRARY_MISSING",
        "A library that this needs is not installed",
        "필요한 라이브러리가 설치되어 있지 않습니다",
        "install the package with its collector extra: pip install lnx-edge[collector]",
        "collector 추가 구성으로 설치하십시오: pip install lnx-edge[collector]",
    ),
    710: ErrorText(
        "NOT_RUNNING",
        "No collector answers here",
        "실행 중인 수집기가 응답하지 않습니다",
        "start it with `lnx collect run`, or check collector.http in the configuration",
        "`lnx collect run`으로 시작하거나 설정의 collector.http를 확인하십시오",
    ),
    711: ErrorText(
        "FILE_UNREADABLE",
        "A data file cannot be read",
        "데이터 파일을 읽을 수 없습니다",
        "open the file with its own program, or export it again",
        "해당 프로그램으로 파일을 열어 확인하거나 다시 내보내십시오",
    ),
    712: ErrorText(
        "STATUS_ADDRESS",
        "The address of status and metrics is taken",
        "상태·메트릭 주소를 이미 다른 프로그램이 사용하고 있습니다",
        'set collector.http to another port, or to "" for none',
        'collector.http를 다른 포트로 바꾸거나, 사용하지 않으려면 ""로 설정하십시오',
    ),
    801: ErrorText(
        "SEGMENT_DAMAGED",
        "A segment file of the log is damaged",
        "로그 세그먼트 파일이 손상되었습니다",
        "the agent puts it aside, keeps what proves itself and declares the rest; have the disk checked",
        "에이전트가 파일을 격리하고 온전한 기록은 보존하며 나머지를 신고합니다. 디스크를 점검하십시오",
    ),
    802: ErrorText(
        "STREAM_DOUBT",
        "The storage of a stream cannot be trusted",
        "스트림 저장소를 신뢰할 수 없습니다",
        "nothing to do: the agent closes the stream, begins another and says so in it",
        "조치가 필요 없습니다. 에이전트가 스트림을 닫고 새 스트림에 그 사실을 기록합니다",
    ),
    803: ErrorText(
        "SECRET_UNREADABLE",
        "A key or token cannot be read",
        "키 또는 토큰을 읽을 수 없습니다",
        "run the agent under the account that made the file, or give it a new key",
        "파일을 만든 계정으로 에이전트를 실행하거나 새 키를 지정하십시오",
    ),
    804: ErrorText(
        "SECRET_OPEN",
        "A key or token can be read by other accounts",
        "키 또는 토큰을 다른 계정이 읽을 수 있습니다",
        "chmod 600 the file and change the token",
        "파일 권한을 600으로 바꾸고 토큰을 교체하십시오",
    ),
    805: ErrorText(
        "NO_LOG",
        "There is no log of an agent in this folder",
        "이 폴더에 에이전트 로그가 없습니다",
        "name the folder that agent.toml calls data, or the folder that was exported to",
        "agent.toml의 data 폴더 또는 내보낸 폴더를 지정하십시오",
    ),
    806: ErrorText(
        "IMPORT_REFUSED",
        "The file or folder cannot be taken in",
        "파일 또는 폴더를 가져올 수 없습니다",
        "export again to an empty folder; register the agent's public key (keys/agent.vkeys) with the receiver",
        "빈 폴더로 다시 내보내고, 에이전트 공개 키(keys/agent.vkeys)를 수신 측에 등록하십시오",
    ),
    807: ErrorText(
        "UPLINK_REFUSED",
        "The upstream does not take the records",
        "상위 시스템이 기록을 받지 않습니다",
        "see the reason in the text; `lnx agent doctor` checks address, certificate and token",
        "메시지의 사유를 확인하십시오. `lnx agent doctor`가 주소, 인증서, 토큰을 점검합니다",
    ),
    808: ErrorText(
        "STAMP_REFUSED",
        "There is no time stamp that proves anything",
        "유효한 시점확인(타임스탬프)을 받지 못했습니다",
        "check url and ca under [timestamp] in agent.toml; the certificate without a stamp is written all the same",
        "agent.toml의 [timestamp]에서 url과 ca를 확인하십시오. 타임스탬프가 없는 확인서는 그대로 저장됩니다",
    ),
    809: ErrorText(
        "LOG_FORMAT",
        "The log in this folder was written by a newer program",
        "이 폴더의 로그는 더 새로운 버전의 프로그램이 기록한 것입니다",
        "install the newer version again; nothing was changed, and the event files wait",
        "새 버전을 다시 설치하십시오. 변경된 것은 없으며 이벤트 파일은 그대로 기다립니다",
    ),
}
