// The suitable runtime pack, decided where the doctor decides it.
#include "runtime/driver_version.h"
#include "runtime/pack_choice.h"
#include "step.h"

namespace setup {
namespace {

std::string Ascii(const std::wstring& text) {
  std::string out;
  for (const wchar_t c : text) out += c < 128 ? static_cast<char>(c) : '?';
  return out;
}

}  // namespace

Outcome ChoosePackStep(const Words& words) {
  std::vector<std::string> offered;
  for (const std::wstring& word : words) offered.push_back(Ascii(word));
  const lnx::runtime::GpuSurvey survey = lnx::runtime::SurveyGpus();
  const lnx::runtime::DriverFacts driver = lnx::runtime::FactsOf(survey);
  const lnx::runtime::PackChoice choice = lnx::runtime::ChoosePack(driver, survey.gpus, offered);
  Outcome outcome;
  outcome.yes = true;
  outcome.code = Utf16(choice.pack);
  for (const lnx::runtime::PackVerdict& verdict : choice.verdicts) {
    if (verdict.pack == choice.pack) break;
    if (verdict.fit == lnx::runtime::PackFit::kServes) {
      if (outcome.more[L"better"].empty()) outcome.more[L"better"] = Utf16(verdict.pack);  // suits, and is not offered
      continue;
    }
    outcome.text +=
        Utf16((outcome.text.empty() ? "" : "; ") + verdict.pack + ": " + verdict.found + ", needed " + verdict.needed);
  }
  outcome.more[L"driver"] = Utf16(driver.version);
  outcome.more[L"gpu"] = survey.gpus.empty() ? Utf16(survey.reason) : Utf16(survey.gpus[0].name);
  return outcome;
}

Outcome ServesStep(const Words& words) {
  const lnx::runtime::GpuSurvey survey = lnx::runtime::SurveyGpus();
  const lnx::runtime::PackVerdict verdict =
      lnx::runtime::PackServesPc(Ascii(words[0]), lnx::runtime::FactsOf(survey), survey.gpus);
  Outcome outcome;
  outcome.yes = verdict.fit == lnx::runtime::PackFit::kServes;
  outcome.code = Utf16(lnx::runtime::PackFitName(verdict.fit));
  outcome.text = Utf16(verdict.found);
  outcome.more[L"needed"] = Utf16(verdict.needed);
  return outcome;
}

}  // namespace setup
