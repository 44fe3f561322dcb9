// Local numbers of accounts whose home is another directory. I/<id> holds the record, B/<source>/... leads to it.
#include "base/text.h"
#include "crypto/digest.h"
#include "directory/embedded.h"
#include "directory/keys.h"

namespace bz::directory {

namespace {

constexpr size_t kPlainIdSize = 128;  // longer ones (a DN) are in the key by their digest
constexpr int kMaxTries = 10;         // against the administrator's own writes
constexpr uint8_t kVersion = 1;

std::string binding_key(AccountId id) { return id_key("I/", id); }

std::string index_key(std::string_view source, std::string_view directory_id) {
  std::string key = "B/" + std::string(source) + "/";
  return directory_id.size() <= kPlainIdSize ? key + "i" + std::string(directory_id)
                                             : key + "h" + base::hex(crypto::sha256(directory_id));
}

std::string index_value(AccountId id) {
  std::string out;
  base::put_u8(out, kVersion);
  base::put_varint(out, id.value());
  return out;
}

}  // namespace

// First logins of many users at once would only meet each other's header: they go one after the other. Whoever waited and
// is gone takes no turn, since all are woken.
struct Embedded::BindTurn {
  Embedded& directory;
  explicit BindTurn(Embedded& d) : directory(d) { directory.binding_now_ = true; }
  BindTurn(const BindTurn&) = delete;
  BindTurn& operator=(const BindTurn&) = delete;
  ~BindTurn() {
    directory.binding_now_ = false;
    for (auto& next : std::exchange(directory.binding_next_, {})) next.set(true);
  }
};

Task<Result<Binding>> Embedded::bind(std::string source, std::string directory_id, std::string name) {
  while (binding_now_) {
    base::Completion<bool> turn;
    binding_next_.push_back(turn.promise());
    auto woken = co_await turn;
    if (!woken) co_return std::move(woken).error();
  }
  BindTurn turn(*this);
  auto binding = bind_alone(std::move(source), std::move(directory_id), std::move(name));
  auto done = co_await std::move(binding);
  co_return std::move(done);
}

Task<Result<Binding>> Embedded::bind_alone(std::string source, std::string directory_id, std::string name) {
  std::string key = index_key(source, directory_id);
  auto got = partition_->get(key);
  BZ_CO_TRY(std::optional<kv::Bytes> bytes, co_await got);
  if (!bytes) {
    auto making = make_binding(key, Binding{AccountId(), std::move(source), std::move(directory_id), std::move(name)});
    auto made = co_await std::move(making);
    co_return std::move(made);
  }
  base::Reader in(*bytes);
  bool known = in.u8() == kVersion;
  AccountId id(in.varint());
  if (!known || !in.ok() || !id.is_set()) co_return fail(Errc::Corrupt, "binding record");
  auto looking = binding(id);
  BZ_CO_TRY(Binding found, co_await std::move(looking));
  if (found.source != source || found.directory_id != directory_id) co_return fail(Errc::Corrupt, "binding record");
  if (found.name == name) co_return std::move(found);
  found.name = std::move(name);
  kv::Batch batch;
  batch.put(binding_key(id), found.encode());
  auto done = partition_->commit(std::move(batch), {});
  BZ_CO_TRY_VOID(co_await done);
  co_return std::move(found);
}

Task<Result<Binding>> Embedded::make_binding(std::string key, Binding wanted) {
  wanted.created = clock_.unix_seconds();
  for (int tries = 0; tries < kMaxTries; ++tries) {
    auto got = partition_->get(kHeaderKey);
    BZ_CO_TRY(std::optional<kv::Bytes> before, co_await got);
    if (!before) co_return fail(Errc::Corrupt, "directory header");
    BZ_CO_TRY(Header header, Header::decode(*before));
    wanted.account = AccountId(header.next_id++);
    kv::Batch batch;
    batch.put(kHeaderKey, header.encode()).put(key, index_value(wanted.account));
    batch.put(binding_key(wanted.account), wanted.encode());
    auto committing = partition_->commit(std::move(batch), {{std::string(kHeaderKey), *before}, {key, std::nullopt}});
    auto done = co_await committing;
    if (done) co_return std::move(wanted);
    if (done.error().code() != Errc::Conflict) co_return std::move(done).error();
  }
  co_return fail(Errc::Conflict, "the directory is being written to all the time");
}

Task<Result<Binding>> Embedded::binding(AccountId account) {
  auto got = partition_->get(binding_key(account));
  BZ_CO_TRY(std::optional<kv::Bytes> bytes, co_await got);
  if (!bytes) co_return fail(Errc::NotFound, "no account with the number " + std::to_string(account.value()));
  auto found = Binding::decode(*bytes);
  co_return std::move(found);
}

}  // namespace bz::directory
