// rooms: base model crypto mime
// The first octet says how the message is cut. Whatever comes in, what goes out is ASCII, does not depend on the cuts, and
// is not changed by a second conversion.
#include <algorithm>
#include <cstdlib>
#include <string>

#include "base/text.h"
#include "mime/seven_bit.h"

namespace {

using bz::mime::SevenBitScan;
using bz::mime::SevenBitWriter;

SevenBitScan scan_of(std::string_view message, size_t piece) {
  SevenBitScan scan;
  for (size_t at = 0; at < message.size(); at += piece) scan.feed(message.substr(at, piece));
  scan.finish();
  return scan;
}

std::string written(const SevenBitScan& scan, std::string_view message, size_t piece) {
  SevenBitWriter writer(scan.plan());
  std::string out;
  for (size_t at = 0; at < message.size(); at += piece) writer.feed(message.substr(at, piece), out);
  writer.finish(out);
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, size_t size) {
  if (size == 0) return 0;
  const size_t piece = size_t{1} + data[0];
  const std::string_view message(reinterpret_cast<const char*>(data) + 1, size - 1);
  const auto whole = scan_of(message, size), cut = scan_of(message, piece);
  if (whole.refusal().has_value() != cut.refusal().has_value()) std::abort();
  if (whole.refusal()) return 0;
  if (whole.plan().leaves != cut.plan().leaves) std::abort();
  const auto out = written(whole, message, size);
  if (out != written(cut, message, piece)) std::abort();
  if (!bz::base::is_ascii(out)) std::abort();
  const auto again = scan_of(out, size);
  if (again.refusal()) return 0;  // folding may push a header over its limit
  if (written(again, out, size) != out) std::abort();
  return 0;
}
