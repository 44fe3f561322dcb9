// rooms: imapd
// A session after login on an account of three messages: the client says anything, in two pieces (the first octet tells
// where the cut is), and ends. A second session looks at INBOX meanwhile. Whatever was said, the output is lines that end
// in CRLF, both sessions come to an end, and the account is sound afterwards.
#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>

#include "base/log.h"
#include "imap/capability.h"
#include "imap/deflate.h"
#include "imapd/session.h"
#include "kv/memory.h"
#include "net/loop.h"
#include "net/stream.h"

using namespace bz;

namespace {

constexpr size_t kMaxInput = 16 * 1024;
const char* const kPlain = "From: A (b) <a@example.org>\r\nSubject: one\r\nMessage-ID: <1@example.org>\r\n\r\nhello\r\n";
const char* const kNested =
    "Subject: two\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\ntext\r\n--b\r\n"
    "Content-Type: message/rfc822\r\n\r\nSubject: inner\r\n\r\nbody\r\n--b--\r\n";
const char* const kNoHeader = "no header\r\n";

template <class T>
Task<void> keep(Task<T> task, std::optional<T>& value, net::Loop& loop) {
  value.emplace(co_await std::move(task));
  loop.stop();
}
template <class T>
T run(net::Loop& loop, Task<T> task) {
  net::Loop::Timer guard(loop, [] { BZ_CHECK(false, "the task does not end"); });
  guard.arm(net::Deadline::in(base::Millis(20'000)));
  std::optional<T> value;
  auto all = keep(std::move(task), value, loop);
  all.start();
  while (!value) loop.run();
  return std::move(*value);
}

Task<std::string> hear(net::Stream& stream) {
  std::string heard;
  auto buffer = std::make_unique<std::array<char, 65536>>();
  for (;;) {
    auto got = co_await stream.read_some(*buffer, net::Deadline::in(base::Millis(10'000)));
    if (!got || *got == 0) co_return heard;
    heard.append(buffer->data(), *got);
  }
}

Task<bool> fill(std::shared_ptr<store::Account> account) {
  for (std::string_view text : {kPlain, kNested, kNoHeader}) {
    auto message = account->begin_append();
    auto written = co_await message->write(text);
    BZ_CHECK(written.has_value(), "write");
    FlagList flags{0, {"$Work"}};
    auto done = co_await account->append(account->find("INBOX")->id, std::move(message), std::move(flags), 837596665);
    BZ_CHECK(done.has_value(), "append");
  }
  co_return true;
}

// What was said behind COMPRESS's OK (RFC 4978) becomes lines.
void unpack(std::string& heard) {
  const std::string begin = " OK " + std::string(imap::kDeflateActive) + "\r\n";
  size_t at = heard.find(begin);
  if (at == std::string::npos) return;
  at += begin.size();
  const std::string packed = heard.substr(at);
  heard.resize(at);
  imap::Inflater inflater;
  std::string_view rest = packed;
  std::array<char, 4096> piece;
  while (!rest.empty()) {
    auto got = inflater.decompress(rest, piece);
    BZ_CHECK(got.has_value(), "damaged output");
    heard.append(piece.data(), *got);
  }
  for (;;) {
    auto got = inflater.decompress(rest, piece);
    BZ_CHECK(got.has_value(), "damaged output");
    heard.append(piece.data(), *got);
    if (*got < piece.size()) return;
  }
}

// Another user, who lets this one do a good deal with INBOX and look at Sent.
class Neighbour final : public imapd::OtherUsers {
 public:
  explicit Neighbour(std::shared_ptr<store::Account> account) : account_(std::move(account)) {}
  Task<Result<store::Identity>> identify(std::string address) override {
    if (address != account_->account_name()) co_return fail(Errc::NotFound, "nobody");
    co_return imapd::identity_of(*account_);
  }
  Task<Result<std::shared_ptr<store::Account>>> open(AccountId) override { co_return account_; }
  Task<Result<std::vector<store::Identity>>> owners(store::Identity user) override {
    std::vector<store::Identity> owners;
    if (user.id != account_->id()) owners.push_back(imapd::identity_of(*account_));
    co_return owners;
  }
  Task<Result<void>> shares(store::Identity, AccountId) override { co_return Result<void>(); }

 private:
  std::shared_ptr<store::Account> account_;
};

Task<bool> share(std::shared_ptr<store::Account> account) {
  using store::AclOp;
  for (const auto& [name, letters] :
       {std::pair("INBOX", "lrswite"), std::pair("Sent", "l"), std::pair("Archive", "lrkxa")}) {
    store::AclEntry entry{AccountId(7), false, "ana@example.org", *store::parse_rights(letters)};
    auto changing = account->change_acl(account->find(name)->id, {std::move(entry), AclOp::Replace});
    auto changed = co_await std::move(changing);
    BZ_CHECK(changed.has_value(), "change_acl");
  }
  co_return true;
}

class Phone {  // everything it says is there, or on its way, when the session begins
 public:
  Phone(net::Loop& loop, net::TaskGroup& group, const std::shared_ptr<store::Account>& account, base::Clock& clock,
        imapd::OtherUsers& others, std::string_view buffered, std::string_view later) {
    auto fds = net::socket_pair();
    BZ_CHECK(fds.has_value(), "socket_pair");
    if (!later.empty()) {
      auto sent = ::send(fds->second, later.data(), later.size(), MSG_NOSIGNAL);
      BZ_CHECK(sent == static_cast<ssize_t>(later.size()), "the socket takes 16 KiB");
    }
    BZ_CHECK(::shutdown(fds->second, SHUT_WR) == 0, "shutdown");
    stream_ = std::make_unique<net::Stream>(loop, fds->second);
    imapd::SessionConfig config;
    config.coalesce = base::Millis(0);
    config.rev2 = imap::Offer::Always;
    config.push_topic = "com.apple.mail.XServer.x";
    group.spawn(imapd::serve(std::make_shared<imapd::Session>(
        std::make_unique<net::Stream>(loop, fds->first), account,
        imapd::SessionStart{SessionId("sid"), "a0", std::string(buffered), {}, {}, imap::Language::Default, &others},
        config, clock)));
  }
  net::Stream& stream() { return *stream_; }

 private:
  std::unique_ptr<net::Stream> stream_;
};

void talk(kv::MemoryStore& store, std::string_view first, std::string_view second) {
  net::Loop loop;
  base::ManualClock clock;
  base::SeededRandom random{1};
  net::TaskGroup group{loop};
  store::AccountConfig config;
  config.append_limit = 8 * 1024;
  config.max_mailboxes = 100;
  auto opened = run(loop, store::open_account(store, AccountId(7), "ana@example.org", config, loop, clock, random));
  BZ_CHECK(opened.has_value(), "open_account");
  run(loop, fill(*opened));
  auto eva = run(loop, store::open_account(store, AccountId(8), "eva@example.org", config, loop, clock, random));
  BZ_CHECK(eva.has_value(), "open_account");
  run(loop, fill(*eva));
  run(loop, share(*eva));
  Neighbour neighbour(*eva);
  Phone phone(loop, group, *opened, clock, neighbour, first, second);
  Phone other(loop, group, *opened, clock, neighbour, "b SELECT INBOX\r\nc NOOP\r\nd FETCH 1:* (FLAGS)\r\ne NOOP\r\n", "");
  std::string heard = run(loop, hear(phone.stream()));
  unpack(heard);
  BZ_CHECK(heard.starts_with("a0 OK ") && heard.ends_with("\r\n"), "output that is not lines");
  heard = run(loop, hear(other.stream()));
  BZ_CHECK(heard.ends_with("e OK NOOP completed\r\n") || heard.find("* BYE ") != std::string::npos, "the other session");
  BZ_CHECK(!(*opened)->broken(), "the account broke");
  group.cancel();
  BZ_CHECK(!(*eva)->broken(), "the other account broke");
  neighbour = Neighbour(nullptr);
  opened->reset();
  eva->reset();
  for (const AccountId id : {AccountId(7), AccountId(8)}) {
    auto findings = run(loop, store::verify_account(store, id, loop));
    BZ_CHECK(findings.has_value(), "verify");
    for (const store::Finding& f : *findings) std::fprintf(stderr, "%s: %s\n", f.where.c_str(), f.what.c_str());
    BZ_CHECK(findings->empty(), "the account is not sound");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const bool quiet = (log::set_sink([](std::string_view) {}), true);
  (void)quiet;
  if (size == 0 || size > kMaxInput) return -1;
  std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const size_t cut = data[0] * text.size() / 255;
  auto store = kv::make_memory_store();
  store->set_delivery(kv::MemoryStore::Delivery::Posted);
  talk(*store, text.substr(0, cut), text.substr(cut));
  return 0;
}
