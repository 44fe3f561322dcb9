// The stored form of ParsedMessage: varints and byte strings in the order below. Version 2 has the preview at its end,
// version 3 the preview and the texts in UTF-8, version 1 neither. A newer version is refused, a field is never given a new
// meaning. Header names that every message has are one octet.
#include <algorithm>
#include <iterator>

#include "base/coding.h"
#include "mime/record.h"
#include "mime/record_names.h"

namespace bz::mime {
namespace {

void put_field(std::string& out, const RecordField& field) {
  auto known = std::find(std::begin(kRecordNames), std::end(kRecordNames), field.name);
  if (known != std::end(kRecordNames)) {
    base::put_varint(out, static_cast<uint64_t>(known - std::begin(kRecordNames)) + 1);
  } else {
    base::put_varint(out, 0);
    base::put_bytes(out, field.name);
  }
  base::put_varint(out, field.at);
  base::put_varint(out, field.size);
}

bool get_field(base::Reader& in, RecordField& field) {
  uint64_t known = in.varint();
  if (known > std::size(kRecordNames)) return false;
  field.name = known == 0 ? in.bytes() : kRecordNames[known - 1];
  uint64_t at = in.varint(), size = in.varint();
  if (at > UINT32_MAX || size > UINT32_MAX) return false;
  field.at = static_cast<uint32_t>(at);
  field.size = static_cast<uint32_t>(size);
  return in.ok();
}

void put_range(std::string& out, Range range) {
  base::put_varint(out, range.at);
  base::put_varint(out, range.size);
}

Range get_range(base::Reader& in) {
  Range out;
  out.at = in.varint();
  out.size = in.varint();
  return out;
}

void put_part(std::string& out, const RecordPart& part) {
  auto bits = static_cast<uint8_t>(static_cast<unsigned>(part.kind) | (part.text ? 4U : 0U) | (part.html ? 8U : 0U) |
                                   (part.attachment ? 16U : 0U) | static_cast<unsigned>(part.encoding) << 5U);
  base::put_u8(out, bits);
  base::put_varint(out, part.parent == kNoPart ? 0 : uint64_t{part.parent} + 1);
  base::put_varint(out, part.end);
  put_range(out, part.header);
  put_range(out, part.body);
  if (part.text) base::put_bytes(out, part.charset);
}

bool get_part(base::Reader& in, RecordPart& part) {
  unsigned bits = in.u8();
  if ((bits & 3U) > 2 || (bits >> 5U) > 2) return false;
  part.kind = static_cast<Part::Kind>(bits & 3U);
  part.text = (bits & 4U) != 0;
  part.html = (bits & 8U) != 0;
  part.attachment = (bits & 16U) != 0;
  part.encoding = static_cast<Encoding>(bits >> 5U);
  uint64_t parent = in.varint(), end = in.varint();
  if (parent > UINT32_MAX || end > UINT32_MAX) return false;
  part.parent = parent == 0 ? kNoPart : static_cast<uint32_t>(parent - 1);
  part.end = static_cast<uint32_t>(end);
  part.header = get_range(in);
  part.body = get_range(in);
  if (part.text) part.charset = in.bytes();
  return in.ok();
}

bool inside(Range range, uint64_t size) { return range.at <= size && range.size <= size - range.at; }

// What find_part() and section() rely on: a pre-order tree whose ranges lie in the message.
bool well_formed(const ParsedMessage& message) {
  const auto& parts = message.parts;
  if (parts.empty() || parts[0].parent != kNoPart || parts[0].end != parts.size()) return false;
  for (uint32_t i = 0; i < parts.size(); ++i) {
    const RecordPart& part = parts[i];
    bool leaf = part.kind == Part::Kind::Leaf;
    if (part.end <= i || part.end > parts.size() || leaf != (part.end == i + 1)) return false;
    if (!inside(part.header, message.size) || !inside(part.body, message.size)) return false;
    if (i > 0 && (part.parent >= i || parts[part.parent].end < part.end)) return false;
    if (part.kind == Part::Kind::Message && parts[i + 1].end != part.end) return false;
  }
  return std::all_of(message.fields.begin(), message.fields.end(),
                     [&](const RecordField& field) { return inside({field.at, field.size}, message.size); });
}

template <class T, class Get>
bool get_all(base::Reader& in, std::vector<T>& out, Get get) {
  uint64_t count = in.varint();
  if (count > in.remaining()) return false;  // each entry has an octet at least
  out.resize(count);
  return std::all_of(out.begin(), out.end(), [&](T& entry) { return get(in, entry); });
}

}  // namespace

std::string ParsedMessage::encode() const {
  std::string out;
  base::put_u8(out, utf8 ? kWithUtf8 : preview ? kWithPreview : kWithoutPreview);
  base::put_varint(out, size);
  base::put_varint(out, lines);
  for (const std::string* text : {&envelope, &bodystructure, &body, &message_id, &subject, &base_subject}) {
    base::put_bytes(out, *text);
  }
  base::put_u8(out, static_cast<uint8_t>((subject_is_reply ? 1 : 0) | (sent ? 2 : 0)));
  if (sent) {
    base::put_be64(out, static_cast<uint64_t>(sent->unix_seconds));
    base::put_be16(out, static_cast<uint16_t>(sent->zone_minutes + 1440));
  }
  base::put_varint(out, references.size());
  for (const std::string& id : references) base::put_bytes(out, id);
  base::put_varint(out, fields.size());
  for (const RecordField& field : fields) put_field(out, field);
  base::put_varint(out, parts.size());
  for (const RecordPart& part : parts) put_part(out, part);
  if (utf8 || preview) base::put_bytes(out, preview.value_or(""));
  if (utf8)
    for (const std::string* text : {&utf8->envelope, &utf8->bodystructure, &utf8->body}) base::put_bytes(out, *text);
  return out;
}

Result<ParsedMessage> ParsedMessage::decode(std::string_view bytes) {
  base::Reader in(bytes);
  uint8_t version = in.u8();
  if (!in.ok()) return fail(Errc::Corrupt, "an empty message record");
  if (version < kWithoutPreview || version > kWithUtf8)
    return fail(Errc::Unsupported, "message record of version " + std::to_string(version));
  ParsedMessage out;
  out.size = in.varint();
  out.lines = in.varint();
  for (std::string* text :
       {&out.envelope, &out.bodystructure, &out.body, &out.message_id, &out.subject, &out.base_subject}) {
    *text = in.bytes();
  }
  uint8_t bits = in.u8();
  out.subject_is_reply = (bits & 1) != 0;
  if ((bits & 2) != 0) {
    DateTime date;
    date.unix_seconds = static_cast<int64_t>(in.be64());
    date.zone_minutes = static_cast<int>(in.be16()) - 1440;
    out.sent = date;
  }
  auto get_id = [](base::Reader& reader, std::string& id) {
    id = reader.bytes();
    return reader.ok();
  };
  bool good = bits < 4 && get_all(in, out.references, get_id) && get_all(in, out.fields, get_field) &&
              get_all(in, out.parts, get_part);
  if (version >= kWithPreview) out.preview = in.bytes();
  if (version == kWithUtf8) {
    out.utf8.emplace();
    for (std::string* text : {&out.utf8->envelope, &out.utf8->bodystructure, &out.utf8->body}) *text = in.bytes();
  }
  good = good && in.finished() && well_formed(out);
  if (!good) return fail(Errc::Corrupt, "message record");
  return out;
}

}  // namespace bz::mime
