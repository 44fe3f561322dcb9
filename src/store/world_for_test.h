// What the tests of this room share: a store in memory with a crash image, a lane turned by hand, an account on it.
#pragma once
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "base/env.h"
#include "kv/memory.h"
#include "store/account.h"

namespace bz::store {

struct World {
  base::ManualExecutor lane;
  base::ManualClock clock;
  base::SeededRandom random{1};
  std::unique_ptr<kv::MemoryStore> store = kv::make_memory_store({}, true);
  AccountConfig config;
  std::shared_ptr<Account> account;

  World() { store->set_delivery(kv::MemoryStore::Delivery::Posted); }
  ~World() {
    account.reset();
    lane.run();
  }

  template <class T>
  T run(Task<T> task) {
    return base::run_on(lane, std::move(task));
  }
  void open() {
    auto opened = run(open_account(*store, AccountId(7), "ana@example.org", config, lane, clock, random));
    ASSERT_TRUE(opened.has_value()) << opened.error().to_string();
    account = *opened;
  }
  void reopen() {
    account.reset();
    lane.run();
    open();
  }
  MailboxId id_of(std::string_view name) {
    const MailboxInfo* info = account->find(name);
    return info ? info->id : MailboxId();
  }
  MailboxPtr mailbox(std::string_view name) {
    auto opened = run(account->open(id_of(name)));
    EXPECT_TRUE(opened.has_value()) << name;
    return opened ? *opened : nullptr;
  }
  std::unique_ptr<Appender> message(std::string text) {
    auto appender = account->begin_append();
    auto written = run(appender->write(text));
    EXPECT_TRUE(written.has_value());
    return appender;
  }
  Result<Appended> append(std::string_view to, std::string text, FlagList flags = {}) {
    return run(account->append(id_of(to), message(std::move(text)), std::move(flags), 1000));
  }
  Result<Appended> deliver(std::string text, Delivery delivery) {
    return run(account->deliver(message(std::move(text)), std::move(delivery)));
  }
  // Closes the account, reads its partition as it lies and says what is wrong with it.
  std::string verify() {
    account.reset();
    lane.run();
    auto findings = run(verify_account(*store, AccountId(7), lane));
    if (!findings) return findings.error().to_string();
    std::string text;
    for (const Finding& f : *findings) text += f.where + ": " + f.what + "\n";
    return text;
  }
};

inline std::string mail(int number, std::string_view body = "hello\r\n") {
  return "From: a@example.org\r\nSubject: number " + std::to_string(number) + "\r\nMessage-ID: <" + std::to_string(number) +
         "@example.org>\r\n\r\n" + std::string(body);
}

}  // namespace bz::store
