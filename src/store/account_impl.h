// AccountImpl: the Account of account.h over one kv partition.
//
// Commands that change something are queued and run one after the other (serial()), each to its end even when its caller is
// gone, as long as anybody has the account: a commit that was submitted is published. So a command plans on state that
// nobody else changes while it waits. Reads do not queue. The account owns the frames of its commands; the last reference
// may go in the middle of one, so it is destroyed on a later turn of its lane (open_account).
//
// Invariants
//   1 Memory (trees_, record_, loaded mailboxes) equals the committed state; publish follows the commit without a wait.
//   2 record_.modseq, next_email and uid_next are in the batch that uses them: nothing is given out twice.
//   3 A mailbox is loaded from its pages after every change is folded; from then on only publish changes it.
//   4 A failed commit breaks the account: nothing more is planned or published.
#pragma once
#include <deque>

#include "store/account.h"
#include "store/appender.h"
#include "store/fold.h"
#include "store/mailbox_writer.h"
#include "store/names.h"
#include "store/plan.h"
#include "store/records.h"
#include "store/schema.h"

namespace bz::store {

class AccountImpl final : public Account, public std::enable_shared_from_this<AccountImpl> {
 public:
  AccountImpl(std::unique_ptr<kv::Partition> partition, AccountId id, std::string name, AccountConfig config,
              base::Executor& executor, base::Clock& clock, base::Random& random);
  Task<Result<void>> load();  // once, before anything else

  AccountId id() const override { return id_; }
  const std::string& account_name() const override { return record_.name; }
  const AccountConfig& config() const override { return config_; }
  void set_config(AccountConfig config) override { config_ = config; }
  bool broken() const override { return broken_; }
  Usage usage() const override;
  Result<void> takes(MailboxId to, uint64_t messages, uint64_t bytes) const override;
  Task<Result<void>> takes_delivery(Delivery delivery, uint64_t bytes) override;

  std::vector<MailboxInfo> mailboxes() const override;
  const MailboxInfo* find(std::string_view name) const override;
  bool has_children(std::string_view name) const override;
  Task<Result<MailboxId>> create(std::string name, SpecialUse use) override;
  Task<Result<void>> remove(std::string name) override;
  Task<Result<void>> rename(std::string from, std::string to) override;
  Task<Result<void>> subscribe(std::string name, bool subscribed) override;
  std::vector<std::string> subscriptions() const override { return subscriptions_; }
  Mailbox::Subscription subscribe_tree(std::function<void()> on_change) override;
  Mailbox::Subscription subscribe_messages(OnMessages on_change) override;
  Task<Result<MailboxPtr>> open(MailboxId id) override;

  Task<Result<Annotations>> annotations(MailboxId mailbox) override;
  Task<Result<void>> annotate(MailboxId mailbox, AnnotationChanges changes, Mailbox::Subscription by) override;
  Mailbox::Subscription subscribe_annotations(AnnotationListener listener) override;
  Task<Result<void>> change_acl(MailboxId mailbox, AclChange change) override;

  const std::vector<PushDevice>& push_devices() const override { return push_devices_; }
  Task<Result<void>> register_push(PushDevice device) override;
  Task<Result<void>> forget_push(std::string token, int64_t before) override;
  Mailbox::Subscription subscribe_arrivals(OnArrival on_arrival) override;

  std::unique_ptr<Appender> begin_append() override;
  Task<Result<std::unique_ptr<ReadyMessage>>> complete(std::unique_ptr<Appender> message) override;
  Task<Result<std::vector<Appended>>> append(MailboxId to, std::vector<NewMessage> messages) override;
  Task<Result<Appended>> replace(MailboxPtr from, uint32_t uid, MailboxId to, NewMessage message) override;
  Task<Result<Appended>> append(MailboxId to, std::unique_ptr<Appender> message, FlagList flags,
                                std::optional<int64_t> internal_date) override;
  Task<Result<Appended>> deliver(std::unique_ptr<Appender> message, Delivery delivery) override;
  Task<Result<StoredFlags>> store_flags(MailboxPtr mailbox, UidSet uids, FlagOp op, FlagList flags,
                                        std::optional<uint64_t> unchanged_since) override;
  Task<Result<UidSet>> expunge(MailboxPtr mailbox, std::optional<UidSet> only) override;
  Task<Result<UidSet>> erase(MailboxPtr mailbox, UidSet uids) override;
  Task<Result<Copied>> copy(MailboxPtr from, UidSet uids, MailboxId to) override;
  Task<Result<Copied>> move(MailboxPtr from, UidSet uids, MailboxId to) override;

  Task<Result<std::string>> sign_url(MailboxId mailbox, std::string rump) override;
  Task<Result<bool>> url_is_signed(MailboxId mailbox, std::string rump, std::string token) override;
  Task<Result<void>> reset_url_keys(std::optional<MailboxId> only) override;

  Task<Result<std::shared_ptr<const mime::ParsedMessage>>> record(EmailId email) override;
  Task<Result<std::vector<std::string>>> stored_records(std::vector<EmailId> emails) override;
  Task<Result<std::string>> read(EmailId email, uint64_t offset, uint64_t length) override;
  Task<Result<UidSet>> vanished_since(MailboxPtr mailbox, uint64_t since) override;

 private:
  struct State {  // of one mailbox
    MailboxInfo info;
    std::vector<std::string> keywords;
    uint32_t first_recent = 1;
    std::weak_ptr<Mailbox> loaded;
  };
  struct Tx {  // one commit in the making
    AccountRecord account;
    kv::Batch batch;
    uint64_t modseq = 0;
    uint16_t pieces = 0;  // D records of this commit so far
  };
  struct Prepared final : ReadyMessage {  // a message whose octets are written
    ~Prepared() override;                 // unused: takes back what is staged
    uint64_t size() const override { return record.size(); }
    bool eight_bit_header() const override { return eight_bit; }
    MessageRecord record;
    bool eight_bit = false;
    std::string message_id, body_digest;
    StoredPtr message;               // what readers get; null when it is too large to be kept until then
    size_t parsed_size = 0;          // octets of the parsed form
    std::optional<uint64_t> staged;  // T key: the blob is linked already
    std::weak_ptr<AccountImpl> owner;
  };
  enum class Origin : uint8_t { Client, Delivery, SentCopy };
  struct Arrival {  // one message of a command
    std::unique_ptr<Prepared> message;
    FlagList flags;
    int64_t internal_date = 0;
  };
  struct Incoming {  // one command
    std::vector<Arrival> arrivals;
    Origin origin = Origin::Client;
    std::string delivered_key;  // I key; empty: none
    MailboxPtr from;            // REPLACE: the message that goes
    uint32_t replaced = 0;
  };
  struct Twin {  // what the Sent rule found; `flags` is what the arrival adds to it
    Mark mark;
    MailboxPtr mailbox;
    FlagPlan flags;
  };
  struct Placing {  // one arrival, planned
    const Arrival* arrival = nullptr;
    FlagBits bits = 0;
    std::string mark_key;  // S key; empty: none
    std::optional<Twin> twin;
    std::optional<Entry> entry;  // set by put_added()
  };
  enum class Transfer : uint8_t { Copy, Move };

  // account.cc: the queue of commands
  template <class T>
  Task<Result<T>> serial(Task<Result<T>> work);
  template <class T>
  Task<void> run_command(Task<Result<T>> work, typename base::Completion<T>::Promise promise);
  void enqueue(Task<void> command);
  void next_command();
  void command_finished();
  Tx begin() const;
  Tx begin_change() const;  // takes the next modseq
  Task<Result<void>> commit(Tx& tx);
  void break_account(const Error& error);
  void put_mailbox(Tx& tx, const State& state, const MailboxInfo& info) const;
  void put_new_mailbox(Tx& tx, const MailboxInfo& info) const;  // and its access list
  void publish(State& state, const MailboxInfo& info);
  void notify_tree();
  void schedule_upkeep();
  Task<Result<bool>> fold_some();
  Task<Result<void>> fold_all();
  Task<Result<bool>> prune_marks();
  Task<Result<void>> prune_marks_of(std::string prefix, int64_t before_ms);
  Task<Result<void>> create_fresh();
  Task<Result<void>> load_existing(std::string_view account_record);
  Task<Result<void>> load_mailboxes();
  Task<Result<void>> drop_staged();
  Task<Result<std::vector<kv::KeyValue>>> scan_all(std::string prefix);

  // tree.cc
  State* state_of(std::string_view normal);
  // The name of the mailbox that a normal name means: as it stands when it is there, else in Normalization Form C, which
  // all new names have (RFC 9051 section 5.1). Parents that are there keep their spelling.
  std::string spelled(const std::string& normal) const;
  State* state_of(MailboxId id);
  MailboxInfo new_mailbox(Tx& tx, const std::string& name, SpecialUse use) const;
  void add_state(const MailboxInfo& info);
  // What a mailbox of this name begins with (RFC 4314 section 4, CREATE): that of the nearest parent there is.
  std::shared_ptr<const Acl> inherited_acl(const std::string& name) const;
  enum class By : uint8_t { User, Delivery };  // what a delivery needs, it gets whatever the quota says
  Task<Result<MailboxId>> do_create(std::string name, SpecialUse use, By by);
  Task<Result<bool>> do_remove(std::string name);
  Task<Result<bool>> do_rename(std::string from, std::string to);
  Task<Result<bool>> do_rename_inbox(std::string to);
  Task<Result<bool>> do_subscribe(std::string name, bool subscribed);
  Task<Result<MailboxPtr>> do_open(MailboxId id);
  Task<Result<MailboxId>> sent_mailbox();
  void released(MailboxId id, uint32_t first_recent);

  // annotations.cc
  Task<Result<bool>> do_annotate(MailboxId mailbox, AnnotationChanges changes, Mailbox::Subscription by);
  Task<Result<bool>> copy_annotations(MailboxId from, MailboxId to);
  void notify_annotations(MailboxId mailbox, const AnnotationChanges& changes, const Mailbox::Subscription& by);

  // acl.cc
  Task<Result<bool>> do_change_acl(MailboxId mailbox, AclChange change);
  // push.cc
  Task<Result<void>> load_push_devices();
  Task<Result<bool>> do_register_push(PushDevice device);
  Task<Result<bool>> do_forget_push(std::string token, int64_t before);
  Task<Result<bool>> write_push_devices(std::vector<PushDevice> devices);
  void tell_arrivals(MailboxId mailbox, uint32_t first_uid, uint32_t last_uid);

  // incoming.cc
  Task<Result<std::unique_ptr<Prepared>>> prepare(std::unique_ptr<Appender> message, std::string prefix);
  Task<Result<std::string>> read_back(Prepared& prepared);
  Task<Result<std::unique_ptr<Prepared>>> prepare_without_nul(std::string raw);
  Task<Result<void>> keep_parsed(Prepared& prepared, std::string encoded);
  Task<Result<void>> write_parsed(MessageRecord& record, std::string encoded);
  Result<Arrival> arrival_of(NewMessage message);
  Task<Result<void>> fit_one_batch(std::vector<Arrival>& arrivals);
  Task<Result<bool>> take_back(uint64_t number, kv::BlobRef blob);

  // placing.cc
  using Placed = std::vector<Appended>;
  Task<Result<Placed>> take_in(MailboxId to, Incoming incoming);  // to unset: where deliveries go
  Task<Result<Placed>> place(MailboxId to, const Incoming& incoming);
  Task<Result<Placed>> place_delivery(const Incoming& incoming);
  Task<Result<std::vector<Placing>>> plan_placings(State& state, const Incoming& incoming,
                                                   std::vector<std::string>& keywords);
  Task<Result<std::optional<Twin>>> find_twin(const State& state, const Incoming& incoming, std::string mark_key);
  Result<SelectPlan> plan_replaced(const Incoming& incoming);
  void put_expunged(Tx& tx, State& source, const SelectPlan& gone, MailboxInfo& info) const;
  void put_added(Tx& tx, Placing& placing, const Incoming& incoming, MailboxInfo& info) const;
  void put_joined(Tx& tx, const Placing& placing, const Incoming& incoming, MailboxInfo& info) const;
  Placed publish_placings(State& state, std::vector<Placing>& placings, uint64_t modseq);
  bool is_sent(const State& state) const;
  // Whether the mailbox takes so many messages more. `freed`: what goes from it in the same commit.
  Result<void> has_room(const State& state, uint64_t messages, uint64_t freed = 0) const;

  // quota.cc. `freed`: what goes in the same commit. Of Usage, octets and messages only.
  Result<void> within_quota(const Usage& added, const Usage& freed) const;
  Result<void> takes_mailboxes(uint64_t added) const;

  // url_keys.cc
  Task<Result<std::string>> url_key(MailboxId mailbox);
  Task<Result<std::string>> make_url_key(MailboxId mailbox);
  Task<Result<bool>> do_reset_url_key(MailboxId mailbox);
  Task<Result<bool>> do_reset_url_keys();
  void url_key_changed(State& state);

  // messages.cc
  Task<Result<StoredFlags>> do_store(MailboxPtr mailbox, UidSet uids, FlagOp op, FlagList flags,
                                     std::optional<uint64_t> unchanged_since);
  Task<Result<UidSet>> do_expunge(MailboxPtr mailbox, std::optional<UidSet> only, FlagBits carrying);
  Task<Result<Copied>> do_transfer(MailboxPtr from, UidSet uids, MailboxId to, Transfer kind);
  Task<Result<bool>> transfer_part(MailboxPtr from, SelectPlan plan, MailboxId to, Transfer kind);
  Result<State*> selected(const MailboxPtr& mailbox);
  void put_change(Tx& tx, const Change& change, const std::vector<uint32_t>& counts = {}) const;

  std::unique_ptr<kv::Partition> partition_;
  const AccountId id_;
  AccountConfig config_;
  base::Executor& executor_;
  base::Clock& clock_;
  base::Random& random_;
  bool broken_ = false;
  AccountRecord record_;
  std::map<MailboxId, State> trees_;
  std::map<std::string, MailboxId, std::less<>> names_;
  std::vector<std::string> subscriptions_;  // sorted
  std::vector<std::weak_ptr<std::function<void()>>> tree_subscribers_;
  std::vector<std::weak_ptr<AnnotationListener>> annotation_listeners_;
  std::vector<std::weak_ptr<OnMessages>> message_subscribers_;
  std::vector<PushDevice> push_devices_;
  std::vector<std::weak_ptr<OnArrival>> arrival_subscribers_;
  std::optional<Folder> folder_;
  Records records_;
  uint64_t staged_ = 0;
  int64_t pruned_ms_ = 0;
  bool upkeep_queued_ = false;
  std::deque<Task<void>> commands_;
  Task<void> running_;
};

template <class T>
Task<void> AccountImpl::run_command(Task<Result<T>> work, typename base::Completion<T>::Promise promise) {
  auto result = std::make_shared<Result<T>>(fail(Errc::Unavailable, "the store of the account failed"));
  if (!broken_) *result = co_await std::move(work);
  work.reset();
  // What waits is resumed when this frame is at its end: it may let go of the account.
  executor_.post([weak = weak_from_this(), promise = std::move(promise), result] {
    auto self = weak.lock();
    if (self) self->command_finished();
    promise.set(std::move(*result));
  });
}

template <class T>
Task<Result<T>> AccountImpl::serial(Task<Result<T>> work) {
  base::Completion<T> done;
  enqueue(run_command<T>(std::move(work), done.promise()));
  auto result = co_await done;
  co_return std::move(result);
}

}  // namespace bz::store
