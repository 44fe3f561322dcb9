#include <algorithm>

#include "base/text.h"
#include "mime/seven_bit.h"

namespace bz::mime {
namespace {

uint64_t count_eight_bit(std::string_view bytes) {
  return static_cast<uint64_t>(
      std::count_if(bytes.begin(), bytes.end(), [](char c) { return static_cast<unsigned char>(c) >= 0x80; }));
}

bool is_known_encoding(std::string_view token) {
  static constexpr std::string_view kKnown[] = {"", "7bit", "8bit", "binary", "quoted-printable", "base64"};
  return std::any_of(std::begin(kKnown), std::end(kKnown), [&](auto known) { return base::iequals(token, known); });
}

// Why the body of a leaf must stay as it is, or nullptr.
const char* seal_of(const PartWalker::Entity& entity) {
  if (entity.in_signed) return "8-bit content below multipart/signed cannot be converted without breaking its signature";
  if (!is_known_encoding(entity.encoding)) return "8-bit content in an unknown transfer encoding cannot be converted";
  const auto& type = entity.content_type;
  if (entity.closed || type.is("message", "partial") || type.is("message", "external-body")) {
    return "8-bit content in a part that allows no transfer encoding cannot be converted";
  }
  return nullptr;
}

}  // namespace

void SevenBitScan::finish() {
  PartWalker::finish();
  if (failed()) refuse("A header is too large to be converted to 7-bit");
}

void SevenBitScan::refuse(const char* why) {
  if (!refusal_) refusal_ = why;
}

void SevenBitScan::on_header(const Entity& entity, std::string_view block) {
  if (!base::is_ascii(block)) {
    header_has_eight_bit_ = true;
    if (entity.in_signed) refuse("8-bit headers below multipart/signed cannot be converted without breaking its signature");
  }
  encoding_ = parse_encoding(entity.encoding);
  sealed_ = seal_of(entity);
}

void SevenBitScan::on_body(std::string_view bytes) {
  octets_ += bytes.size();
  eight_bit_ += count_eight_bit(bytes);
}

void SevenBitScan::on_leaf_end() {
  using Leaf = SevenBitPlan::Leaf;
  const uint64_t octets = std::exchange(octets_, 0), eight_bit = std::exchange(eight_bit_, 0);
  if (plan_.leaves.size() >= kMaxLeaves) return refuse("The message has too many parts to be converted to 7-bit");
  Leaf leaf = Leaf::AsIs;
  if (eight_bit > 0) {
    if (sealed_) refuse(sealed_);
    // Three octets for one that is escaped; four for three, and line ends.
    const bool quoted_is_shorter = eight_bit * 2 <= octets * 37 / 100;
    leaf = quoted_is_shorter ? Leaf::Quoted : Leaf::Base64;
    if (encoding_ == Encoding::QuotedPrintable) leaf = Leaf::Escape;
    if (encoding_ == Encoding::Base64) leaf = Leaf::DropEight;
  }
  plan_.leaves.push_back(leaf);
}

void SevenBitScan::on_between(std::string_view bytes, bool in_signed) {
  if (base::is_ascii(bytes)) return;
  if (in_signed) refuse("8-bit content below multipart/signed cannot be converted without breaking its signature");
  if (bytes.starts_with("--")) refuse("A boundary with 8-bit octets cannot be converted");
}

}  // namespace bz::mime
