#include "store/sort.h"

#include <algorithm>

#include "base/text.h"
#include "mime/address.h"
#include "mime/header.h"
#include "mime/text.h"

namespace bz::store {
namespace {

using Kind = imap::SortKey::Kind;
constexpr size_t kSlice = 256;  // messages between two turns of the lane

struct Row {
  uint32_t uid = 0;
  std::vector<int64_t> numbers;      // of the keys that are numbers, in their order
  std::vector<std::string> strings;  // of the keys that are strings
};

bool is_number(Kind kind) {
  return kind == Kind::Arrival || kind == Kind::Date || kind == Kind::Size || kind == Kind::Relevancy;
}

std::string_view field_name(Kind kind) {
  switch (kind) {
    case Kind::Cc:
      return "cc";
    case Kind::To:
    case Kind::DisplayTo:
      return "to";
    default:
      return "from";
  }
}

// RFC 5957 section 3: the display name, else the address, else the local part.
std::string display_value(const mime::Address& address) {
  std::string name = mime::decode_header(address.name);
  if (!name.empty()) return name;
  return address.host.empty() ? address.mailbox : address.mailbox + "@" + address.host;
}

// The first address of the field as the ENVELOPE shows it: a group counts with its name.
Task<Result<std::string>> address_value(Account& account, Entry entry, std::shared_ptr<const mime::ParsedMessage> record,
                                        Kind kind) {
  const std::string_view wanted = field_name(kind);
  for (const mime::RecordField& field : record->fields) {
    if (field.name != wanted) continue;
    auto reading = account.read(EmailId(entry.email), field.at, field.size);
    auto read = co_await std::move(reading);
    BZ_CO_TRY(std::string raw, std::move(read));
    const size_t colon = raw.find(':');
    if (colon == std::string::npos) continue;
    auto list = mime::parse_address_list(std::string_view(raw).substr(colon + 1), 1);
    if (list.empty()) co_return std::string();
    const mime::Address& first = list.front();
    const bool display = kind == Kind::DisplayFrom || kind == Kind::DisplayTo;
    const std::string value = first.kind == mime::Address::Kind::GroupStart ? first.name : first.mailbox;
    co_return mime::fold(display ? display_value(first) : mime::guess_utf8(value));
  }
  co_return std::string();
}

// i;unicode-casemap compares capitals (RFC 5051): "[" and "_" stand behind the letters. Searches fold to small ones.
std::string collated(const std::string& folded) { return base::upper(folded); }

Task<Result<Row>> load(Account& account, Entry entry, const std::vector<imap::SortKey>& keys, bool with_record,
                       uint8_t relevancy) {
  Row row;
  row.uid = entry.uid;
  std::shared_ptr<const mime::ParsedMessage> record;
  if (with_record) {
    auto getting = account.record(EmailId(entry.email));
    auto got = co_await std::move(getting);
    BZ_CO_TRY(record, std::move(got));
  }
  for (const imap::SortKey& key : keys) {
    if (key.kind == Kind::Arrival)
      row.numbers.push_back(entry.internal_date());
    else if (key.kind == Kind::Size)
      row.numbers.push_back(entry.size);
    else if (key.kind == Kind::Relevancy)
      row.numbers.push_back(-int64_t{relevancy});
    else if (key.kind == Kind::Date)
      row.numbers.push_back(sent_seconds(entry, *record));
    else if (key.kind == Kind::Subject)
      row.strings.push_back(collated(record->base_subject));
    else {
      auto finding = address_value(account, entry, record, key.kind);
      auto found = co_await std::move(finding);
      BZ_CO_TRY(std::string value, std::move(found));
      row.strings.push_back(collated(value));
    }
  }
  co_return row;
}

bool before(const Row& a, const Row& b, const std::vector<imap::SortKey>& keys) {
  size_t number = 0, string = 0;
  for (const imap::SortKey& key : keys) {
    const bool by_number = is_number(key.kind);
    const size_t at = by_number ? number++ : string++;
    const int order = by_number ? (a.numbers[at] < b.numbers[at] ? -1 : a.numbers[at] > b.numbers[at])
                                : a.strings[at].compare(b.strings[at]);
    if (order != 0) return key.reverse ? order > 0 : order < 0;
  }
  return a.uid < b.uid;
}

}  // namespace

Task<Result<void>> take_turn(base::Executor& executor) {
  base::Completion<bool> turn;
  executor.post([promise = turn.promise()] { promise.set(true); });
  auto turned = co_await turn;
  if (!turned) co_return std::move(turned).error();
  co_return Result<void>();
}

Task<Result<std::vector<uint32_t>>> sort(Account& account, const View& view, std::vector<uint32_t> uids,
                                         std::vector<imap::SortKey> keys, base::Executor& executor,
                                         std::vector<uint8_t> relevancy) {
  const bool with_record = std::any_of(keys.begin(), keys.end(), [](const imap::SortKey& key) {
    return key.kind != Kind::Arrival && key.kind != Kind::Size && key.kind != Kind::Relevancy;
  });
  std::vector<Row> rows;
  rows.reserve(uids.size());
  for (size_t i = 0; i < uids.size(); ++i) {
    if (i % kSlice == kSlice - 1) {
      auto turning = take_turn(executor);
      auto turned = co_await std::move(turning);
      BZ_CO_TRY_VOID(std::move(turned));
    }
    const Entry* entry = view.entry(uids[i]);
    if (!entry) continue;
    auto loading = load(account, *entry, keys, with_record, i < relevancy.size() ? relevancy[i] : 0);
    auto row = co_await std::move(loading);
    if (!row && row.error().code() == Errc::NotFound) continue;  // expunged while we read it
    BZ_CO_TRY(Row loaded, std::move(row));
    rows.push_back(std::move(loaded));
  }
  std::sort(rows.begin(), rows.end(), [&](const Row& a, const Row& b) { return before(a, b, keys); });
  std::vector<uint32_t> sorted;
  sorted.reserve(rows.size());
  for (const Row& row : rows) sorted.push_back(row.uid);
  co_return sorted;
}

}  // namespace bz::store
