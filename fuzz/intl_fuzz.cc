// rooms: base model intl
// Preparing twice changes nothing, what comes out is UTF-8, A-labels are ASCII and lead back to themselves.
#include <cstdlib>
#include <string>

#include "base/text.h"
#include "intl/idna.h"
#include "intl/saslprep.h"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, size_t size) {
  using namespace bz;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto stored = intl::saslprep(text, intl::Saslprep::Stored)) {
    const auto query = intl::saslprep(text, intl::Saslprep::Query);
    if (!query || *query != *stored || !base::is_utf8(*stored)) std::abort();
  }
  const auto candidates = intl::password_candidates(text);
  if (candidates.empty() || candidates.size() > 2 || (!text.empty() && candidates[0].empty())) std::abort();
  if (const auto ascii = intl::to_a_labels(text)) {
    if (!base::is_ascii(*ascii)) std::abort();
    const auto shown = intl::to_u_labels(*ascii);
    if (!base::is_utf8(shown)) std::abort();
    if (!base::is_ascii(text) && !intl::same_domain(shown, *ascii)) std::abort();
  }
  return 0;
}
