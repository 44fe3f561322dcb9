// rooms: base model wire
// A balancer's header: the same answer in every split, never a byte wanted behind its end, and what is accepted means the
// same after being written again, in either version.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "wire/proxy_protocol.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace bz::wire;
  std::string_view bytes(reinterpret_cast<const char*>(data), size);
  auto whole = parse_proxy_header(bytes);
  size_t taken = 0;
  for (;;) {
    auto step = parse_proxy_header(bytes.substr(0, taken));
    if (!step) {
      if (whole) std::abort();
      return 0;
    }
    if (step->wants == 0) {
      if (!whole || whole->wants != 0 || whole->header.size != taken || step->header.size != taken ||
          whole->header.client != step->header.client) {
        std::abort();
      }
      break;
    }
    if (taken + step->wants > kMaxProxyHeader) std::abort();
    if (taken == size) {
      if (!whole || whole->wants == 0) std::abort();
      return 0;
    }
    taken = std::min(size, taken + step->wants);
  }
  if (!whole->header.client) return 0;
  for (const std::string& again : {proxy_v1_header(*whole->header.client), proxy_v2_header(*whole->header.client)}) {
    auto second = parse_proxy_header(again);
    if (!second || second->wants != 0 || second->header.client != whole->header.client) std::abort();
  }
  return 0;
}
