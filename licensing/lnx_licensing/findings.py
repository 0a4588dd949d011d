"""What the doctor can find, in English and Korean, each with its fix. Parameters stand in braces."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

Kind = Literal["ok", "problem", "note"]


class Words(NamedTuple):
    kind: Kind
    text: str
    text_ko: str
    fix: str = ""
    fix_ko: str = ""


WORDS: dict[str, Words] = {
    "usb-none": Words(
        "note",
        "no USB token is seen on this PC",
        "이 PC에서 USB 토큰이 보이지 않습니다",
        "plug the dongle in; try another port, without a hub; in a virtual machine pass the device through",
        "동글을 연결하십시오. 허브 없이 다른 포트도 시도하고, 가상 머신이면 장치를 연결하십시오",
    ),
    "usb-device": Words(
        "ok",
        "USB token {name} ({id}), serial {serial}, bus {bus} device {device}",
        "USB 토큰 {name} ({id}), 일련번호 {serial}, 버스 {bus} 장치 {device}",
    ),
    "usb-no-ccid": Words(
        "problem",
        "the token {name} ({id}) has no smart-card (CCID) interface: it is switched off",
        "토큰 {name} ({id})의 스마트카드(CCID) 인터페이스가 꺼져 있습니다",
        "switch it on: `ykman config usb --enable PIV`, then plug the token in again",
        "`ykman config usb --enable PIV`로 켠 뒤 토큰을 다시 연결하십시오",
    ),
    "usb-no-rights": Words(
        "note",
        "this account may not open {path}; the smart-card service may, and that is enough",
        "현재 계정은 {path}을(를) 열 수 없습니다. 스마트카드 서비스가 열 수 있으면 충분합니다",
    ),
    "usb-held-service": Words(
        "ok", "the smart-card service ({process}) holds the token", "스마트카드 서비스({process})가 토큰을 사용 중입니다"
    ),
    "usb-held-other": Words(
        "problem",
        "{process} (process {pid}) holds the token, so the smart-card service cannot",
        "{process} (프로세스 {pid})가 토큰을 점유하여 스마트카드 서비스가 사용할 수 없습니다",
        "end that program; for gpg add `disable-ccid` to scdaemon.conf",
        "해당 프로그램을 종료하십시오. gpg라면 scdaemon.conf에 `disable-ccid`를 추가하십시오",
    ),
    "usb-held-nobody": Words(
        "note",
        "no process that this account can see holds the token",
        "이 계정에서 볼 수 있는 어떤 프로세스도 토큰을 사용하고 있지 않습니다",
        "run the doctor as root to see all processes",
        "모든 프로세스를 보려면 root로 실행하십시오",
    ),
    "usb-driver": Words("note", "the CCID interface is bound to the driver {driver}", "CCID 인터페이스의 드라이버: {driver}"),
    "usb-no-backend": Words(
        "note",
        "USB cannot be looked at: {reason}",
        "USB를 확인할 수 없습니다: {reason}",
        "apt-get install libusb-1.0-0; pip install 'lnx-edge[dongle]'",
        "apt-get install libusb-1.0-0; pip install 'lnx-edge[dongle]'",
    ),
    "service-ok": Words("ok", "the smart-card service answers", "스마트카드 서비스가 응답합니다"),
    "service-not-installed": Words(
        "problem",
        "pcscd is not installed",
        "pcscd가 설치되어 있지 않습니다",
        "apt-get install pcscd libccid",
        "apt-get install pcscd libccid",
    ),
    "service-no-driver": Words(
        "problem",
        "the driver for USB tokens (libccid) is not installed",
        "USB 토큰 드라이버(libccid)가 설치되어 있지 않습니다",
        "apt-get install libccid, then restart pcscd",
        "apt-get install libccid 후 pcscd를 다시 시작하십시오",
    ),
    "service-down": Words(
        "problem",
        "the smart-card service does not answer: {reason}",
        "스마트카드 서비스가 응답하지 않습니다: {reason}",
        "Linux: `systemctl enable --now pcscd.socket`; Windows: set the service 'Smart Card' to start automatically and start it",
        "Linux: `systemctl enable --now pcscd.socket`; Windows: '스마트 카드' 서비스를 자동 시작으로 설정하고 시작하십시오",
    ),
    "service-disabled": Words(
        "problem",
        "the Windows service SCardSvr is disabled, perhaps by a policy",
        "Windows 서비스 SCardSvr이 사용 안 함 상태입니다(정책일 수 있음)",
        "ask the PC's administrator: `sc config SCardSvr start= auto`, then `sc start SCardSvr`",
        "PC 관리자에게 요청하십시오: `sc config SCardSvr start= auto` 후 `sc start SCardSvr`",
    ),
    "remote-session": Words(
        "problem",
        "this is a remote desktop session: Windows shows it the readers of the viewer's PC, not those of this one",
        "원격 데스크톱 세션입니다. Windows는 이 PC가 아니라 접속한 PC의 리더기를 보여 줍니다",
        "run this at the PC itself, or run the program as a service",
        "PC에서 직접 실행하거나 프로그램을 서비스로 실행하십시오",
    ),
    "reader-none": Words(
        "problem",
        "the service sees no reader",
        "서비스에서 리더기가 보이지 않습니다",
        "plug the dongle in again, then restart the service; see what is said about USB",
        "동글을 다시 연결하고 서비스를 다시 시작하십시오. USB 항목도 확인하십시오",
    ),
    "readers-empty": Words(
        "problem",
        "no reader holds a token",
        "어느 리더기에도 토큰이 없습니다",
        "plug the dongle in, in another port if need be; a card reader that is built into the PC stays empty",
        "동글을 연결하십시오. 필요하면 다른 포트를 사용하십시오. PC에 내장된 카드 리더기는 비어 있는 것이 정상입니다",
    ),
    "reader-empty": Words("note", "reader {reader} is empty", "리더기 {reader}이(가) 비어 있습니다"),
    "reader-mute": Words(
        "problem",
        "the token in {reader} does not answer",
        "{reader}의 토큰이 응답하지 않습니다",
        "plug it in again; if it stays so, the token is damaged",
        "다시 연결하십시오. 계속되면 토큰 고장입니다",
    ),
    "token-error": Words("problem", "{reader}: LNX-{status} {found}", "{reader}: LNX-{status} {found}", "{fix}", "{fix_ko}"),
    "token-blank": Words(
        "problem",
        "the token {serial} has no key in slot 9E",
        "토큰 {serial}의 9E 슬롯에 키가 없습니다",
        "this is a fresh token: provision it at the desk, or use the dongle that was delivered",
        "준비되지 않은 새 토큰입니다. 발급처에서 준비하거나 받은 동글을 사용하십시오",
    ),
    "token-ok": Words("ok", "dongle {serial} answers as its key {keyid}", "동글 {serial}이(가) 키 {keyid}(으)로 응답합니다"),
    "licence-ok": Words("ok", "licence {id} ({path}) is for this dongle", "이 동글의 라이선스: {id} ({path})"),
    "licence-none": Words(
        "problem",
        "no licence for dongle {serial} in {folder} or on the dongle",
        "동글 {serial}의 라이선스가 {folder}에도 동글에도 없습니다",
        "install it: `lnx dongle apply FILE.lic`; to get one: `lnx dongle request FILE.lnxreq`",
        "`lnx dongle apply 파일.lic`로 설치하십시오. 없으면 `lnx dongle request 파일.lnxreq`로 요청하십시오",
    ),
    "licence-bad": Words("problem", "{path}: LNX-{status} {found}", "{path}: LNX-{status} {found}", "{fix}", "{fix_ko}"),
    "licence-days": Words(
        "problem",
        "licence {id} is not valid today ({phase})",
        "라이선스 {id}이(가) 오늘 유효하지 않습니다({phase})",
        "check the PC's date; else ask for a renewal: `lnx dongle request FILE.lnxreq`",
        "PC 날짜를 확인하십시오. 맞으면 `lnx dongle request 파일.lnxreq`로 갱신을 요청하십시오",
    ),
    "evaluation-ok": Words(
        "ok",
        "evaluation licence {id} ({path}) has its key file; it needs no dongle",
        "평가 라이선스 {id} ({path})의 키 파일이 있습니다. 동글이 필요 없습니다",
    ),
    "evaluation-no-key": Words(
        "problem",
        "the key file of evaluation licence {id} ({path}) is missing",
        "평가 라이선스 {id} ({path})의 키 파일이 없습니다",
        "put the *.softkey.json that came with it into the same folder, or name it by LNX_SOFTWARE_KEY",
        "함께 받은 *.softkey.json을 같은 폴더에 넣거나 LNX_SOFTWARE_KEY로 지정하십시오",
    ),
    "licence-soon": Words(
        "note",
        "licence {id} ends in {days} days",
        "라이선스 {id}이(가) {days}일 후 만료됩니다",
        "ask for a renewal now: `lnx dongle request FILE.lnxreq`",
        "지금 갱신을 요청하십시오: `lnx dongle request 파일.lnxreq`",
    ),
}


PHASES = {
    "not-yet": ("not valid yet", "아직 유효하지 않음"),
    "grace": ("expired, in grace", "만료됨, 유예 중"),
    "expired": ("expired", "만료됨"),
}


@dataclass(frozen=True)
class Finding:
    """One thing that was found. ``code`` is stable, for scripts."""

    code: str
    values: dict[str, Any] = field(default_factory=dict)

    @property
    def kind(self) -> Kind:
        return WORDS[self.code].kind

    def text(self, korean: bool = False) -> str:
        words = WORDS[self.code]
        values = self.values
        if "phase" in values:
            values = {**values, "phase": PHASES.get(values["phase"], (values["phase"],) * 2)[korean]}
        return (words.text_ko if korean else words.text).format(**values)

    def fix(self, korean: bool = False) -> str:
        words = WORDS[self.code]
        return (words.fix_ko if korean else words.fix).format(**self.values)

    def as_dict(self) -> dict[str, Any]:
        return {"code": self.code, "kind": self.kind, "text": self.text(), "fix": self.fix(), "values": self.values}


def found(code: str, **values: Any) -> Finding:
    return Finding(code, values)
