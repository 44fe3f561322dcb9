#include "roles/share_index.h"

#include <algorithm>

#include "base/coding.h"
#include "base/text.h"

namespace bz::roles {
namespace {

constexpr char kVersion = 1;
constexpr size_t kMaxDomain = 255;

std::string domain_of(std::string_view name) {
  const size_t at = name.rfind('@');
  return at == std::string_view::npos ? std::string() : base::lower(name.substr(at + 1));
}

// "G" user(8): what that account was given; "D" domain NUL: what anyone of the domain was.
std::string prefix_for(AccountId user) {
  std::string key = "G";
  base::put_be64(key, user.value());
  return key;
}
std::string prefix_for(std::string_view domain) { return "D" + std::string(domain) + '\0'; }

}  // namespace

// Opened once; who comes meanwhile waits. A failure is that of this time only.
Task<Result<ShareIndex::PartitionPtr>> ShareIndex::partition() {
  while (!partition_ && opening_) {
    base::Completion<bool> opened;
    waiting_.push_back(opened.promise());
    auto result = co_await opened;
    if (!result) co_return std::move(result).error();
  }
  if (partition_) co_return partition_;
  opening_ = true;
  auto opening = store_.open({kSharesPartition, 1}, true, lane_);
  auto opened = co_await opening;
  opening_ = false;
  if (opened) partition_ = std::move(*opened);
  const auto waiting = std::exchange(waiting_, {});
  for (const auto& promise : waiting) promise.set(partition_ != nullptr);
  if (!opened) co_return std::move(opened).error();
  co_return partition_;
}

Task<Result<bool>> ShareIndex::add(store::Identity owner, AccountId with) {
  const std::string domain = domain_of(owner.name);
  if (owner.name.size() > store::kMaxIdentifier || domain.size() > kMaxDomain)
    co_return fail(Errc::Invalid, "the owner's name is too long");
  std::string key = with.is_set() ? prefix_for(with) : prefix_for(domain);
  base::put_be64(key, owner.id.value());
  std::string value(1, kVersion);
  base::put_bytes(value, owner.name);
  auto opening = partition();
  auto opened = co_await std::move(opening);
  BZ_CO_TRY(const PartitionPtr shares, std::move(opened));
  auto getting = shares->get(key);
  auto got = co_await getting;
  BZ_CO_TRY(const auto known, std::move(got));
  if (known && *known == value) co_return true;
  kv::Batch batch;
  batch.put(key, value);
  auto committing = shares->commit(std::move(batch));
  auto committed = co_await committing;
  if (!committed) {
    partition_.reset();  // a handle whose commit failed takes no other
    co_return std::move(committed).error();
  }
  co_return true;
}

Task<Result<std::vector<store::Identity>>> ShareIndex::owners(store::Identity user) {
  std::vector<store::Identity> owners;
  auto named = collect(prefix_for(user.id), user.id, owners);
  auto collected = co_await std::move(named);
  BZ_CO_TRY_VOID(std::move(collected));
  if (const std::string domain = domain_of(user.name); !domain.empty()) {
    auto anyone = collect(prefix_for(domain), user.id, owners);
    collected = co_await std::move(anyone);
    BZ_CO_TRY_VOID(std::move(collected));
  }
  std::sort(owners.begin(), owners.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
  owners.erase(std::unique(owners.begin(), owners.end(), [](const auto& a, const auto& b) { return a.id == b.id; }),
               owners.end());
  co_return owners;
}

Task<Result<bool>> ShareIndex::collect(std::string prefix, AccountId user, std::vector<store::Identity>& owners) {
  auto opening = partition();
  auto opened = co_await std::move(opening);
  BZ_CO_TRY(const PartitionPtr shares, std::move(opened));
  std::string end = prefix;
  end.append(8, '\xff').append(1, '\xff');
  std::string from = prefix;
  size_t count = 0;
  for (bool more = true; more && count < kMaxOwners;) {
    auto scanning = shares->scan(from, end);
    auto scanned = co_await scanning;
    BZ_CO_TRY(auto page, std::move(scanned));
    for (const kv::KeyValue& item : page.items) {
      base::Reader in(item.value);
      const bool known_version = in.u8() == static_cast<uint8_t>(kVersion);
      std::string name(in.bytes());
      if (!known_version || !in.finished() || item.key.size() != prefix.size() + 8)
        co_return fail(Errc::Corrupt, "a record of the index of shares");
      const AccountId owner(base::get_be64(item.key.data() + prefix.size()));
      if (owner != user && ++count <= kMaxOwners) owners.push_back({owner, std::move(name)});
    }
    more = page.more;
    from = std::move(page.next);
  }
  co_return true;
}

}  // namespace bz::roles
