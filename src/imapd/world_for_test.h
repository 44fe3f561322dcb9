// What the tests of this room share: an account in memory on a loop, sessions on it over socket pairs, and clients that
// speak lines.
#pragma once
#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/env.h"
#include "imap/deflate.h"
#include "imapd/session.h"
#include "kv/memory.h"
#include "net/loop.h"
#include "net/stream.h"

namespace bz::imapd {

class World {
 public:
  net::Loop loop;
  base::ManualClock clock;
  base::SeededRandom random{1};
  std::unique_ptr<kv::MemoryStore> store = kv::make_memory_store();
  store::AccountConfig config;
  std::shared_ptr<store::Account> account;
  SessionConfig session_config;
  std::vector<std::string> clients;  // what they call themselves after login
  OtherUsers* others = nullptr;
  std::vector<std::string> own_arrivals;
  net::TaskGroup group{loop};

  World() {
    store->set_delivery(kv::MemoryStore::Delivery::Posted);
    session_config.coalesce = base::Millis(1);
    config.append_limit = 1 << 20;
    reopen();
  }
  // With `config` as it is now.
  void reopen() {
    account.reset();
    auto opened = run(store::open_account(*store, AccountId(7), "ana@example.org", config, loop, clock, random));
    BZ_CHECK(opened.has_value(), "open_account");
    account = *opened;
  }
  ~World() { group.cancel(); }

  template <class T>
  T run(Task<T> task) {
    net::Loop::Timer guard(loop, [] { BZ_CHECK(false, "the task does not end"); });
    guard.arm(net::Deadline::in(base::Millis(20'000)));
    std::optional<T> value;
    auto all = keep(std::move(task), value);
    all.start();
    while (!value) loop.run();  // a stop() of an earlier task may still be pending
    return std::move(*value);
  }
  void append(std::string mailbox, std::string text, FlagList flags = {}) {
    auto message = account->begin_append();
    ASSERT_TRUE(run(message->write(text)).has_value());
    auto done = run(account->append(account->find(mailbox)->id, std::move(message), std::move(flags), 837596665));
    ASSERT_TRUE(done.has_value());
  }
  void fill(int count) {
    for (int i = 1; i <= count; ++i) append("INBOX", mail(i));
  }
  static std::string mail(int number) {
    return "From: a@example.org\r\nSubject: number " + std::to_string(number) + "\r\n\r\nhello " + std::to_string(number) +
           "\r\n";
  }

 private:
  template <class T>
  Task<void> keep(Task<T> task, std::optional<T>& value) {
    value.emplace(co_await std::move(task));
    loop.stop();
  }
};

class Client {
 public:
  // `account`: null is the world's own.
  explicit Client(World& world, std::string input = {}, std::shared_ptr<store::Account> account = nullptr) : world_(world) {
    auto fds = net::socket_pair();
    BZ_CHECK(fds.has_value(), "socket_pair");
    stream_ = std::make_unique<net::Stream>(world.loop, fds->second);
    session_ = std::make_unique<Session>(
        std::make_unique<net::Stream>(world.loop, fds->first), account ? std::move(account) : world.account,
        SessionStart{"sid",
                     "a0",
                     std::move(input),
                     {},
                     [&world](std::string client) { world.clients.push_back(std::move(client)); },
                     imap::Language::Default,
                     world.others,
                     [&world](const std::string& token, MailboxId in, uint32_t first, uint32_t last) {
                       world.own_arrivals.push_back(token + " " + std::to_string(in.value()) + " " + std::to_string(first) +
                                                    "-" + std::to_string(last));
                     }},
        world.session_config, world.clock);
    world.group.spawn(serve(session_));
    until("a0");
  }
  Session& session() { return *session_; }
  void send(std::string bytes) {
    std::string packed;
    if (out_) out_->compress(bytes, packed);
    send_raw(out_ ? std::move(packed) : std::move(bytes));
  }
  void bytewise(const std::string& bytes) {
    for (char c : bytes) send(std::string(1, c));
  }
  // Everything up to and including the line that begins with "tag ".
  std::string until(const std::string& tag) { return until_line(tag + " "); }
  std::string until_line(const std::string& begin) {
    for (;;) {
      size_t at = received_.starts_with(begin) ? 0 : received_.find("\r\n" + begin);
      size_t end = at == std::string::npos ? at : received_.find("\r\n", at + 2);
      if (end != std::string::npos) {
        std::string text = received_.substr(0, end + 2);
        received_.erase(0, end + 2);
        return text;
      }
      std::string more = world_.run(read());
      if (more.empty()) {
        ADD_FAILURE() << "the session ended while waiting for " << begin << " after " << received_;
        return received_;
      }
      received_ += more;
    }
  }
  std::string ask(const std::string& command) {  // with tag
    send(command + "\r\n");
    return until(command.substr(0, command.find(' ')));
  }
  std::string rest() {  // to the end of the connection
    for (;;) {
      std::string more = world_.run(read());
      if (more.empty()) return std::exchange(received_, {});
      received_ += more;
    }
  }
  void hang_up() { stream_->close(); }
  // COMPRESS; everything behind it is compressed here, too.
  void compress() {
    EXPECT_NE(ask("cz COMPRESS DEFLATE").find("cz OK DEFLATE active\r\n"), std::string::npos);
    in_.emplace();
    out_.emplace(6);
  }
  void send_raw(std::string bytes) { EXPECT_TRUE(world_.run(write(std::move(bytes)))); }
  imap::Deflater& deflater() { return *out_; }

 private:
  Task<bool> write(std::string bytes) {
    auto done = co_await stream_->write_all(bytes, net::Deadline::in(base::Millis(10'000)));
    co_return done.has_value();
  }
  Task<std::string> read() {
    auto buffer = std::make_unique<std::array<char, 4096>>();
    for (;;) {
      auto got = co_await stream_->read_some(*buffer, net::Deadline::in(base::Millis(10'000)));
      if (!got || *got == 0) co_return std::string();
      std::string said = in_ ? unpacked(std::string_view(buffer->data(), *got)) : std::string(buffer->data(), *got);
      if (!said.empty()) co_return said;
    }
  }
  std::string unpacked(std::string_view input) {
    std::string all, piece(4096, '\0');
    for (;;) {
      auto got = in_->decompress(input, piece);
      if (!got) {
        ADD_FAILURE() << got.error().text();
        return all;
      }
      all.append(piece, 0, *got);
      if (*got < piece.size()) return all;
    }
  }
  World& world_;
  std::unique_ptr<net::Stream> stream_;
  std::shared_ptr<Session> session_;
  std::string received_;
  std::optional<imap::Inflater> in_;
  std::optional<imap::Deflater> out_;
};

}  // namespace bz::imapd
