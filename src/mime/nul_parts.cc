#include "mime/nul_parts.h"

#include <algorithm>
#include <utility>

#include "base/text.h"

namespace bz::mime {
namespace {

constexpr std::string_view kEncodingField = "Content-Transfer-Encoding";

bool has_nul(std::string_view bytes) { return bytes.find('\0') != bytes.npos; }

const char* seal_of(const PartWalker::Entity& entity) {
  static constexpr std::string_view kIdentity[] = {"", "7bit", "8bit", "binary"};
  const bool identity = std::any_of(std::begin(kIdentity), std::end(kIdentity),
                                    [&](std::string_view known) { return base::iequals(known, entity.encoding); });
  if (!identity) return "NUL in a part that is encoded already";
  if (entity.closed) return "NUL in a part that cannot be looked into";
  if (entity.in_signed) return "NUL in a signed part";
  return nullptr;
}

// The block with another transfer encoding; its other fields keep their octets.
std::string in_base64(const PartWalker::Entity& entity, std::string_view block) {
  std::string out;
  size_t at = 0;
  bool labelled = false;  // in the place of the old label: lines that are no fields may follow, and must not come first
  for (const HeaderField& field : entity.index.fields) {
    if (!base::iequals(HeaderIndex::name(field, block), kEncodingField)) continue;
    out += block.substr(at, field.at - at);
    if (!std::exchange(labelled, true)) out.append(kEncodingField).append(": base64\r\n");
    at = field.end;
  }
  const std::string_view rest = block.substr(at);
  // The last line, if it is empty as PartWalker sees it: "\r\r\n" is.
  const size_t before = rest.size() < 2 ? rest.npos : rest.rfind('\n', rest.size() - 2);
  const size_t empty_line = before == rest.npos ? 0 : before + 1;
  const bool has_empty_line = rest.ends_with('\n') && rest.find_first_not_of("\r\n", empty_line) == rest.npos;
  out += has_empty_line ? rest.substr(0, empty_line) : rest;
  if (!out.empty() && !out.ends_with('\n')) out += "\r\n";
  if (entity.root && !entity.index.find("MIME-Version", block)) out += "MIME-Version: 1.0\r\n";
  if (!labelled) out.append(kEncodingField).append(": base64\r\n");
  return out + (has_empty_line ? std::string(rest.substr(empty_line)) : "\r\n");
}

}  // namespace

void NulScan::finish() {
  PartWalker::finish();
  if (failed()) refuse("A header is too large");
}

void NulScan::refuse(const char* why) {
  if (!refusal_) refusal_ = why;
}

void NulScan::on_header(const Entity& entity, std::string_view block) {
  if (has_nul(block)) refuse("NUL in a header");
  sealed_ = seal_of(entity);
}

void NulScan::on_body(std::string_view bytes) { nul_ |= has_nul(bytes); }

void NulScan::on_leaf_end() {
  if (parts_.size() >= kMaxParts) return refuse("Too many parts");
  if (nul_ && sealed_) refuse(sealed_);
  parts_.push_back(std::exchange(nul_, false));
}

void NulScan::on_between(std::string_view bytes, bool) {
  if (has_nul(bytes)) refuse("NUL between the parts");
}

void NulWriter::feed(std::string_view bytes, std::string& out) {
  PartWalker::feed(bytes);
  out += std::exchange(out_, {});
}

void NulWriter::finish(std::string& out) {
  PartWalker::finish();
  out += std::exchange(out_, {});
}

void NulWriter::on_header(const Entity& entity, std::string_view block) {
  const bool encode = entity.kind == Kind::Leaf && encodes();
  encoder_ = TransferEncoder(encode ? Encoding::Base64 : Encoding::Identity);
  if (encode)
    out_ += in_base64(entity, block);
  else
    out_ += block;
}

void NulWriter::on_body(std::string_view bytes) { encoder_.feed(bytes, out_); }

void NulWriter::on_leaf_end() {
  encoder_.finish(out_);
  ++leaf_;
}

void NulWriter::on_between(std::string_view bytes, bool) { out_ += bytes; }

}  // namespace bz::mime
