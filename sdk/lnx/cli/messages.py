"""Every text that the command line shows, in English and Korean, side by side."""

from __future__ import annotations

import locale
import os

TEXTS: dict[str, tuple[str, str]] = {
    "app": ("Packs, runs and checks vision models for the factory line.", "공장 라인용 비전 모델을 패키징하고 실행하고 점검합니다."),
    "keys": ("Make and show keys.", "키를 만들고 보여 줍니다."),
    "keys.new": (
        "Make a container key (signs models) or a family key (encrypts them).",
        "컨테이너 키(서명용) 또는 패밀리 키(암호화용)를 만듭니다.",
    ),
    "keys.show": ("Tell what a key file is.", "키 파일의 내용을 알려 줍니다."),
    "pack": ("Pack an ONNX file and its recipe into a signed .lnx file.", "ONNX 파일과 명세를 서명된 .lnx 파일로 묶습니다."),
    "inspect": ("Show what a .lnx file says about itself, without a key.", "키 없이 .lnx 파일의 정보를 보여 줍니다."),
    "verify-file": ("Check structure, signature and every chunk of a .lnx file.", ".lnx 파일의 구조, 서명, 모든 청크를 검사합니다."),
    "run": ("Inspect an image or a folder of images.", "이미지 하나 또는 폴더 전체를 검사합니다."),
    "bench": ("Measure how long runs take, stage by stage.", "단계별 실행 시간을 측정합니다."),
    "selftest": ("Compare this machine with the golden images of the model.", "모델의 골든 이미지로 이 PC의 결과를 비교합니다."),
    "doctor": ("Say what this machine offers, what is missing, and the fix.", "이 PC의 환경과 빠진 것, 해결 방법을 알려 줍니다."),
    "opt.json": ("Print JSON for scripts.", "스크립트용 JSON을 출력합니다."),
    "opt.trust": (
        "Public container key, root (*.root-pub.pem) or key list to trust; may be repeated.",
        "신뢰할 컨테이너 공개 키, 루트(*.root-pub.pem) 또는 키 목록. 여러 번 지정할 수 있습니다.",
    ),
    "opt.family": ("Family key file.", "패밀리 키 파일."),
    "opt.device": ('"auto", "cpu" or "cuda:N".', '"auto", "cpu" 또는 "cuda:N".'),
    "opt.runtime": ("Folder of the ONNX Runtime library.", "ONNX Runtime 라이브러리 폴더."),
    "opt.threshold": ("Score from which a part is NG.", "불량으로 판정할 점수 임계값."),
    "opt.out": ("Folder for the files.", "파일을 둘 폴더."),
    "opt.name": ("Name of the key.", "키 이름."),
    "opt.password": ("Protect (or open) the private key with a password.", "개인 키를 보호하거나 여는 암호."),
    "arg.kind": ('"container" or "family".', '"container" 또는 "family".'),
    "arg.model": ("The .lnx file.", ".lnx 파일."),
    "arg.onnx": ("The ONNX file.", "ONNX 파일."),
    "arg.output": ("The .lnx file to write.", "만들 .lnx 파일."),
    "arg.images": ("An image, or a folder of images.", "이미지 또는 이미지 폴더."),
    "arg.key": ("A key file.", "키 파일."),
    "opt.preset": (
        "Family of the model: classification, yolox, rtmdet, rtdetr, ppyoloe, efficientdet, instance, segmentation, anomaly, enhancement.",
        "모델 종류: classification, yolox, rtmdet, rtdetr, ppyoloe, efficientdet, instance, segmentation, anomaly, enhancement.",
    ),
    "opt.manifest": ("A manifest (JSON) instead of a preset.", "프리셋 대신 사용할 명세(JSON)."),
    "opt.labels": ("Class names, separated by commas, in the order of the model.", "모델 순서대로 쉼표로 구분한 클래스 이름."),
    "opt.size": ("WIDTHxHEIGHT of the input, when the graph leaves it open.", "그래프가 크기를 정하지 않았을 때의 입력 크기(너비x높이)."),
    "opt.images": ("Sample images for the golden images; file or folder.", "골든 이미지로 쓸 표본 이미지 파일 또는 폴더."),
    "opt.set": (
        "Preset option as NAME=VALUE (JSON), e.g. colour=BGR or mean=[0,0,0].",
        "프리셋 옵션 이름=값(JSON). 예: colour=BGR, mean=[0,0,0]",
    ),
    "opt.classify": ("A classifier (ONNX) that looks at each object of the detector.", "검출된 객체마다 다시 보는 분류 모델(ONNX)."),
    "opt.classify-labels": ("Its class names, separated by commas.", "분류 모델의 클래스 이름(쉼표로 구분)."),
    "opt.classify-on": ("Labels of the objects that it looks at (default: all).", "다시 볼 객체의 라벨(기본: 전체)."),
    "opt.classify-set": ("Its preset option as NAME=VALUE (JSON).", "분류 모델의 프리셋 옵션 이름=값(JSON)."),
    "opt.classify-margin": ("Share of the box that is added on every side.", "상자의 각 변에 더할 여백 비율."),
    "opt.rapidocr": (
        "MODEL is an installed RapidOCR package (rapidocr, rapidocr_onnxruntime) or its folder.",
        "MODEL은 설치된 RapidOCR 패키지(rapidocr, rapidocr_onnxruntime) 또는 그 폴더입니다.",
    ),
    "opt.widths": ("Width buckets of the text reader, e.g. 320,480,640,960.", "문자 판독 입력 너비 구간. 예: 320,480,640,960"),
    "opt.graph": (
        "ID=FILE of a further graph of --manifest; may be repeated.",
        "--manifest의 추가 그래프 ID=파일. 여러 번 지정할 수 있습니다.",
    ),
    "opt.key": ("Private container key that signs.", "서명에 쓸 컨테이너 개인 키."),
    "opt.open": ("Leave the file open to everybody (default without --family).", "누구나 열 수 있게 합니다(--family가 없을 때 기본)."),
    "opt.model-name": ("Name of the model.", "모델 이름."),
    "opt.version": ("Version of the model.", "모델 버전."),
    "opt.agpl": ("Pack a model under AGPL all the same.", "AGPL 모델도 패키징합니다."),
    "opt.dry": ("Check everything, write nothing.", "모두 검사하되 파일은 만들지 않습니다."),
    "opt.overlay": ("Folder for pictures of the results.", "결과 그림을 저장할 폴더."),
    "opt.lines": ("File for one JSON line per image.", "이미지마다 JSON 한 줄을 기록할 파일."),
    "opt.recursive": ("Also look into folders inside.", "하위 폴더도 검사합니다."),
    "opt.fail": ("Exit with 1 when an image is NG.", "불량이 있으면 종료 코드 1을 돌려줍니다."),
    "opt.runs": ("Runs to measure.", "측정할 실행 횟수."),
    "opt.image": ("Image to measure with (default: a golden image).", "측정에 쓸 이미지(기본: 골든 이미지)."),
    "opt.threads": ("Threads of one inference on the CPU.", "CPU 추론 스레드 수."),
    "stage.read": ("reading the file", "파일 읽는 중"),
    "stage.verify": ("checking the signature", "서명 확인 중"),
    "stage.decrypt": ("decrypting", "복호화 중"),
    "stage.load": ("loading the model", "모델 불러오는 중"),
    "stage.warm-up": ("warming up", "예열 중"),
    "stage.golden": ("comparing with the golden images", "골든 이미지와 비교 중"),
    "stage.measure": ("measuring", "측정 중"),
    "stage.chunks": ("checking every chunk", "모든 청크 검사 중"),
    "stage.write": ("writing", "기록 중"),
    "needs": ("Needs more packages:", "추가 패키지가 필요합니다:"),
    "made": ("made", "생성됨"),
    "keep-secret": ("keep this file secret", "이 파일은 비밀로 보관하십시오"),
    "give-away": ("give this file to whoever runs your models", "모델을 실행할 곳에 이 파일을 전달하십시오"),
    "assumed": ("assumed", "가정한 값"),
    "warning": ("warning", "경고"),
    "packed": ("packed", "패키징 완료"),
    "would-pack": ("would pack (dry run)", "패키징 가능(시험 실행)"),
    "intact": ("intact", "이상 없음 (intact)"),
    "no-images": ("no images there", "이미지가 없습니다"),
    "done": ("done", "완료"),
    "interrupted": ("interrupted", "중단됨"),
    "failed": ("failed", "실패"),
    "images": ("images", "이미지"),
    "median": ("median per image", "이미지당 중앙값"),
    "passed": ("passed", "통과"),
    "differs": ("differs", "차이 있음"),
    "stage": ("stage", "단계"),
    "largest": ("largest error", "최대 오차"),
    "tolerance": ("tolerance", "허용 오차"),
    "runtime": ("ONNX Runtime", "ONNX Runtime"),
    "not-found": ("not found", "찾지 못함"),
    "providers": ("providers", "실행 공급자"),
    "gpu": ("GPU", "GPU"),
    "driver": ("driver", "드라이버"),
    "missing": ("missing", "누락"),
    "cores": ("physical cores", "물리 코어"),
    "looked": ("looked at", "확인한 위치"),
    "ready": ("ready to run models", "모델을 실행할 준비가 되었습니다"),
    "not-ready": ("not ready", "준비되지 않았습니다"),
    "verdict.OK": ("OK", "양품 OK"),
    "verdict.NG": ("NG", "불량 NG"),
    "verdict.REVIEW": ("REVIEW", "재검 REVIEW"),
    "verdict.UNDEFINED": ("UNDEFINED", "판정불가 UNDEFINED"),
}


def language() -> str:
    """``LNX_LANG`` (``ko`` or ``en``), else by the system's locale."""
    chosen = os.environ.get("LNX_LANG") or (locale.getlocale()[0] or "")
    return "ko" if chosen.lower().startswith(("ko", "korean")) else "en"


def say(key: str) -> str:
    """The text in the language of this process."""
    english, korean = TEXTS[key]
    return korean if language() == "ko" else english
