// rooms: base model wire
// A header of a peer: never read beyond its end; what is accepted means the same after being written again.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "wire/handoff.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace bz::wire;
  std::string_view bytes(reinterpret_cast<const char*>(data), size);
  auto parsed = parse_handoff(bytes);
  if (!parsed || !*parsed) return 0;
  const Handoff& h = (*parsed)->handoff;
  if ((*parsed)->consumed > size || (*parsed)->consumed > kMaxHandoff) std::abort();
  std::string again = h.encode();
  if (again.empty()) std::abort();
  auto second = parse_handoff(again);
  if (!second || !*second || (*second)->handoff.encode() != again || (*second)->handoff.ticket != h.ticket) std::abort();
  return 0;
}
