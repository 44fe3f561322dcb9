// A point in time as people read it in messages and lists.
#pragma once
#include <cstdint>
#include <string>

namespace bz::base {

// "2026-12-01 02:20 UTC" of Unix seconds; "?" for what no calendar holds.
std::string date(int64_t seconds);

}  // namespace bz::base
