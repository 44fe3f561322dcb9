#include "imapd/commands/url_content.h"

#include <algorithm>

#include "imapd/commands/fetch_body.h"
#include "mime/header.h"

namespace bz::imapd {
namespace {

using What = imap::BodySection::What;

}  // namespace

mime::Range cut(mime::Range whole, const std::optional<imap::UrlRange>& range) {
  if (!range) return whole;
  const uint64_t at = std::min<uint64_t>(range->offset, whole.size), left = whole.size - at;
  return {whole.at + at, range->count ? std::min<uint64_t>(*range->count, left) : left};
}

Task<Result<UrlContent>> resolve_url(store::Account& account, imap::MessageUrl url) {
  const store::MailboxInfo* info = account.find(url.mailbox);
  if (!info || !info->selectable) co_return fail(Errc::NotFound, "no such mailbox");
  if (url.uid_validity && *url.uid_validity != info->uid_validity.value())
    co_return fail(Errc::NotFound, "another mailbox");
  auto opened = co_await account.open(info->id);
  if (!opened) co_return std::move(opened).error();
  UrlContent content;
  content.mailbox = std::move(*opened);
  const store::Entry* entry = content.mailbox->find(url.uid);
  if (!entry) co_return fail(Errc::NotFound, "no such message");
  content.email = EmailId(entry->email);
  auto loaded = co_await account.record(content.email);
  if (!loaded) co_return std::move(loaded).error();
  content.record = std::move(*loaded);
  auto range = mime::section(*content.record, path_of(url.section));
  if (!range) co_return fail(Errc::NotFound, "no such part");
  if (url.section.what != What::HeaderFields && url.section.what != What::HeaderFieldsNot) {
    content.range = cut(*range, url.range);
    co_return std::move(content);
  }
  auto header = co_await account.read(content.email, range->at, range->size);
  if (!header) co_return std::move(header).error();
  const std::string fields = mime::header_fields(*header, url.section.fields, url.section.what == What::HeaderFieldsNot);
  content.text = mime::slice(fields, cut({0, fields.size()}, url.range));
  co_return std::move(content);
}

Task<Result<std::string>> read_content(store::Account& account, const UrlContent& content, uint64_t at, uint64_t count) {
  const uint64_t want = std::min(count, content.size() - std::min(at, content.size()));
  if (content.text) co_return content.text->substr(at, want);
  auto octets = co_await account.read(content.email, content.range.at + at, want);
  if (octets && octets->size() != want) co_return fail(Errc::Corrupt, "a message is shorter than its record says");
  co_return std::move(octets);
}

}  // namespace bz::imapd
