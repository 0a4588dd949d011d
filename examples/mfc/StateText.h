// What the state of a worker is called in the window, Korean and English.
#pragma once

#include <string>

#include "InspectionWorker.h"

std::wstring PhaseText(const WorkerState& state);
std::wstring LicenceText(const WorkerState& state);
std::wstring DeviceText(const WorkerState& state);
