#include "base/check.h"

#include <cstdio>
#include <cstdlib>

namespace bz::base {
void check_failed(const char* file, int line, const char* condition, const char* reason) noexcept {
  std::fprintf(stderr, "broken invariant: %s (%s) at %s:%d\n", reason, condition, file, line);
  std::fflush(stderr);
  std::abort();
}
}  // namespace bz::base
