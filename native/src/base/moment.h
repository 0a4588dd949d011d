// Times in signed documents: RFC 3339 in UTC to the second, in exactly one form, 2026-11-21T07:30:00Z; days as 2027-12-31.
#pragma once

#include <cstdint>
#include <string>

namespace lnx {

// Seconds since 1970. False when the text is not of the one form or no time of the calendar.
bool ParseMoment(const std::string& text, int64_t* unix_seconds);
// The last second of that day.
bool ParseDay(const std::string& text, int64_t* unix_seconds);
std::string FormatMoment(int64_t unix_seconds);

}  // namespace lnx
