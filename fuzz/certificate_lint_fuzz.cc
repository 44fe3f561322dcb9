// rooms: crypto
// What a stranger's server sends: up to ten certificates and a staple. No bytes may do more than become findings; every
// finding has its texts, and the weight never rises down the list.
#include <cstdlib>

#include "crypto/lint.h"

using namespace bz::crypto;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  // Two bytes of length before each certificate; the first stands for the staple, the rest for the chain.
  LintInput input{.chain = {}, .host = "mail.test", .roots = {}, .staple = {}, .now = 1'795'000'000};
  bool first = true;
  while (size >= 2) {
    size_t length = std::min<size_t>(data[0] * 256u + data[1], size - 2);
    std::string piece(reinterpret_cast<const char*>(data) + 2, length);
    data += 2 + length;
    size -= 2 + length;
    if (std::exchange(first, false)) {
      input.staple = std::move(piece);
    } else {
      (void)describe_certificate(piece);
      input.chain.push_back(std::move(piece));
    }
  }
  Severity last = Severity::Error;
  for (const Finding& finding : lint_certificates(input)) {
    if (finding.code.empty() || finding.text.empty() || finding.advice.empty() || finding.severity > last) std::abort();
    last = finding.severity;
  }
  return 0;
}
