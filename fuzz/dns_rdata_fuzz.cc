// rooms: net
// The first byte chooses the parser.
#include <cstddef>
#include <cstdint>

#include "base/check.h"
#include "net/dns_rdata.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  std::string_view rest(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 4) {
    case 0:
      if (auto name = bz::net::parse_dns_name(rest)) {
        BZ_CHECK(name->size() < 255 && name->find('\n') == std::string::npos, "a name that cannot be");
      }
      break;
    case 1:
      (void)bz::net::parse_mx(rest);
      break;
    case 2:
      if (auto text = bz::net::parse_txt(rest)) BZ_CHECK(text->size() < rest.size(), "more text than data");
      break;
    default:
      (void)bz::net::parse_address(rest);
  }
  return 0;
}
