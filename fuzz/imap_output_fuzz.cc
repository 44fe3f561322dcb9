// rooms: login
// The follower of the mail store's output, fed whole and in pieces whose sizes the input chooses, must come to the same,
// and never think that a line begins where the last octet ends none.
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "login/imap_output.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2 || size > 8192) return 0;
  const size_t step = 1 + data[0] % 40;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  bz::login::ImapOutput whole, pieces;
  whole.passing(bytes);
  for (size_t at = 0; at < bytes.size(); at += step) pieces.passing(bytes.substr(at, step));
  BZ_CHECK(whole.at_line_start() == pieces.at_line_start(), "splitting changed where a line begins");
  BZ_CHECK(whole.last_words() == pieces.last_words(), "splitting changed the last words");
  BZ_CHECK(!whole.at_line_start() || bytes.ends_with("\r\n"), "a line begins in the middle of one");
  return 0;
}
