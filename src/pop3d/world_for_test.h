// What the tests of this room share: an account in memory on a loop, sessions on it over socket pairs, and clients that
// speak lines.
#pragma once
#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <string>

#include "base/env.h"
#include "base/log.h"
#include "kv/memory.h"
#include "net/loop.h"
#include "pop3d/session.h"

namespace bz::pop3d {

class World {
 public:
  net::Loop loop;
  base::ManualClock clock;
  base::SeededRandom random{1};
  std::unique_ptr<kv::MemoryStore> store = kv::make_memory_store({}, true);
  std::shared_ptr<store::Account> account;
  SessionConfig session_config;
  net::TaskGroup group{loop};

  World() {
    log::set_level(log::Err);
    store->set_delivery(kv::MemoryStore::Delivery::Posted);
    open();
  }
  ~World() {
    group.cancel();
    log::set_level(log::Info);
  }
  void open() {
    auto opened = run(store::open_account(*store, AccountId(7), "ana@example.org", {}, loop, clock, random));
    BZ_CHECK(opened.has_value(), "open_account");
    account = *opened;
  }
  // As after kill -9 and a new start: what is not durable is gone.
  void crash() {
    group.cancel();
    account.reset();
    store->power_cut();
    open();
  }

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
  void append(std::string text) {
    auto message = account->begin_append();
    ASSERT_TRUE(run(message->write(text)).has_value());
    auto done = run(account->append(account->find("INBOX")->id, std::move(message), {}, 837596665));
    ASSERT_TRUE(done.has_value());
  }
  void fill(int count) {
    for (int i = 1; i <= count; ++i) append(mail(i));
  }
  store::MailboxPtr inbox() { return *run(account->open(account->find("INBOX")->id)); }
  uint32_t messages() const { return account->find("INBOX")->messages; }
  void pause(base::Millis span) { run(sleep(span)); }
  static std::string mail(int number) {
    return "From: a@example.org\r\nSubject: number " + std::to_string(number) + "\r\n\r\nhello\r\n.dot\r\n";
  }

 private:
  Task<bool> sleep(base::Millis span) {
    auto sleeping = loop.sleep(net::Deadline::in(span));
    co_await std::move(sleeping);
    co_return true;
  }
  template <class T>
  Task<void> keep(Task<T> task, std::optional<T>& value) {
    value.emplace(co_await std::move(task));
    loop.stop();
  }
};

class Client {
 public:
  explicit Client(World& world, std::string input = {}, MaildropLock lock = {}) : world_(world) {
    auto fds = net::socket_pair();
    BZ_CHECK(fds.has_value(), "socket_pair");
    stream_ = std::make_unique<net::Stream>(world.loop, fds->second);
    session_ =
        std::make_shared<Session>(std::make_unique<net::Stream>(world.loop, fds->first), world.account,
                                  SessionStart{"sid", std::move(input), {"PLAIN"}, std::move(lock)}, world.session_config);
    world.group.spawn(serve(session_));
  }
  Session& session() { return *session_; }
  void send(std::string bytes) { EXPECT_TRUE(world_.run(write(std::move(bytes)))); }
  // What came up to the end of this many lines.
  std::string lines(size_t count = 1) {
    size_t end = 0;
    for (; count > 0; --count) {
      size_t at;
      while ((at = received_.find("\r\n", end)) == std::string::npos) {
        std::string more = world_.run(read());
        if (more.empty()) {
          ADD_FAILURE() << "the session ended after " << received_;
          return received_;
        }
        received_ += more;
      }
      end = at + 2;
    }
    std::string text = received_.substr(0, end);
    received_.erase(0, end);
    return text;
  }
  std::string ask(std::string_view command, size_t count = 1) {
    send(std::string(command) + "\r\n");
    return lines(count);
  }
  // The lines of a response of several, up to its end.
  std::string ask_all(std::string_view command) {
    std::string text = ask(command);
    if (!text.starts_with("+OK")) return text;
    while (!text.ends_with("\r\n.\r\n")) text += lines();
    return text;
  }
  std::string rest() {  // to the end of the connection
    for (;;) {
      std::string more = world_.run(read());
      if (more.empty()) return std::exchange(received_, {});
      received_ += more;
    }
  }
  void hang_up() { stream_->close(); }

 private:
  Task<bool> write(std::string bytes) {
    auto done = co_await stream_->write_all(bytes, net::Deadline::in(base::Millis(10'000)));
    co_return done.has_value();
  }
  Task<std::string> read() {
    auto buffer = std::make_unique<std::array<char, 65536>>();
    auto got = co_await stream_->read_some(*buffer, net::Deadline::in(base::Millis(10'000)));
    co_return got ? std::string(buffer->data(), *got) : std::string();
  }
  World& world_;
  std::unique_ptr<net::Stream> stream_;
  std::shared_ptr<Session> session_;
  std::string received_;
};

}  // namespace bz::pop3d
