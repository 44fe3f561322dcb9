// rooms: base oauth
// An identity provider that answers anything: introspection (RFC 7662) and Cache-Control. Held: a name comes only out of an
// answer that says "active", is UTF-8 and short; the life of keys stays within its intervals.
#include <cstdint>

#include "base/check.h"
#include "base/text.h"
#include "oauth/introspection.h"
#include "oauth/key_schedule.h"

using namespace bz;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const oauth::Options& options : {oauth::Options{.issuer = "i", .audiences = {"mail"}},
                                        oauth::Options{.issuer = "", .audiences = {}, .user_claim = "username"}}) {
    auto answer = oauth::parse_introspection(text, options, 1'700'000'000);
    if (!answer) continue;
    BZ_CHECK(text.find("active") != text.npos || text.find("\\u") != text.npos, "a name without being active");
    BZ_CHECK(!answer->user.empty() && answer->user.size() <= 320 && base::is_utf8(answer->user), "a name out of bounds");
    BZ_CHECK(answer->expires >= 0, "a time before time");
  }
  const oauth::KeyIntervals intervals;
  auto life = oauth::key_life(text, intervals);
  BZ_CHECK(life >= intervals.shortest && life <= intervals.longest, "keys live too short or too long");
  return 0;
}
