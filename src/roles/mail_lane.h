// MailLane: one thread of the mail store with its event loop, the accounts that live on it and their sessions. An account
// belongs to one lane for the life of the process (id modulo lanes), so nothing of an account is ever locked.
//
// Constructed and destroyed on the main thread; functions marked (any) may be called from any thread, all others run on
// the lane. call() is how a coroutine of one thread asks another: the work runs on the lane, its result comes back to the
// caller's executor; if either end goes first, the other is told or nobody is.
#pragma once
#include <atomic>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <thread>

#include "directory/network.h"
#include "imapd/session.h"
#include "net/loop.h"
#include "pop3d/session.h"
#include "roles/push_gatherer.h"
#include "store/account.h"

namespace bz::roles {

struct MailLaneConfig {
  store::AccountConfig account;  // its quota is the default; the directory may name another
  imapd::SessionConfig imap;
  pop3d::SessionConfig pop3;
  base::Millis pop3_take_over{0};  // from a session that has been silent for so long; 0: never
  size_t max_accounts = 2000;      // kept open although nobody uses them
  unsigned max_sessions_per_account = 0;
  unsigned max_sessions_per_address = 0;      // of one account; 0: any number
  std::vector<directory::Network> trusted{};  // not counted by address: a webmail is one
};

// What the directory knows of an account. NotFound: no such account (any more).
struct AccountFacts {
  std::string name;                                                   // empty: not known now
  uint64_t quota_bytes = 0, quota_messages = 0, quota_mailboxes = 0;  // each 0: the default
};
using AskFacts = std::function<base::Completion<AccountFacts>(base::Executor& home, AccountId account)>;  // (any)

struct ImapLeg {
  int fd = -1;
  AccountId account;
  std::string account_name, device, address;  // address: the client's, numeric
  imapd::SessionStart start;
};

struct Pop3Leg {
  int fd = -1;
  AccountId account;
  std::string account_name, device;
  pop3d::SessionStart start;  // without the lock
};

// On the lane: a push to Apple is due. Must not wait.
using SendPush = std::function<void(PushOrder)>;

class MailLane {
 public:
  MailLane(kv::Store& store, MailLaneConfig config, AskFacts ask_facts);
  ~MailLane();  // stop()s
  MailLane(const MailLane&) = delete;

  // Before the first session: whom its sessions may ask about other accounts; outlives the lane's thread.
  void set_others(imapd::OtherUsers& others) { others_ = &others; }
  net::Loop& loop() { return loop_; }                                             // (any)
  size_t sessions() const { return session_count_.load(); }                       // (any)
  size_t accounts() const { return account_count_.load(); }                       // (any)
  void post(std::function<void()> function) { loop_.post(std::move(function)); }  // (any)
  void stop();  // main thread: ends the thread and all that lives on it; the loop stays, so that late posts have a place

  // Main thread, when every lane is stopped and the store is closed: lets go of what was still on its way here. What goes
  // may post once more, which a loop that is being destroyed could not take.
  void drain();

  template <class T>
  base::Completion<T> call(base::Executor& home, std::function<Task<Result<T>>()> work);  // (any)

  // Main thread, before anything else is asked of the lane. Pushes are made while config.imap.push_topic is set.
  void set_push(SendPush send) { send_push_ = std::move(send); }

  Task<Result<std::shared_ptr<store::Account>>> account(AccountId id);
  void start_imap(ImapLeg leg);
  void start_pop3(Pop3Leg leg);
  void spawn(Task<void> task) { tasks_->spawn(std::move(task)); }
  void set_config(MailLaneConfig config);   // open accounts use the new limits for what comes, sessions keep their times
  void account_changed(AccountId account);  // its facts are asked for again; its sessions are held to the new ones
  void end_sessions(AccountId account, const std::string& device, const std::string& reason);
  void end_all(const std::string& reason);
  Task<Result<bool>> purge(AccountId account);
  // The device does not want pushes any more; `before` as in store::Account::forget_push().
  Task<void> forget_push(AccountId account, std::string token, int64_t before);

 private:
  using AccountPtr = std::shared_ptr<store::Account>;
  struct Slot {
    AccountPtr account;
    bool opening = false;
    std::vector<base::Completion<AccountPtr>::Promise> waiting;  // for `opening`
    uint64_t used = 0;                                           // turn of the last use
    store::Mailbox::Subscription arrivals;                       // for Apple's push
    AccountFacts facts;
    base::MonoTime asked{};  // when the facts were asked for
    unsigned sessions = 0;
    std::map<std::string, unsigned> by_address;  // of these, those that are counted so; key: directory::address_key
  };
  struct Running {
    AccountId account;
    std::string device;
    std::function<void(const std::string& reason)> stop;
  };
  class Registration;  // of a running session
  void run();
  Task<Result<AccountPtr>> open(AccountId id);
  store::AccountConfig config_of(const Slot& slot) const;
  Task<void> ask_again(AccountId id);
  void evict();
  Task<void> run_imap(ImapLeg leg);
  std::string counted_address(std::string_view address) const;  // empty: not counted
  Result<void> has_room(const Slot& slot, const std::string& address_key) const;
  Task<void> run_pop3(Pop3Leg leg);
  // A session that has the maildrop, and who waits for its end.
  struct Maildrop {
    pop3d::Session* holder = nullptr;  // none yet, or already gone
    std::vector<base::Completion<bool>::Promise> waiting;
  };
  pop3d::MaildropLock lock_maildrop(AccountId account);  // null: a session has it
  Task<pop3d::MaildropLock> take_maildrop(AccountId account, SessionId sid);
  // mail_lane_push.cc
  store::Mailbox::Subscription watch_arrivals(const AccountPtr& account);
  void on_arrival(const store::Account& account, MailboxId mailbox, uint32_t first_uid, uint32_t last_uid);
  void arm_push(base::MonoTime at);
  void push_due();
  static Task<void> refuse(std::unique_ptr<net::Stream> stream, std::string line);

  kv::Store& store_;
  MailLaneConfig config_;
  const AskFacts ask_facts_;
  imapd::OtherUsers* others_ = nullptr;
  net::Loop loop_;
  std::atomic<size_t> session_count_{0}, account_count_{0};
  std::map<AccountId, Slot> slots_;
  std::list<Running> running_;
  std::map<AccountId, Maildrop> maildrops_in_use_;  // by POP3, one session each
  uint64_t turn_ = 0;
  SendPush send_push_;
  PushGatherer pushes_;
  std::unique_ptr<net::Loop::Timer> push_timer_;
  std::optional<base::MonoTime> push_armed_;
  std::unique_ptr<net::TaskGroup> tasks_;
  std::thread thread_;
};

// A promise that is kept and dropped on its own thread, wherever the work was.
template <class T>
class Ferry {
 public:
  Ferry(base::Executor& home, typename base::Completion<T>::Promise promise)
      : home_(home), promise_(std::make_shared<typename base::Completion<T>::Promise>(std::move(promise))) {}
  Ferry(const Ferry&) = delete;
  ~Ferry() {
    if (promise_) home_.post([promise = std::move(promise_)] {});
  }
  void send(Result<T> result) {
    auto boxed = std::make_shared<Result<T>>(std::move(result));
    home_.post([promise = std::move(promise_), boxed] { promise->set(std::move(*boxed)); });
    promise_ = nullptr;
  }

 private:
  base::Executor& home_;
  std::shared_ptr<typename base::Completion<T>::Promise> promise_;
};

template <class T>
Task<void> ferry_result(Task<Result<T>> work, std::shared_ptr<Ferry<T>> ferry) {
  auto result = co_await std::move(work);
  ferry->send(std::move(result));
}

template <class T>
base::Completion<T> MailLane::call(base::Executor& home, std::function<Task<Result<T>>()> work) {
  base::Completion<T> done;
  auto ferry = std::make_shared<Ferry<T>>(home, done.promise());
  loop_.post([this, work = std::move(work), ferry = std::move(ferry)]() mutable {
    if (tasks_) tasks_->spawn(ferry_result<T>(work(), std::move(ferry)));
  });
  return done;
}

}  // namespace bz::roles
