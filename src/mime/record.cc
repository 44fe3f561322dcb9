#include "mime/record.h"

#include <algorithm>

#include "base/text.h"
#include "mime/bodystructure.h"
#include "mime/envelope.h"
#include "mime/preview.h"

namespace bz::mime {
namespace {

constexpr size_t kMaxReferences = 100;
constexpr size_t kMaxMessageId = 998;  // a line of RFC 5322 section 2.1.1

// Appends the "<...>" of `text`, each once.
void collect_ids(std::string_view text, std::vector<std::string>& ids) {
  for (size_t at = 0; (at = text.find('<', at)) != std::string_view::npos;) {
    size_t end = text.find_first_of("<>", at + 1);
    if (end == std::string_view::npos) return;
    if (text[end] == '>' && end - at > 1 && end - at < kMaxMessageId) {
      std::string id(text.substr(at, end - at + 1));
      std::erase_if(id, [](char c) { return c == ' ' || c == '\t'; });
      if (std::find(ids.begin(), ids.end(), id) == ids.end()) ids.push_back(std::move(id));
      if (ids.size() > kMaxReferences) ids.erase(ids.begin() + 1);  // the root and the newest say most
    }
    at = end;
  }
}

RecordPart record_part(const Part& part) {
  RecordPart out;
  out.kind = part.kind;
  out.parent = part.parent;
  out.end = part.end;
  out.header = part.header;
  out.body = part.body;
  out.attachment = base::iequals(part.disposition.token, "attachment");
  out.encoding = parse_encoding(part.encoding);
  if (part.kind != Part::Kind::Leaf || !part.content_type.is("text")) return out;
  out.text = true;
  out.html = part.content_type.is("text", "html");
  out.charset = decode_param(part.content_type.params, "charset").value_or("").substr(0, 64);
  return out;
}

bool may_look_otherwise_in_utf8(std::string_view raw, const std::vector<Part>& parts) {
  return std::any_of(parts.begin(), parts.end(),
                     [&](const Part& p) { return p.is_global() || !base::is_ascii(slice(raw, p.header)); });
}

Utf8Text utf8_text(std::string_view raw, std::string_view header, const HeaderIndex& index,
                   const std::vector<Part>& parts) {
  constexpr auto kUtf8 = ImapText::Charset::Utf8;
  ImapText envelope(kUtf8);
  write_envelope(envelope, header, index);
  return {envelope.take(), bodystructure(raw, parts, true, kUtf8), bodystructure(raw, parts, false, kUtf8)};
}

}  // namespace

Result<ParsedMessage> parse_message(std::string_view raw, const Limits& limits) {
  if (raw.size() > limits.message_bytes) return fail(Errc::TooLarge, std::to_string(raw.size()) + " octets");
  BZ_TRY(HeaderIndex index, scan_header_strict(raw, limits.header));
  std::vector<Part> parts = parse_structure(raw, limits);
  ParsedMessage out;
  out.size = raw.size();
  out.lines = static_cast<uint64_t>(std::count(raw.begin(), raw.end(), '\n'));
  std::string_view header = raw.substr(0, index.size);
  ImapText envelope;
  write_envelope(envelope, header, index);
  out.envelope = envelope.take();
  out.bodystructure = bodystructure(raw, parts, true);
  out.body = bodystructure(raw, parts, false);
  if (may_look_otherwise_in_utf8(raw, parts)) out.utf8 = utf8_text(raw, header, index, parts);
  if (out.utf8 && out.utf8->envelope == out.envelope && out.utf8->bodystructure == out.bodystructure) out.utf8.reset();
  for (const Part& part : parts) out.parts.push_back(record_part(part));
  for (const HeaderField& field : index.fields) {
    out.fields.push_back({base::lower(HeaderIndex::name(field, header)), field.at, field.end - field.at});
  }
  std::vector<std::string> own_id;
  collect_ids(index.value("Message-ID", header).value_or(""), own_id);
  if (!own_id.empty()) out.message_id = own_id[0];
  collect_ids(index.value("References", header).value_or(""), out.references);
  collect_ids(index.value("In-Reply-To", header).value_or(""), out.references);
  if (auto date = index.value("Date", header)) out.sent = parse_rfc5322_date(*date);
  if (auto* field = index.find("Subject", header)) {
    out.subject = decode_header(cut_utf8(HeaderIndex::raw_value(*field, header), 4 * kMaxImapString));
    BaseSubject base = base_subject(out.subject);
    out.base_subject = fold(base.text);
    out.subject_is_reply = base.is_reply_or_forward;
  }
  out.preview = preview_of(out.parts, raw);
  return out;
}

std::vector<std::string> message_ids(std::string_view field) {
  std::vector<std::string> ids;
  collect_ids(field, ids);
  return ids;
}

std::string header_fields(std::string_view raw_header, uint64_t at, const ParsedMessage& message,
                          const std::vector<std::string>& names, bool negate) {
  std::string out;
  for (const RecordField& field : message.fields) {
    const bool named = std::any_of(names.begin(), names.end(), [&](const auto& n) { return base::iequals(n, field.name); });
    if (named == negate || field.at < at || field.at - at > raw_header.size()) continue;
    out += raw_header.substr(field.at - at, field.size);
    if (!out.ends_with('\n')) out += "\r\n";
  }
  return out += "\r\n";
}

std::optional<uint32_t> find_part(const ParsedMessage& message, const std::vector<uint32_t>& numbers) {
  const auto& parts = message.parts;
  if (parts.empty()) return std::nullopt;
  uint32_t at = 0;
  bool at_message = true;  // `at` is the root of a message, whose only part has the number 1 unless it is a multipart
  for (uint32_t number : numbers) {
    if (!at_message && parts[at].kind == Part::Kind::Message) {
      ++at;
      at_message = true;
    }
    if (number == 0) return std::nullopt;
    if (parts[at].kind == Part::Kind::Multipart) {
      uint32_t child = at + 1;
      for (uint32_t n = 1; n < number && child < parts[at].end; ++n) child = parts[child].end;
      if (child >= parts[at].end) return std::nullopt;
      at = child;
    } else if (!at_message || number != 1) {
      return std::nullopt;
    }
    at_message = false;
  }
  return at;
}

std::optional<Range> section(const ParsedMessage& message, const SectionPath& path) {
  using Kind = SectionPath::Kind;
  auto found = find_part(message, path.parts);
  if (!found) return std::nullopt;
  const RecordPart& part = message.parts[*found];
  if (path.kind == Kind::Mime) return path.parts.empty() ? std::nullopt : std::optional(part.header);
  if (path.kind == Kind::Whole) return path.parts.empty() ? Range{0, message.size} : part.body;
  if (path.parts.empty()) return path.kind == Kind::Header ? part.header : part.body;
  if (part.kind != Part::Kind::Message) return std::nullopt;  // HEADER and TEXT of a number want a message there
  const RecordPart& inner = message.parts[*found + 1];
  return path.kind == Kind::Header ? inner.header : inner.body;
}

}  // namespace bz::mime
