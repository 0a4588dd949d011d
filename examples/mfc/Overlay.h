// Paints an inspection: the picture as large as it fits, the findings over it, a banner with the verdict. Plain GDI.
#pragma once

#include <windows.h>

#include "InspectionWorker.h"

// Fills `area` of `dc`. `inspection` NULL = a dark area. The picture keeps its proportions.
void PaintInspection(HDC dc, const RECT& area, const Inspection* inspection);
COLORREF VerdictColour(LnxVerdict verdict);
