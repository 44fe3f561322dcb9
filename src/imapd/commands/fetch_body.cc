#include "imapd/commands/fetch_body.h"

#include <algorithm>

#include "mime/header.h"

namespace bz::imapd {
namespace {

using What = imap::BodySection::What;
constexpr uint64_t kPiece = 256 * 1024;  // = kv::kBlobChunk

// RFC 3501 has no NUL in literals; a message that holds one is shown with 0x80 in its place, the size stays.
void append_octets(std::string& out, std::string_view octets) {
  size_t at = out.size();
  out.append(octets);
  if (octets.find('\0') != std::string_view::npos)
    std::replace(out.begin() + static_cast<std::ptrdiff_t>(at), out.end(), '\0', '\x80');
}

}  // namespace

mime::SectionPath path_of(const imap::BodySection& section) {
  mime::SectionPath path;
  path.parts = section.part;
  switch (section.what) {
    case What::All:
      path.kind = mime::SectionPath::Kind::Whole;
      break;
    case What::Header:
    case What::HeaderFields:
    case What::HeaderFieldsNot:
      path.kind = mime::SectionPath::Kind::Header;
      break;
    case What::Text:
      path.kind = mime::SectionPath::Kind::Text;
      break;
    case What::Mime:
      path.kind = mime::SectionPath::Kind::Mime;
      break;
  }
  return path;
}

namespace {

mime::Range window(mime::Range whole, const std::optional<imap::Partial>& partial) {
  if (!partial) return whole;
  if (partial->offset >= whole.size) return {whole.at, 0};
  return {whole.at + partial->offset, std::min<uint64_t>(partial->count, whole.size - partial->offset)};
}

// HEADER.FIELDS: the header is read and filtered, then the window is cut from what is left (section 6.4.5). Where the
// fields of the message's own header lie is known.
Task<Result<void>> write_fields(Session& s, imap::FetchWriter& writer, const imap::FetchItem& item, EmailId email,
                                mime::Range header, std::shared_ptr<const mime::ParsedMessage> record) {
  auto raw = co_await s.mailbox_account().read(email, header.at, header.size);
  if (!raw) co_return std::move(raw).error();
  const bool negate = item.section.what == What::HeaderFieldsNot;
  const std::string fields = item.section.part.empty()
                                 ? mime::header_fields(*raw, header.at, *record, item.section.fields, negate)
                                 : mime::header_fields(*raw, item.section.fields, negate);
  mime::Range part = window({0, fields.size()}, item.partial);
  imap::Encoder& e = writer.item(item).encoder();
  e.literal_head(part.size);
  append_octets(e.out(), mime::slice(fields, part));
  e.literal_done();
  co_return Result<void>();
}

}  // namespace

Task<Result<void>> write_octets(Session& s, imap::FetchWriter& writer, const imap::FetchItem& item, EmailId email,
                                mime::Range whole) {
  const mime::Range range = window(whole, item.partial);
  if (range.size == 0) {
    writer.item(item).encoder().raw("\"\"");
    co_return Result<void>();
  }
  for (uint64_t done = 0; done < range.size;) {
    uint64_t want = std::min(kPiece, range.size - done);
    auto piece = co_await s.mailbox_account().read(email, range.at + done, want);
    if (!piece) co_return std::move(piece).error();
    if (piece->size() != want) co_return fail(Errc::Corrupt, "a message is shorter than its record says");
    if (done == 0) writer.item(item).encoder().literal_head(range.size);
    append_octets(s.out(), *piece);
    done += want;
    if (done < range.size && !co_await s.flush_if_large()) co_return fail(Errc::Closed);
  }
  writer.encoder().literal_done();
  co_return Result<void>();
}

Task<Result<void>> write_section(Session& s, imap::FetchWriter& writer, const imap::FetchItem& item, EmailId email,
                                 std::shared_ptr<const mime::ParsedMessage> record) {
  auto range = mime::section(*record, path_of(item.section));
  if (!range) {
    writer.item(item).encoder().raw("NIL");
    co_return Result<void>();
  }
  if (item.section.what == What::HeaderFields || item.section.what == What::HeaderFieldsNot)
    co_return co_await write_fields(s, writer, item, email, *range, std::move(record));
  co_return co_await write_octets(s, writer, item, email, *range);
}

}  // namespace bz::imapd
