#include "imapd/commands/fetch_list.h"

#include <algorithm>

namespace bz::imapd {
namespace {

using Kind = imap::FetchItem::Kind;
using What = imap::BodySection::What;

bool is_fields(const imap::FetchItem& item) {
  const What what = item.section.what;
  return item.kind == Kind::Section && item.section.part.empty() && !item.partial &&
         (what == What::HeaderFields || what == What::HeaderFieldsNot);
}

bool is_text(Kind kind) {
  return kind == Kind::Envelope || kind == Kind::Body || kind == Kind::BodyStructure || kind == Kind::Preview;
}

}  // namespace

std::optional<FetchList> FetchList::of(const std::vector<imap::FetchItem>& items) {
  FetchList list;
  bool any = false;
  for (const imap::FetchItem& item : items) {
    auto& names = list.names_.emplace_back();
    if (item.kind < Kind::Envelope) continue;
    if (is_fields(item))
      names.emplace(item.section.fields, item.section.what == What::HeaderFieldsNot);
    else if (!is_text(item.kind))
      return std::nullopt;
    any = true;
  }
  return any ? std::optional(std::move(list)) : std::nullopt;
}

bool FetchList::open(std::string_view stored) {
  const auto parts = store::parts_of(stored);
  record_ = parts ? mime::RecordView::open(parts->parsed) : std::nullopt;
  if (record_) parts_ = *parts;
  return record_.has_value();
}

bool FetchList::write(imap::FetchWriter& writer, size_t index, const imap::FetchItem& item, bool utf8) {
  switch (item.kind) {
    case Kind::Envelope:
      writer.item(item).encoder().raw(record_->texts(utf8).envelope);
      return true;
    case Kind::Body:
      writer.item(item).encoder().raw(record_->texts(utf8).body);
      return true;
    case Kind::BodyStructure:
      writer.item(item).encoder().raw(record_->texts(utf8).bodystructure);
      return true;
    case Kind::Preview:
      if (!record_->preview() && !item.lazy) return false;  // it has to be made
      writer.item(item).encoder().nstring(record_->preview());
      return true;
    default:
      return write_fields(writer, *names_[index], item);
  }
}

std::optional<std::string_view> FetchList::octets(mime::Range range) const {
  const uint64_t prefix = parts_.prefix.size();
  if (range.at + range.size <= prefix) return parts_.prefix.substr(range.at, range.size);
  if (range.at < prefix || range.at + range.size - prefix > parts_.head.size()) return std::nullopt;
  return parts_.head.substr(range.at - prefix, range.size);
}

// The fields' own octets, a line end where the last one has none, and an empty line (RFC 3501 section 6.4.5).
bool FetchList::write_fields(imap::FetchWriter& writer, const mime::FieldNames& names, const imap::FetchItem& item) {
  if (!record_->fields(names, fields_)) return false;
  const auto unended = [](std::string_view field) { return !field.ends_with('\n'); };
  uint64_t size = 2;
  for (const mime::Range& field : fields_) {
    const auto text = octets(field);
    if (!text) return false;
    size += text->size() + (unended(*text) ? 2 : 0);
  }
  imap::Encoder& e = writer.item(item).encoder();
  e.literal_head(size);
  const size_t at = e.out().size();
  for (const mime::Range& field : fields_) {
    const std::string_view text = *octets(field);
    e.raw(text);
    if (unended(text)) e.raw("\r\n");
  }
  e.raw("\r\n");
  // RFC 3501 has no NUL in literals; the size stays.
  std::replace(e.out().begin() + static_cast<std::ptrdiff_t>(at), e.out().end(), '\0', '\x80');
  e.literal_done();
  return true;
}

}  // namespace bz::imapd
