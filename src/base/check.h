// Broken invariants stop the process with a reason; the supervisor starts the role again. Never used on bytes from outside.
#pragma once

namespace bz::base {
[[noreturn]] void check_failed(const char* file, int line, const char* condition, const char* reason) noexcept;
}  // namespace bz::base

#define BZ_CHECK(condition, reason) \
  ((condition) ? void(0) : ::bz::base::check_failed(__FILE__, __LINE__, #condition, reason))
