// The keys behind URLs that others may fetch (RFC 4467): one for each mailbox, 256 bits of the kernel's randomness, never
// shown to anybody.
#include "base/secret.h"
#include "base/text.h"
#include "crypto/digest.h"
#include "store/account_impl.h"

namespace bz::store {
namespace {

constexpr std::string_view kAlgorithm = "01";  // HMAC-SHA-256; names the algorithm within the token (section 2.4.1)
constexpr size_t kDeleteBatch = 500;

std::string token_of(std::string_view key, std::string_view rump) {
  return std::string(kAlgorithm) + base::hex(crypto::hmac(crypto::Hash::Sha256, key, rump));
}

}  // namespace

// Empty: there is none.
Task<Result<std::string>> AccountImpl::url_key(MailboxId mailbox) {
  auto getting = partition_->get(key::url_key(mailbox));
  auto got = co_await getting;
  BZ_CO_TRY(auto bytes, std::move(got));
  if (!bytes) co_return std::string();
  co_return decode_url_key(*bytes);
}

Task<Result<std::string>> AccountImpl::sign_url(MailboxId mailbox, std::string rump) {
  auto getting = url_key(mailbox);
  auto got = co_await std::move(getting);
  BZ_CO_TRY(std::string key, std::move(got));
  if (key.empty()) {
    auto making = serial<std::string>(make_url_key(mailbox));
    auto made = co_await std::move(making);
    BZ_CO_TRY(key, std::move(made));
  }
  co_return token_of(key, rump);
}

Task<Result<bool>> AccountImpl::url_is_signed(MailboxId mailbox, std::string rump, std::string token) {
  auto getting = url_key(mailbox);
  auto got = co_await std::move(getting);
  BZ_CO_TRY(const std::string key, std::move(got));
  const bool there = state_of(mailbox) && !key.empty();
  const std::string wanted = token_of(there ? key : std::string(kUrlKeyBytes, '\0'), rump);
  const bool same = base::equal_constant_time(wanted, token);
  co_return there&& same;
}

Task<Result<void>> AccountImpl::reset_url_keys(std::optional<MailboxId> only) {
  auto work = only ? do_reset_url_key(*only) : do_reset_url_keys();
  auto resetting = serial<bool>(std::move(work));
  auto reset = co_await std::move(resetting);
  if (!reset) co_return std::move(reset).error();
  co_return Result<void>();
}

// --- in the queue

Task<Result<std::string>> AccountImpl::make_url_key(MailboxId mailbox) {
  if (!state_of(mailbox)) co_return fail(Errc::NotFound, "no such mailbox");
  auto getting = url_key(mailbox);
  auto got = co_await std::move(getting);
  BZ_CO_TRY(std::string key, std::move(got));
  if (!key.empty()) co_return key;  // another session was faster
  key = random_.bytes(kUrlKeyBytes);
  Tx tx = begin();
  tx.batch.put(key::url_key(mailbox), encode_url_key(key));
  auto committing = commit(tx);
  auto committed = co_await std::move(committing);
  BZ_CO_TRY_VOID(std::move(committed));
  co_return key;
}

Task<Result<bool>> AccountImpl::do_reset_url_key(MailboxId mailbox) {
  State* state = state_of(mailbox);
  if (!state) co_return fail(Errc::NotFound, "no such mailbox");
  Tx tx = begin();
  tx.batch.put(key::url_key(mailbox), encode_url_key(random_.bytes(kUrlKeyBytes)));
  auto committing = commit(tx);
  auto committed = co_await std::move(committing);
  BZ_CO_TRY_VOID(std::move(committed));
  url_key_changed(*state);
  co_return true;
}

Task<Result<bool>> AccountImpl::do_reset_url_keys() {
  auto scanning = scan_all("Y");
  auto scanned = co_await std::move(scanning);
  BZ_CO_TRY(auto items, std::move(scanned));
  for (size_t at = 0; at < items.size(); at += kDeleteBatch) {
    Tx tx = begin();
    for (size_t i = at; i < std::min(items.size(), at + kDeleteBatch); ++i) tx.batch.del(items[i].key);
    auto committing = commit(tx);
    auto committed = co_await std::move(committing);
    BZ_CO_TRY_VOID(std::move(committed));
  }
  for (auto& [id, state] : trees_) url_key_changed(state);
  co_return true;
}

// Sessions that have the mailbox selected are told.
void AccountImpl::url_key_changed(State& state) {
  auto mailbox = state.loaded.lock();
  if (!mailbox) return;
  MailboxWriter(*mailbox).url_key_reset();
  MailboxWriter(*mailbox).notify();
}

}  // namespace bz::store
