#include "roles/mail_mirror.h"

#include <algorithm>

#include "mime/text.h"
#include "store/mailbox_writer.h"
#include "store/names.h"

namespace bz::roles {
namespace {

using store::MailboxInfo;
using store::MailboxPtr;

class MirrorAccount;

// What happened to a mailbox since the last one.
struct Delta {
  MailboxInfo info;
  std::vector<std::string> keywords;
  UidSet vanished;
  std::vector<store::Entry> changed, added;
  bool gone = false;
};

struct Snapshot {  // of a mailbox
  MailboxInfo info;
  std::vector<store::Entry> entries;
  std::vector<std::string> keywords;
  uint32_t first_recent = 1;
};

struct Tree {
  std::vector<MailboxInfo> mailboxes;
  store::AccountConfig config;
  std::string name;
  bool broken = false;
};

// Used and destroyed on the account's lane only.
class Far {
 public:
  Far(std::shared_ptr<store::Account> account, base::Executor& home) : account_(std::move(account)), home_(home) {}
  store::Account& account() { return *account_; }

  void attach(std::weak_ptr<MirrorAccount> mirror);
  Tree tree() const { return {account_->mailboxes(), account_->config(), account_->account_name(), account_->broken()}; }
  void watch(MailboxId id, uint64_t number, MailboxPtr mailbox);
  void unwatch(MailboxId id, uint64_t number) {
    auto watch = watches_.find(id);
    if (watch != watches_.end() && watch->second->number == number) watches_.erase(watch);
  }

 private:
  struct Watch {
    Watch(uint64_t n, MailboxPtr m) : number(n), mailbox(std::move(m)), view(mailbox, store::View::Mode::ReadOnly) {}
    const uint64_t number;  // of the copy that is kept up to date
    MailboxPtr mailbox;
    store::View view;  // what was sent
    store::Mailbox::Subscription subscription;
  };
  void changed(Watch& watch);

  std::shared_ptr<store::Account> account_;
  base::Executor& home_;
  std::weak_ptr<MirrorAccount> mirror_;
  store::Mailbox::Subscription tree_news_, message_news_;
  std::map<MailboxId, std::unique_ptr<Watch>> watches_;
};
using FarPtr = std::shared_ptr<Far>;

// A message on its way, or complete: used and destroyed on the account's lane.
struct FarMessage {
  FarPtr far;
  std::unique_ptr<store::Appender> appender;
  std::unique_ptr<store::ReadyMessage> ready;
};
using FarMessagePtr = std::shared_ptr<FarMessage>;

template <class T>
std::shared_ptr<T> owned_there(MailLane& there, std::unique_ptr<T> object) {
  return {object.release(), [&there](T* last) { there.post([owned = std::shared_ptr<T>(last)] {}); }};
}

class MirrorAppender final : public store::Appender {
 public:
  MirrorAppender(MailLane& there, base::Executor& home, FarMessagePtr message)
      : there_(there), home_(home), message_(std::move(message)) {}
  Task<Result<void>> write(std::string_view bytes) override;
  void allow_nul() override { nul_ = true; }
  uint64_t size() const override { return size_; }
  const FarMessagePtr& message() const { return message_; }

 private:
  Task<Result<void>> send(std::string bytes);
  MailLane& there_;
  base::Executor& home_;
  FarMessagePtr message_;
  bool nul_ = false;
  uint64_t size_ = 0;
};

class MirrorReady final : public store::ReadyMessage {
 public:
  MirrorReady(FarMessagePtr message, uint64_t size, bool eight_bit)
      : message_(std::move(message)), size_(size), eight_bit_(eight_bit) {}
  uint64_t size() const override { return size_; }
  bool eight_bit_header() const override { return eight_bit_; }
  const FarMessagePtr& message() const { return message_; }

 private:
  FarMessagePtr message_;
  uint64_t size_;
  bool eight_bit_;
};

Error not_here() { return Error(Errc::Unsupported, "only the owner's own sessions do this"); }

class MirrorAccount final : public store::Account, public std::enable_shared_from_this<MirrorAccount> {
 public:
  MirrorAccount(MailLane& there, base::Executor& home, AccountId id, FarPtr far)
      : there_(there), home_(home), id_(id), far_(std::move(far)) {}

  // --- from the other lane
  void take_tree(Tree tree);
  void take_info(const MailboxInfo& info);
  void take_snapshot(MailboxId id, uint64_t number, Snapshot snapshot);
  void take_delta(MailboxId id, uint64_t number, const Delta& delta);

  AccountId id() const override { return id_; }
  const std::string& account_name() const override { return name_; }
  const store::AccountConfig& config() const override { return config_; }
  void set_config(store::AccountConfig) override {}  // that is done where the account is
  bool broken() const override { return broken_; }
  store::Usage usage() const override { return {}; }  // none of others' business
  Result<void> takes(MailboxId, uint64_t, uint64_t) const override { return {}; }
  Task<Result<void>> takes_delivery(store::Delivery, uint64_t) override { co_return not_here(); }

  std::vector<MailboxInfo> mailboxes() const override;
  const MailboxInfo* find(std::string_view name) const override;
  bool has_children(std::string_view name) const override;
  Task<Result<MailboxId>> create(std::string name, store::SpecialUse use) override;
  Task<Result<void>> remove(std::string name) override;
  Task<Result<void>> rename(std::string from, std::string to) override;
  Task<Result<void>> subscribe(std::string, bool) override { co_return not_here(); }
  std::vector<std::string> subscriptions() const override { return {}; }
  store::Mailbox::Subscription subscribe_tree(std::function<void()>) override { return nullptr; }
  store::Mailbox::Subscription subscribe_messages(OnMessages) override { return nullptr; }
  Task<Result<MailboxPtr>> open(MailboxId id) override;

  Task<Result<store::Annotations>> annotations(MailboxId) override { co_return not_here(); }
  Task<Result<void>> annotate(MailboxId, store::AnnotationChanges, store::Mailbox::Subscription) override {
    co_return not_here();
  }
  store::Mailbox::Subscription subscribe_annotations(store::AnnotationListener) override { return nullptr; }
  Task<Result<void>> change_acl(MailboxId mailbox, store::AclChange change) override;

  std::unique_ptr<store::Appender> begin_append() override;
  Task<Result<std::unique_ptr<store::ReadyMessage>>> complete(std::unique_ptr<store::Appender> message) override;
  Task<Result<std::vector<store::Appended>>> append(MailboxId to, std::vector<store::NewMessage> messages) override;
  Task<Result<store::Appended>> replace(MailboxPtr from, uint32_t uid, MailboxId to, store::NewMessage message) override;
  Task<Result<store::Appended>> append(MailboxId, std::unique_ptr<store::Appender>, FlagList,
                                       std::optional<int64_t>) override {
    co_return not_here();
  }
  Task<Result<store::Appended>> deliver(std::unique_ptr<store::Appender>, store::Delivery) override {
    co_return not_here();
  }
  Task<Result<store::StoredFlags>> store_flags(MailboxPtr mailbox, UidSet uids, store::FlagOp op, FlagList flags,
                                               std::optional<uint64_t> unchanged_since) override;
  Task<Result<UidSet>> expunge(MailboxPtr mailbox, std::optional<UidSet> only) override;
  Task<Result<UidSet>> erase(MailboxPtr mailbox, UidSet uids) override;
  Task<Result<store::Copied>> copy(MailboxPtr from, UidSet uids, MailboxId to) override;
  Task<Result<store::Copied>> move(MailboxPtr from, UidSet uids, MailboxId to) override;

  Task<Result<std::string>> sign_url(MailboxId, std::string) override { co_return not_here(); }
  Task<Result<bool>> url_is_signed(MailboxId, std::string, std::string) override { co_return not_here(); }
  Task<Result<void>> reset_url_keys(std::optional<MailboxId>) override { co_return not_here(); }

  // Phones register with their own account.
  const std::vector<store::PushDevice>& push_devices() const override { return no_devices_; }
  Task<Result<void>> register_push(store::PushDevice) override { co_return not_here(); }
  Task<Result<void>> forget_push(std::string, int64_t) override { co_return not_here(); }
  store::Mailbox::Subscription subscribe_arrivals(store::OnArrival) override { return {}; }

  Task<Result<std::shared_ptr<const mime::ParsedMessage>>> record(EmailId email) override;
  Task<Result<std::vector<std::string>>> stored_records(std::vector<EmailId> emails) override;
  Task<Result<std::string>> read(EmailId email, uint64_t offset, uint64_t length) override;
  Task<Result<UidSet>> vanished_since(MailboxPtr mailbox, uint64_t since) override;

 private:
  struct Copy {  // of a mailbox
    std::weak_ptr<store::Mailbox> mailbox;
    uint64_t number = 0;
    MailboxPtr fresh;  // until open() has taken it
    bool opening = false;
    std::vector<base::Completion<MailboxPtr>::Promise> waiting;
  };
  // `start` makes the command from the account there; it is copied to the other lane.
  template <class T, class Start>
  base::Completion<T> ask(Start start);
  template <class T, class Start>
  base::Completion<T> ask_with(const MailboxPtr& mailbox, Start start);
  Task<Result<MailboxPtr>> fetch(MailboxId id);
  FarMessagePtr take(store::NewMessage& message) const;

  MailLane& there_;
  base::Executor& home_;
  const AccountId id_;
  const std::vector<store::PushDevice> no_devices_;
  FarPtr far_;
  std::string name_;
  store::AccountConfig config_;
  bool broken_ = false;
  std::map<std::string, MailboxInfo, std::less<>> infos_;  // by name
  std::map<MailboxId, Copy> copies_;
  uint64_t last_number_ = 0;
};

// --- there

void Far::attach(std::weak_ptr<MirrorAccount> mirror) {
  mirror_ = std::move(mirror);
  tree_news_ = account_->subscribe_tree([this] {
    home_.post([mirror = mirror_, tree = std::make_shared<Tree>(this->tree())] {
      if (auto self = mirror.lock()) self->take_tree(std::move(*tree));
    });
  });
  message_news_ = account_->subscribe_messages([this](const MailboxInfo& info) {
    home_.post([mirror = mirror_, info] {
      if (auto self = mirror.lock()) self->take_info(info);
    });
  });
}

void Far::watch(MailboxId id, uint64_t number, MailboxPtr mailbox) {
  auto& watch = watches_[id];
  watch = std::make_unique<Watch>(number, std::move(mailbox));
  watch->subscription = watch->mailbox->subscribe([this, w = watch.get()] { changed(*w); });
  const store::Mailbox& now = *watch->mailbox;
  auto snapshot = std::make_shared<Snapshot>(Snapshot{now.info(), now.entries(), now.keywords(), now.first_recent()});
  home_.post([mirror = mirror_, id, number, snapshot] {
    if (auto self = mirror.lock()) self->take_snapshot(id, number, std::move(*snapshot));
  });
}

void Far::changed(Watch& watch) {
  const uint32_t last_uid = watch.view.last_uid();
  const store::Changes changes = watch.view.sync(store::View::Expunges::Report);
  const store::Mailbox& now = *watch.mailbox;
  auto delta = std::make_shared<Delta>();
  delta->info = now.info();
  delta->keywords = now.keywords();
  delta->vanished = changes.vanished;
  delta->gone = now.gone();
  changes.flags_changed.for_each([&](uint32_t uid) {
    if (const store::Entry* entry = now.find(uid)) delta->changed.push_back(*entry);
  });
  std::sort(delta->changed.begin(), delta->changed.end(),
            [](const store::Entry& a, const store::Entry& b) { return a.modseq < b.modseq; });
  if (last_uid < UINT32_MAX) {
    const auto [first, last] = store::slice_of(now.entries(), {last_uid + 1, UINT32_MAX});
    delta->added.assign(now.entries().begin() + static_cast<std::ptrdiff_t>(first),
                        now.entries().begin() + static_cast<std::ptrdiff_t>(last));
  }
  home_.post([mirror = mirror_, id = delta->info.id, number = watch.number, delta] {
    if (auto self = mirror.lock()) self->take_delta(id, number, *delta);
  });
}

template <class T, class Start>
Task<Result<T>> run_there(FarPtr far, Start start) {
  auto command = start(far->account());
  auto done = co_await std::move(command);
  if constexpr (std::is_same_v<decltype(done), Result<void>>) {
    if (!done) co_return std::move(done).error();
    co_return true;
  } else {
    co_return std::move(done);
  }
}

template <class T, class Start>
Task<Result<T>> run_with_mailbox(FarPtr far, MailboxId id, Start start) {
  auto opening = far->account().open(id);
  auto mailbox = co_await std::move(opening);
  if (!mailbox) co_return std::move(mailbox).error();
  auto command = start(far->account(), std::move(*mailbox));
  auto done = co_await std::move(command);
  co_return std::move(done);
}

Task<Result<bool>> watch_there(FarPtr far, MailboxId id, uint64_t number) {
  auto opening = far->account().open(id);
  auto mailbox = co_await std::move(opening);
  if (!mailbox) co_return std::move(mailbox).error();
  far->watch(id, number, std::move(*mailbox));
  co_return true;
}

Task<Result<bool>> write_there(FarMessagePtr message, std::string bytes, bool nul) {
  if (!message->appender) message->appender = message->far->account().begin_append();
  if (nul) message->appender->allow_nul();
  auto writing = message->appender->write(bytes);
  auto written = co_await std::move(writing);
  if (!written) co_return std::move(written).error();
  co_return true;
}

struct Completed {
  uint64_t size = 0;
  bool eight_bit = false;
};
Task<Result<Completed>> complete_there(FarMessagePtr message) {
  if (!message->appender) message->appender = message->far->account().begin_append();
  auto completing = message->far->account().complete(std::move(message->appender));
  auto completed = co_await std::move(completing);
  if (!completed) co_return std::move(completed).error();
  message->ready = std::move(*completed);
  co_return Completed{message->ready->size(), message->ready->eight_bit_header()};
}

struct Sent {  // a NewMessage on its way to the other lane
  FarMessagePtr message;
  FlagList flags;
  std::optional<int64_t> internal_date;
  store::NewMessage arrive() { return {std::move(message->ready), std::move(flags), internal_date}; }
};

Task<Result<std::vector<store::Appended>>> append_there(FarPtr far, MailboxId to, std::vector<Sent> sent) {
  std::vector<store::NewMessage> messages;
  for (Sent& one : sent) messages.push_back(one.arrive());
  auto appending = far->account().append(to, std::move(messages));
  auto appended = co_await std::move(appending);
  co_return std::move(appended);
}

Task<Result<store::Appended>> replace_there(FarPtr far, MailboxId from, uint32_t uid, MailboxId to, Sent sent) {
  auto opening = far->account().open(from);
  auto mailbox = co_await std::move(opening);
  if (!mailbox) co_return std::move(mailbox).error();
  auto replacing = far->account().replace(std::move(*mailbox), uid, to, sent.arrive());
  auto replaced = co_await std::move(replacing);
  co_return std::move(replaced);
}

Task<Result<FarPtr>> open_there(MailLane& there, base::Executor& home, AccountId id) {
  auto opening = there.account(id);
  auto opened = co_await std::move(opening);
  if (!opened) co_return std::move(opened).error();
  co_return owned_there(there, std::make_unique<Far>(std::move(*opened), home));
}

// The copy is not behind from its first moment on: the tree that is answered is that of the subscription's beginning.
Task<Result<Tree>> attach_there(FarPtr far, std::weak_ptr<MirrorAccount> mirror) {
  far->attach(std::move(mirror));
  co_return far->tree();
}

// --- here

template <class T, class Start>
base::Completion<T> MirrorAccount::ask(Start start) {
  return there_.call<T>(home_, [far = far_, start = std::move(start)] { return run_there<T>(far, start); });
}
template <class T, class Start>
base::Completion<T> MirrorAccount::ask_with(const MailboxPtr& mailbox, Start start) {
  return there_.call<T>(home_, [far = far_, id = mailbox->info().id, start = std::move(start)] {
    return run_with_mailbox<T>(far, id, start);
  });
}

void MirrorAccount::take_tree(Tree tree) {
  infos_.clear();
  for (MailboxInfo& info : tree.mailboxes) {
    std::string name = info.name;
    infos_.emplace(std::move(name), std::move(info));
  }
  config_ = tree.config;
  name_ = std::move(tree.name);
  if (!tree.broken) return;
  broken_ = true;
  for (auto& [id, copy] : copies_)
    if (auto mailbox = copy.mailbox.lock()) store::MailboxWriter(*mailbox).notify();
}

void MirrorAccount::take_info(const MailboxInfo& info) {
  auto known = infos_.find(info.name);
  if (known != infos_.end() && known->second.id == info.id) known->second = info;  // else the tree comes right behind
}

void MirrorAccount::take_snapshot(MailboxId id, uint64_t number, Snapshot snapshot) {
  auto made = store::MailboxWriter::make(std::move(snapshot.info), std::move(snapshot.entries),
                                         std::move(snapshot.keywords), snapshot.first_recent);
  MailboxPtr mailbox(made.release(), [&there = there_, far = far_, id, number](store::Mailbox* last) {
    there.post([far, id, number] { far->unwatch(id, number); });
    delete last;
  });
  Copy& copy = copies_[id];
  copy.mailbox = mailbox;
  copy.number = number;
  copy.fresh = std::move(mailbox);
}

void MirrorAccount::take_delta(MailboxId id, uint64_t number, const Delta& delta) {
  auto copy = copies_.find(id);
  auto mailbox = copy == copies_.end() || copy->second.number != number ? nullptr : copy->second.mailbox.lock();
  if (!mailbox) return;
  store::MailboxWriter writer(*mailbox);
  writer.set_keywords(delta.keywords);
  (void)writer.expunge(delta.vanished.ranges(), delta.info.highest_modseq);
  for (const store::Entry& entry : delta.changed)
    (void)writer.flags({{entry.uid, entry.uid}}, store::FlagOp::Set, entry.flags, entry.modseq);
  for (const store::Entry& entry : delta.added) writer.append(entry);
  writer.set_info(delta.info);
  if (delta.gone) writer.set_gone();
  writer.notify();
}

std::vector<MailboxInfo> MirrorAccount::mailboxes() const {
  std::vector<MailboxInfo> all;
  all.reserve(infos_.size());
  for (const auto& [name, info] : infos_) all.push_back(info);
  std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return store::name_less(a.name, b.name); });
  return all;
}

const MailboxInfo* MirrorAccount::find(std::string_view name) const {
  const auto normal = store::normal_name(name);
  if (!normal) return nullptr;
  auto found = infos_.find(*normal);
  if (found == infos_.end()) found = infos_.find(mime::nfc(*normal));
  return found == infos_.end() ? nullptr : &found->second;
}

bool MirrorAccount::has_children(std::string_view name) const {
  const std::string prefix = std::string(name) + "/";
  auto next = infos_.lower_bound(prefix);
  return next != infos_.end() && next->first.starts_with(prefix);
}

Task<Result<MailboxId>> MirrorAccount::create(std::string name, store::SpecialUse use) {
  auto asking = ask<MailboxId>([name, use](store::Account& there) { return there.create(name, use); });
  auto answer = co_await asking;
  co_return std::move(answer);
}

Task<Result<void>> MirrorAccount::remove(std::string name) {
  auto asking = ask<bool>([name](store::Account& there) { return there.remove(name); });
  auto answer = co_await asking;
  if (!answer) co_return std::move(answer).error();
  co_return Result<void>();
}

Task<Result<void>> MirrorAccount::rename(std::string from, std::string to) {
  auto asking = ask<bool>([from, to](store::Account& there) { return there.rename(from, to); });
  auto answer = co_await asking;
  if (!answer) co_return std::move(answer).error();
  co_return Result<void>();
}

Task<Result<void>> MirrorAccount::change_acl(MailboxId mailbox, store::AclChange change) {
  auto asking = ask<bool>([mailbox, change](store::Account& there) { return there.change_acl(mailbox, change); });
  auto answer = co_await asking;
  if (!answer) co_return std::move(answer).error();
  co_return Result<void>();
}

// One copy of a mailbox, for all sessions of this lane; who comes while it is made waits.
Task<Result<MailboxPtr>> MirrorAccount::open(MailboxId id) {
  auto self = shared_from_this();
  Copy& copy = copies_[id];
  if (auto mailbox = copy.mailbox.lock(); mailbox && !broken_ && !copy.opening) co_return mailbox;
  if (copy.opening) {
    base::Completion<MailboxPtr> opened;
    copy.waiting.push_back(opened.promise());
    auto result = co_await opened;
    co_return std::move(result);
  }
  copy.opening = true;
  auto fetching = fetch(id);
  auto fetched = co_await std::move(fetching);
  Copy& now = copies_[id];
  now.opening = false;
  auto waiting = std::exchange(now.waiting, {});
  if (!fetched) copies_.erase(id);
  for (auto& promise : waiting) promise.set(fetched);
  co_return std::move(fetched);
}

Task<Result<MailboxPtr>> MirrorAccount::fetch(MailboxId id) {
  const uint64_t number = ++last_number_;
  auto asking = there_.call<bool>(home_, [far = far_, id, number] { return watch_there(far, id, number); });
  auto answer = co_await asking;
  if (!answer) co_return std::move(answer).error();
  co_return std::exchange(copies_[id].fresh, nullptr);  // it came before the answer
}

Task<Result<void>> MirrorAppender::write(std::string_view bytes) { return send(std::string(bytes)); }

Task<Result<void>> MirrorAppender::send(std::string bytes) {
  const uint64_t size = bytes.size();
  auto asking = there_.call<bool>(home_, [message = message_, bytes = std::move(bytes), nul = nul_]() mutable {
    return write_there(message, std::move(bytes), nul);
  });
  auto answer = co_await asking;
  if (!answer) co_return std::move(answer).error();
  size_ += size;
  co_return Result<void>();
}

std::unique_ptr<store::Appender> MirrorAccount::begin_append() {
  auto message = owned_there(there_, std::make_unique<FarMessage>());
  message->far = far_;
  return std::make_unique<MirrorAppender>(there_, home_, std::move(message));
}

Task<Result<std::unique_ptr<store::ReadyMessage>>> MirrorAccount::complete(std::unique_ptr<store::Appender> message) {
  FarMessagePtr ours = static_cast<MirrorAppender&>(*message).message();  // begin_append() makes no other
  auto asking = there_.call<Completed>(home_, [ours] { return complete_there(ours); });
  auto answer = co_await asking;
  if (!answer) co_return std::move(answer).error();
  co_return std::make_unique<MirrorReady>(std::move(ours), answer->size, answer->eight_bit);
}

FarMessagePtr MirrorAccount::take(store::NewMessage& message) const {
  return static_cast<MirrorReady&>(*message.message).message();  // complete() makes no other
}

Task<Result<std::vector<store::Appended>>> MirrorAccount::append(MailboxId to, std::vector<store::NewMessage> messages) {
  std::vector<Sent> sent;
  for (store::NewMessage& message : messages)
    sent.push_back({take(message), std::move(message.flags), message.internal_date});
  messages.clear();
  auto asking = there_.call<std::vector<store::Appended>>(
      home_, [far = far_, to, sent = std::move(sent)]() mutable { return append_there(far, to, std::move(sent)); });
  auto answer = co_await asking;
  co_return std::move(answer);
}

Task<Result<store::Appended>> MirrorAccount::replace(MailboxPtr from, uint32_t uid, MailboxId to,
                                                     store::NewMessage message) {
  Sent sent{take(message), std::move(message.flags), message.internal_date};
  auto asking =
      there_.call<store::Appended>(home_, [far = far_, id = from->info().id, uid, to, sent = std::move(sent)]() mutable {
        return replace_there(far, id, uid, to, std::move(sent));
      });
  auto answer = co_await asking;
  co_return std::move(answer);
}

Task<Result<store::StoredFlags>> MirrorAccount::store_flags(MailboxPtr mailbox, UidSet uids, store::FlagOp op,
                                                            FlagList flags, std::optional<uint64_t> unchanged_since) {
  auto asking =
      ask_with<store::StoredFlags>(mailbox, [uids, op, flags, unchanged_since](store::Account& there, MailboxPtr box) {
        return there.store_flags(std::move(box), uids, op, flags, unchanged_since);
      });
  auto answer = co_await asking;
  co_return std::move(answer);
}

Task<Result<UidSet>> MirrorAccount::expunge(MailboxPtr mailbox, std::optional<UidSet> only) {
  auto asking = ask_with<UidSet>(
      mailbox, [only](store::Account& there, MailboxPtr box) { return there.expunge(std::move(box), only); });
  auto answer = co_await asking;
  co_return std::move(answer);
}

Task<Result<UidSet>> MirrorAccount::erase(MailboxPtr mailbox, UidSet uids) {
  auto asking = ask_with<UidSet>(
      mailbox, [uids](store::Account& there, MailboxPtr box) { return there.erase(std::move(box), uids); });
  auto answer = co_await asking;
  co_return std::move(answer);
}

Task<Result<store::Copied>> MirrorAccount::copy(MailboxPtr from, UidSet uids, MailboxId to) {
  auto asking = ask_with<store::Copied>(
      from, [uids, to](store::Account& there, MailboxPtr box) { return there.copy(std::move(box), uids, to); });
  auto answer = co_await asking;
  co_return std::move(answer);
}

Task<Result<store::Copied>> MirrorAccount::move(MailboxPtr from, UidSet uids, MailboxId to) {
  auto asking = ask_with<store::Copied>(
      from, [uids, to](store::Account& there, MailboxPtr box) { return there.move(std::move(box), uids, to); });
  auto answer = co_await asking;
  co_return std::move(answer);
}

Task<Result<std::shared_ptr<const mime::ParsedMessage>>> MirrorAccount::record(EmailId email) {
  auto asking =
      ask<std::shared_ptr<const mime::ParsedMessage>>([email](store::Account& there) { return there.record(email); });
  auto answer = co_await asking;
  co_return std::move(answer);
}

Task<Result<std::vector<std::string>>> MirrorAccount::stored_records(std::vector<EmailId> emails) {
  auto asking = ask<std::vector<std::string>>(
      [emails = std::move(emails)](store::Account& there) { return there.stored_records(emails); });
  auto answer = co_await asking;
  co_return std::move(answer);
}

Task<Result<std::string>> MirrorAccount::read(EmailId email, uint64_t offset, uint64_t length) {
  auto asking = ask<std::string>([=](store::Account& there) { return there.read(email, offset, length); });
  auto answer = co_await asking;
  co_return std::move(answer);
}

Task<Result<UidSet>> MirrorAccount::vanished_since(MailboxPtr mailbox, uint64_t since) {
  auto asking = ask_with<UidSet>(
      mailbox, [since](store::Account& there, MailboxPtr box) { return there.vanished_since(std::move(box), since); });
  auto answer = co_await asking;
  co_return std::move(answer);
}

}  // namespace

Task<Result<std::shared_ptr<store::Account>>> open_mirror(MailLane& there, base::Executor& home, AccountId id) {
  auto opening = there.call<FarPtr>(home, [&there, &home, id] { return open_there(there, home, id); });
  auto opened = co_await opening;
  if (!opened) co_return std::move(opened).error();
  std::shared_ptr<MirrorAccount> mirror(new MirrorAccount(there, home, id, *opened));  // weak ones keep no memory
  std::weak_ptr<MirrorAccount> weak = mirror;
  auto attaching = there.call<Tree>(home, [far = *opened, weak] { return attach_there(far, weak); });
  auto tree = co_await attaching;
  if (!tree) co_return std::move(tree).error();
  mirror->take_tree(std::move(*tree));
  co_return std::shared_ptr<store::Account>(std::move(mirror));
}

}  // namespace bz::roles
