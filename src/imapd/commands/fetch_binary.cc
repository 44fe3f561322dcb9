#include "imapd/commands/fetch_binary.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "imapd/commands/fetch_body.h"
#include "mime/header.h"

namespace bz::imapd {
namespace {

constexpr uint64_t kPiece = 256 * 1024;  // = kv::kBlobChunk

bool is_identity(std::string_view token) {
  static constexpr std::array<std::string_view, 4> kTokens = {"", "7bit", "8bit", "binary"};
  return std::any_of(kTokens.begin(), kTokens.end(), [&](std::string_view known) { return base::iequals(known, token); });
}

Task<Result<std::string>> read_piece(store::Account& account, const DecodedPart& part, uint64_t at) {
  const uint64_t want = std::min(kPiece, part.range.size - at);
  auto piece = co_await account.read(part.email, part.range.at + at, want);
  if (piece && piece->size() != want) co_return fail(Errc::Corrupt, "a message is shorter than its record says");
  co_return std::move(piece);
}

// Decodes the next piece behind the place where `part` stands, and moves it there.
Task<Result<std::string>> decode_next(Session& s, store::Account& account, DecodedPart& part) {
  auto piece = co_await read_piece(account, part, part.encoded_at);
  if (!piece) co_return std::move(piece);
  std::string octets;
  part.decoder.feed(*piece, octets);
  part.encoded_at += piece->size();
  if (part.encoded_at == part.range.size) part.decoder.finish(octets);
  part.decoded_at += octets.size();
  base::Yield yield(s.loop());
  co_await yield;
  co_return std::move(octets);
}

void rewind(DecodedPart& part) {
  part.decoder = mime::TransferDecoder(part.encoding);
  part.encoded_at = part.decoded_at = 0;
}

mime::Range window_of(const imap::FetchItem& item, uint64_t size) {
  if (!item.partial) return {0, size};
  const uint64_t at = std::min<uint64_t>(item.partial->offset, size);
  return {at, std::min<uint64_t>(item.partial->count, size - at)};
}

}  // namespace

// BINARY[] is the whole message; multiparts and messages have no encoding of their own.
std::optional<DecodedPart> decoded_part(const std::vector<uint32_t>& numbers, EmailId email,
                                        const mime::ParsedMessage& record) {
  auto range = mime::section(record, {numbers, mime::SectionPath::Kind::Whole});
  auto index = mime::find_part(record, numbers);
  if (!range || !index) return std::nullopt;
  DecodedPart part;
  part.email = email;
  part.part = numbers;
  part.range = *range;
  const mime::RecordPart& found = record.parts[*index];
  if (!numbers.empty() && found.kind == mime::Part::Kind::Leaf) part.encoding = found.encoding;
  part.decoder = mime::TransferDecoder(part.encoding);
  return part;
}

// The record says Identity of tokens it does not know.
Task<Result<bool>> encoding_known(store::Account& account, std::vector<uint32_t> numbers, EmailId email,
                                  std::shared_ptr<const mime::ParsedMessage> record) {
  const auto index = mime::find_part(*record, numbers);
  if (!index || numbers.empty()) co_return true;
  const mime::RecordPart& part = record->parts[*index];
  if (part.kind != mime::Part::Kind::Leaf || part.encoding != mime::Encoding::Identity) co_return true;
  auto block = co_await account.read(email, part.header.at, part.header.size);
  if (!block) co_return std::move(block).error();
  const auto value = mime::scan_header(*block).value("Content-Transfer-Encoding", *block);
  co_return !value || is_identity(mime::parse_disposition(*value).token);
}

Task<Result<void>> count_decoded(Session& s, store::Account& account, DecodedPart& part) {
  rewind(part);
  part.lines = 0;
  part.has_nul = part.has_eight_bit = false;
  while (part.encoded_at < part.range.size) {
    auto octets = co_await decode_next(s, account, part);
    if (!octets) co_return std::move(octets).error();
    part.lines += static_cast<uint64_t>(std::count(octets->begin(), octets->end(), '\n'));
    part.has_nul |= octets->find('\0') != std::string::npos;
    part.has_eight_bit |= !base::is_ascii(*octets);
  }
  part.size = part.decoded_at;
  co_return Result<void>();
}

Task<Result<void>> write_decoded(Session& s, store::Account& account, imap::Encoder& encoder, DecodedPart& part,
                                 mime::Range window) {
  if (window.size == 0) {
    encoder.raw("\"\"");
    co_return Result<void>();
  }
  part.has_nul ? encoder.literal8_head(window.size) : encoder.literal_head(window.size);
  if (part.decoded_at > window.at) rewind(part);
  for (uint64_t left = window.size; left > 0;) {
    const DecodedPart before = part;
    if (part.encoded_at == part.range.size) co_return fail(Errc::Corrupt, "a part became shorter");
    auto octets = co_await decode_next(s, account, part);
    if (!octets) co_return std::move(octets).error();
    const uint64_t skip = std::min<uint64_t>(window.at + (window.size - left) - before.decoded_at, octets->size());
    const std::string_view taken = std::string_view(*octets).substr(skip, left);
    s.out().append(taken);
    left -= taken.size();
    if (skip + taken.size() < octets->size()) part = before;  // the next window begins in this piece
    if (left > 0 && !co_await s.flush_if_large()) co_return fail(Errc::Closed);
  }
  encoder.literal_done();
  co_return Result<void>();
}

Task<Result<void>> check_binary(Session& s, const imap::FetchItem& item, EmailId email,
                                std::shared_ptr<const mime::ParsedMessage> record) {
  auto known = co_await encoding_known(s.mailbox_account(), item.section.part, email, std::move(record));
  if (!known) co_return std::move(known).error();
  if (!*known) co_return fail(Errc::Unsupported, "transfer encoding");
  co_return Result<void>();
}

Task<Result<void>> write_binary(Session& s, imap::FetchWriter& writer, const imap::FetchItem& item, EmailId email,
                                std::shared_ptr<const mime::ParsedMessage> record) {
  const bool size_only = item.kind == imap::FetchItem::Kind::BinarySize;
  auto found = decoded_part(item.section.part, email, *record);
  if (!found) {
    writer.item(item).encoder().raw(size_only ? "0" : "NIL");
    co_return Result<void>();
  }
  if (found->encoding == mime::Encoding::Identity) {
    if (!size_only) co_return co_await write_octets(s, writer, item, email, found->range);
    writer.item(item).encoder().number(found->range.size);
    co_return Result<void>();
  }
  auto& part = s.decoded_part();
  if (!part || part->email != email || part->part != found->part) part = std::make_unique<DecodedPart>(std::move(*found));
  if (!part->size) {
    auto counted = co_await count_decoded(s, s.mailbox_account(), *part);
    if (!counted) co_return std::move(counted).error();
  }
  imap::Encoder& e = writer.item(item).encoder();
  if (!size_only) co_return co_await write_decoded(s, s.mailbox_account(), e, *part, window_of(item, *part->size));
  e.number(*part->size);
  co_return Result<void>();
}

}  // namespace bz::imapd
