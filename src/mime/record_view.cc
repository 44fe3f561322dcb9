#include "mime/record_view.h"

#include <algorithm>

#include "base/text.h"

namespace bz::mime {
namespace {

Range range_of(base::Reader& in) {
  const uint64_t at = in.varint();
  return {at, in.varint()};
}

bool inside(Range range, uint64_t size) { return range.at <= size && range.size <= size - range.at; }

}  // namespace

FieldNames::FieldNames(const std::vector<std::string>& names, bool negate) : negate_(negate) {
  for (const std::string& written : names) {
    std::string name = base::lower(written);
    const auto* known = std::find(std::begin(kRecordNames), std::end(kRecordNames), name);
    if (known != std::end(kRecordNames))
      known_.set(static_cast<size_t>(known - std::begin(kRecordNames)));
    else
      others_.push_back(std::move(name));
  }
}

bool FieldNames::is_other(std::string_view name) const {
  return std::any_of(others_.begin(), others_.end(), [&](const std::string& other) { return other == name; });
}

std::optional<RecordView> RecordView::open(std::string_view encoded) {
  RecordView view;
  base::Reader in(encoded);
  if (!view.read(in) || !in.finished()) return std::nullopt;
  return view;
}

bool RecordView::read(base::Reader& in) {
  const uint8_t version = in.u8();
  if (version < kWithoutPreview || version > kWithUtf8) return false;
  size_ = in.varint();
  in.varint();  // lines
  for (std::string_view* text : {&texts_.envelope, &texts_.bodystructure, &texts_.body}) *text = in.bytes();
  for (int skipped = 0; skipped < 3; ++skipped) in.bytes();  // message id, subject, base subject
  const uint8_t bits = in.u8();
  if (bits >= 4) return false;
  if ((bits & 2) != 0) in.take(10);                                           // the date
  for (uint64_t left = in.varint(); left > 0 && in.ok(); --left) in.bytes();  // references
  field_count_ = in.varint();
  fields_ = in.rest();
  for (uint64_t left = field_count_; left > 0 && in.ok(); --left) {
    if (in.varint() == 0) in.bytes();
    in.varint();
    in.varint();
  }
  if (!read_parts(in)) return false;
  if (version >= kWithPreview) preview_ = in.bytes();
  if (version == kWithUtf8) {
    Texts& texts = utf8_.emplace();
    for (std::string_view* text : {&texts.envelope, &texts.bodystructure, &texts.body}) *text = in.bytes();
  }
  return in.ok();
}

bool RecordView::read_parts(base::Reader& in) {
  const uint64_t count = in.varint();
  for (uint64_t n = 0; n < count && in.ok(); ++n) {
    const unsigned bits = in.u8();
    in.varint();  // parent
    in.varint();  // end
    const Range header = range_of(in);
    if (n == 0) header_ = header;
    range_of(in);
    if ((bits & 4U) != 0) in.bytes();  // charset
  }
  return in.ok() && count > 0 && inside(header_, size_);
}

bool RecordView::fields(const FieldNames& names, std::vector<Range>& out) const {
  out.clear();
  base::Reader in(fields_);
  for (uint64_t left = field_count_; left > 0; --left) {
    const uint64_t known = in.varint();
    const std::string_view name = known == 0 ? in.bytes() : std::string_view();
    const Range field = range_of(in);
    if (!in.ok() || known > std::size(kRecordNames) || !inside(field, size_)) return false;
    if (names.wants(known, name)) out.push_back(field);
  }
  return true;
}

}  // namespace bz::mime
