"""The sentence that names the programme which supported the development: in manifests, data sets, reports, handovers, setup.

Generated from common/attribution.toml by `python3 dev.py docs`. Do not edit.
"""

KOREAN = "이 제품은 「지역특화 제조데이터 활성화 사업」의 지원을 통해 개발되었습니다."
ENGLISH = "Developed with the support of the programme for the use of region-specific manufacturing data (지역특화 제조데이터 활성화 사업)."
BOTH = f"{KOREAN}\n{ENGLISH}\n"
