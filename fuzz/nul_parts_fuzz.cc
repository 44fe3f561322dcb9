// rooms: mime
// A message with NUL: what NulWriter makes of it has none, does not depend on where the pieces were cut, keeps every octet
// when there is no NUL, and gives each leaf's octets back when it is decoded.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "mime/nul_parts.h"

using namespace bz::mime;

namespace {

struct Leaves final : PartWalker {  // decoded
  std::vector<std::string> bodies;
  explicit Leaves(std::string_view raw) {
    feed(raw);
    finish();
  }
  void on_header(const Entity& entity, std::string_view) override {
    decoder = TransferDecoder(parse_encoding(entity.encoding));
    body.clear();
  }
  void on_body(std::string_view bytes) override { decoder.feed(bytes, body); }
  void on_leaf_end() override {
    decoder.finish(body);
    bodies.push_back(std::move(body));
    body.clear();
  }
  void on_between(std::string_view, bool) override {}
  TransferDecoder decoder{Encoding::Identity};
  std::string body;
};

std::string converted(std::string_view raw, size_t step, const std::vector<bool>& parts) {
  NulWriter writer(parts);
  std::string out;
  for (size_t at = 0; at < raw.size(); at += step) writer.feed(raw.substr(at, step), out);
  writer.finish(out);
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 1 || size > 16 * 1024) return -1;
  const size_t step = 1 + data[0];
  const std::string_view raw(reinterpret_cast<const char*>(data) + 1, size - 1);
  NulScan scan, pieces;
  scan.feed(raw);
  scan.finish();
  for (size_t at = 0; at < raw.size(); at += step) pieces.feed(raw.substr(at, step));
  pieces.finish();
  BZ_CHECK((scan.refusal() == nullptr) == (pieces.refusal() == nullptr) && scan.parts() == pieces.parts(),
           "splitting changed the scan");
  if (scan.refusal()) return 0;
  const std::string out = converted(raw, raw.size() + 1, scan.parts());
  BZ_CHECK(out == converted(raw, step, scan.parts()), "splitting changed the message");
  BZ_CHECK(out.find('\0') == std::string::npos, "NUL is left");
  if (raw.find('\0') == std::string_view::npos) BZ_CHECK(out == raw, "a message without NUL was changed");
  const Leaves before(raw), after(out);
  if (!before.failed() && !after.failed()) BZ_CHECK(before.bodies == after.bodies, "a part has other octets now");
  return 0;
}
