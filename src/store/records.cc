#include "store/records.h"

#include <algorithm>
#include <functional>

namespace bz::store {

StoredPtr Records::cached(EmailId email) {
  auto found = index_.find(email.value());
  if (found == index_.end()) return nullptr;
  recent_.splice(recent_.begin(), recent_, found->second);
  return recent_.front().message;
}

Task<Result<StoredPtr>> Records::get(EmailId email) {
  if (StoredPtr message = cached(email)) co_return message;
  auto getting = partition_.get(key::record(email.value()));
  auto got = co_await getting;
  BZ_CO_TRY(auto bytes, std::move(got));
  if (!bytes) co_return fail(Errc::NotFound, "the message is expunged");
  BZ_CO_TRY(auto record, MessageRecord::decode(*bytes));
  std::string encoded = std::move(record.parsed);
  if (encoded.empty()) {
    auto reading = partition_.read_blob(record.parsed_blob, 0, record.parsed_blob.length);
    auto read = co_await reading;
    BZ_CO_TRY(encoded, std::move(read));
  }
  BZ_CO_TRY(auto parsed, mime::ParsedMessage::decode(encoded));
  auto message = std::make_shared<const StoredMessage>(
      StoredMessage{record.blob, std::move(record.prefix), std::move(record.head), std::move(parsed)});
  keep(email, message, encoded.size());
  co_return message;
}

// Neighbours in the store come from one scan, which costs a fraction of looking each of them up.
Task<Result<std::vector<std::string>>> Records::stored(std::vector<EmailId> emails) {
  std::vector<std::string> out(emails.size());
  const bool ascending = std::adjacent_find(emails.begin(), emails.end(), std::greater_equal<>()) == emails.end();
  const uint64_t span = emails.empty() ? 0 : emails.back().value() - emails.front().value() + 1;
  if (!ascending || span > 2 * emails.size()) {
    std::vector<kv::Bytes> keys;
    keys.reserve(emails.size());
    for (EmailId email : emails) keys.push_back(key::record(email.value()));
    auto getting = partition_.get_many(std::move(keys));
    auto got = co_await getting;
    BZ_CO_TRY(auto values, std::move(got));
    for (size_t i = 0; i < values.size(); ++i) out[i] = std::move(values[i]).value_or("");
    co_return out;
  }
  if (emails.empty()) co_return out;
  auto scanning = partition_.scan(key::record(emails.front().value()), key::record(emails.back().value() + 1),
                                  static_cast<uint32_t>(span));
  auto scanned = co_await scanning;
  BZ_CO_TRY(auto page, std::move(scanned));
  size_t at = 0;
  for (kv::KeyValue& item : page.items) {
    const auto email = key::email_of(item.key);
    if (!email) co_return fail(Errc::Corrupt, "a key among the records");
    while (at < emails.size() && emails[at].value() < *email) ++at;
    if (at < emails.size() && emails[at].value() == *email) out[at] = std::move(item.value);
  }
  co_return out;
}

void Records::keep(EmailId email, StoredPtr message, size_t parsed_bytes) {
  if (index_.contains(email.value())) return;
  const size_t bytes = 2 * parsed_bytes + message->prefix.size() + message->head.size() + 512;  // decoded: about twice
  recent_.push_front({email.value(), std::move(message), bytes});
  index_[email.value()] = recent_.begin();
  bytes_ += bytes;
  while (bytes_ > kCacheBytes && recent_.size() > 1) {
    bytes_ -= recent_.back().bytes;
    index_.erase(recent_.back().email);
    recent_.pop_back();
  }
}

Task<Result<std::string>> Records::read(EmailId email, uint64_t offset, uint64_t length) {
  StoredPtr message = cached(email);
  if (!message) {
    auto getting = get(email);
    auto got = co_await std::move(getting);
    BZ_CO_TRY(message, std::move(got));
  }
  const uint64_t prefix = message->prefix.size();
  std::string out;
  if (offset < prefix) {
    out = message->prefix.substr(offset, length);
    length -= out.size();
    offset = prefix;
  }
  offset -= prefix;
  if (length == 0 || offset >= message->blob.length) co_return out;
  length = std::min(length, message->blob.length - offset);
  if (offset + length <= message->head.size()) {
    out.append(message->head, offset, length);
    co_return out;
  }
  auto reading = partition_.read_blob(message->blob, offset, length);
  auto read = co_await reading;
  BZ_CO_TRY(auto bytes, std::move(read));
  if (bytes.size() != length) co_return fail(Errc::Corrupt, "a blob shorter than its reference says");
  if (out.empty()) co_return bytes;
  out += bytes;
  co_return out;
}

}  // namespace bz::store
