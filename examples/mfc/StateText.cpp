#include "StateText.h"

#include "Text.h"

std::wstring PhaseText(const WorkerState& state) {
  switch (state.phase) {
    case Phase::kOpening:
      return L"모델을 여는 중 · opening the model";
    case Phase::kRunning:
      return L"검사 중 · inspecting";
    case Phase::kRetrying:
      return L"다시 시도합니다 · trying again: " + state.text;
    case Phase::kBlocked:
      return L"라이선스 대기: 동글을 꽂으십시오 · waiting for the licence, plug in the dongle: " + state.text;
    default:
      return L"정지 · stopped";
  }
}

std::wstring LicenceText(const WorkerState& state) {
  const LnxLicenseInfo& licence = state.licence;
  std::wstring text;
  switch (licence.phase) {
    case LNX_LICENSE_STARTING:
      text = L"라이선스 확인 중 · licence: starting";
      break;
    case LNX_LICENSE_OK:
      text = L"라이선스 정상 · licence OK";
      break;
    case LNX_LICENSE_GRACE:
      text = L"라이선스 유예 · licence in grace, " + std::to_wstring(static_cast<int>(licence.grace_seconds_left)) + L" s: " +
             Wide(licence.reason);
      break;
    case LNX_LICENSE_BLOCKED:
      text = L"라이선스 차단 · licence blocked: " + Wide(licence.reason);
      break;
    default:
      return L"라이선스 불필요 · no licence needed";
  }
  if (licence.evaluation != 0) text += L" (평가용 · evaluation)";
  if (licence.warning[0] != '\0') text += L" - " + Wide(licence.warning);
  return text;
}

std::wstring DeviceText(const WorkerState& state) {
  if (state.status == LNX_E_DEVICE_LOST) return L"GPU 연결 끊김 · GPU lost";
  std::wstring text;
  switch (state.provider) {
    case LNX_PROVIDER_CUDA:
      text = L"GPU (CUDA)";
      break;
    case LNX_PROVIDER_TENSORRT_RTX:
      text = L"GPU (TensorRT RTX)";
      break;
    case LNX_PROVIDER_CPU:
      text = L"CPU";
      break;
    default:
      return L"장치: 아직 없음 · device: none yet";
  }
  return text + (state.cpu_fallback ? L" - GPU를 쓸 수 없음 · the GPU could not be used" : L"");
}
