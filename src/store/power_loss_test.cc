// Power cuts under the mail store as it is: accounts on RocksDB on a disk that keeps only what was synced. Commands of all
// kinds run, several at once and for two accounts, until the power goes at a random change of the disk; sometimes it goes
// again while the store comes back. Then each account must show what was acknowledged, or one of the states that the
// commands under way lead to (model_for_test.h), verify must find nothing, and life goes on. What mta did not get an answer
// for, it delivers again.
//
// A seed decides the story and the disk; threads of RocksDB may shift the cut by a few changes. BUZON_CRASH_SEED: the first
// seed, BUZON_CRASH_RUNS: how many; BUZON_FULL: ten times as many.
#include <gtest/gtest.h>

#include <cstdlib>
#include <future>
#include <iostream>
#include <mutex>

#include "base/env.h"
#include "base/log.h"
#include "kv/rocks.h"
#include "kv/testing/power_loss_fs.h"
#include "store/model_for_test.h"

namespace bz::store {
namespace {

constexpr int kDelivered = 1'000'000;  // contents from here on came by a delivery
constexpr char kReturnPath[] = "bob@example.net";

// Small ones lie in the record's batch, some take several chunks of a blob.
std::string body_of(int content) {
  const size_t size = content % 23 == 0 ? 300'000 : content % 7 == 0 ? 9'000 : 60;
  std::string body;
  for (size_t i = 0; body.size() < size; ++i) body += std::to_string(static_cast<size_t>(content) * 7919 + i * i) + "\r\n";
  return "From: a@example.org\r\nSubject: " + std::to_string(content) + "\r\nMessage-ID: <" + std::to_string(content) +
         "@example.org>\r\n\r\n" + body;
}
std::string octets(int content) {
  return content >= kDelivered ? "Return-Path: <" + std::string(kReturnPath) + ">\r\n" + body_of(content)
                               : body_of(content);
}
// -1: these octets are no message of the story.
int content_of(const std::string& text) {
  const size_t at = text.find("Subject: ");
  const int content = at == std::string::npos ? -1 : std::atoi(text.c_str() + at + 9);
  return content > 0 && octets(content) == text ? content : -1;
}

FlagList list_of(const FlagNames& names) {
  FlagList list;
  for (const auto& name : names) {
    if (auto bit = system_flag(name))
      list.system |= *bit;
    else
      list.keywords.push_back(name);
  }
  return list;
}

using AccountPtr = std::shared_ptr<Account>;
template <class T>
Result<void> nothing(const Result<T>& result) {
  return result ? Result<void>() : Result<void>(result.error());
}

Task<Result<void>> take_message(AccountPtr account, Op op) {
  auto appender = account->begin_append();
  const std::string text = body_of(op.content);
  auto writing = appender->write(text);
  auto written = co_await std::move(writing);
  if (!written) co_return written;
  if (op.kind == Op::Kind::Deliver) {
    Delivery delivery{op.queue_id, "ana@example.org", kReturnPath};
    auto delivering = account->deliver(std::move(appender), std::move(delivery));
    auto delivered = co_await std::move(delivering);
    co_return nothing(delivered);
  }
  const MailboxInfo* info = account->find(op.box);
  if (!info) co_return fail(Errc::NotFound, op.box);
  auto appending = account->append(info->id, std::move(appender), list_of(op.flags), 1000);
  auto appended = co_await std::move(appending);
  co_return nothing(appended);
}

Task<Result<void>> change_messages(AccountPtr account, MailboxPtr box, Op op) {
  if (op.kind == Op::Kind::Flags) {
    auto storing = account->store_flags(std::move(box), op.uids, op.how, list_of(op.flags), {});
    auto stored = co_await std::move(storing);
    co_return nothing(stored);
  }
  if (op.kind == Op::Kind::Expunge) {
    auto expunging = account->expunge(std::move(box), op.uids);
    auto expunged = co_await std::move(expunging);
    co_return nothing(expunged);
  }
  const MailboxInfo* to = account->find(op.other);
  if (!to) co_return fail(Errc::NotFound, op.other);
  auto transferring = op.kind == Op::Kind::Copy ? account->copy(std::move(box), op.uids, to->id)
                                                : account->move(std::move(box), op.uids, to->id);
  auto transferred = co_await std::move(transferring);
  co_return nothing(transferred);
}

Task<Result<void>> change_tree(AccountPtr account, Op op) {
  if (op.kind == Op::Kind::Create) {
    auto creating = account->create(op.box, SpecialUse::None);
    auto created = co_await std::move(creating);
    co_return nothing(created);
  }
  auto changing = op.kind == Op::Kind::Remove ? account->remove(op.box) : account->rename(op.box, op.other);
  auto changed = co_await std::move(changing);
  co_return changed;
}

bool of_tree(Op::Kind kind) { return kind >= Op::Kind::Create; }
bool comes_in(Op::Kind kind) { return kind == Op::Kind::Append || kind == Op::Kind::Deliver; }

Task<void> perform(AccountPtr account, MailboxPtr box, Op op, std::optional<Result<void>>& result) {
  auto work = of_tree(op.kind)    ? change_tree(std::move(account), std::move(op))
              : comes_in(op.kind) ? take_message(std::move(account), std::move(op))
                                  : change_messages(std::move(account), std::move(box), std::move(op));
  auto done = co_await std::move(work);
  result.emplace(std::move(done));
}

struct Running {
  Op op;
  size_t states = 0;  // of Owner::states when this one is done
  std::optional<Result<void>> result = {};
  base::Spawned task = {};
};

// One account, what its client and mta know of it, and what they do next.
struct Owner {
  AccountId id;
  AccountPtr account = {};
  std::map<std::string, MailboxPtr> open = {};
  std::vector<Model> states = {};  // acknowledged, then under way
  UidMemory memory = {};
  std::vector<Op> unanswered = {};  // deliveries that mta tries again
  std::vector<std::unique_ptr<Running>> running = {};
  std::map<uint64_t, int> contents = {};  // of emails read since the store was opened
  int next_content = 1;
};

class Story {
 public:
  explicit Story(uint32_t seed) : dice_(seed + 77), seed_(seed) {}
  // From its second life on the disk says that it synced and did not.
  bool lying_disk = false;

  std::vector<std::string> play() {
    if (!open(false)) return {"the first start failed"};
    for (int life = 0; life < 3 && problems_.empty(); ++life) {
      disk_->set_sync_lies(lying_disk && life > 0);
      live();
      power_goes();
      if (problems_.empty()) recover();
    }
    close();
    return problems_;
  }
  // How much a run was worth.
  struct Counts {
    uint64_t acknowledged = 0, cuts = 0;
    uint64_t came_through = 0;  // accounts in which unanswered commands were found done
    uint64_t undone = 0;        // and in which they were not
    Counts& operator+=(const Counts& other) {
      acknowledged += other.acknowledged;
      cuts += other.cuts;
      came_through += other.came_through;
      undone += other.undone;
      return *this;
    }
  };
  const Counts& counts() const { return counts_; }

 private:
  uint32_t roll(uint32_t n) { return static_cast<uint32_t>(dice_.u64() % n); }
  template <class T>
  T run(Task<T> task) {
    return base::run_on(lane_, std::move(task));
  }
  void problem(const Owner& owner, const std::string& text) {
    problems_.push_back("seed " + std::to_string(seed_) + ", account " + std::to_string(owner.id.value()) + ": " + text);
  }
  bool open(bool check);
  bool open_account_of(Owner& owner);
  void check_store();
  void close();
  void live();
  bool turn();
  void power_goes();
  void recover();
  void begin(Owner& owner);
  bool settle(Owner& owner);
  Model observe(Owner& owner);
  void look(Owner& owner, const std::vector<Model>& states);
  Op choose(Owner& owner, const Model& now, bool alone);
  UidSet some(const ModelBox& box);
  FlagNames some_flags();
  std::string some_box(const Model& now);

  base::SeededRandom dice_;
  uint32_t seed_;
  base::ManualExecutor lane_;
  base::ManualClock clock_;
  base::SeededRandom ids_{1};
  std::unique_ptr<kv::PowerLossDisk> disk_ = kv::PowerLossDisk::make();
  std::unique_ptr<kv::RocksStore> store_;
  std::vector<Owner> owners_ = [] {
    std::vector<Owner> two(2);
    two[0].id = AccountId(7);
    two[1].id = AccountId(8);
    return two;
  }();
  std::vector<std::string> problems_;
  Counts counts_;
};

// --- the store's life

bool Story::open(bool check) {
  kv::RocksConfig config;
  config.file_system = disk_->file_system();
  config.reader_threads = 1;
  // Every third story has small buffers: flushes, compactions and changes of the log all the time. RocksDB rests a second
  // after a cut in one of them.
  if (seed_ % 3 == 0) config.write_buffer_bytes = 256 << 10;
  auto opened = kv::open_rocks("/db", config);
  if (!opened) {
    if (!disk_->is_cut()) problems_.push_back("seed " + std::to_string(seed_) + ": " + opened.error().to_string());
    return false;
  }
  store_ = std::move(*opened);
  if (check) check_store();
  for (Owner& owner : owners_)
    if (!open_account_of(owner)) return false;
  return true;
}

bool Story::open_account_of(Owner& owner) {
  AccountConfig config;
  config.change_records = 40;
  auto opened = run(open_account(*store_, owner.id, "ana@example.org", config, lane_, clock_, ids_));
  if (!opened) {
    if (!disk_->is_cut()) problem(owner, opened.error().to_string());
    return false;
  }
  owner.account = *opened;
  owner.contents.clear();
  if (owner.states.empty()) owner.states = {observe(owner)};
  return true;
}

void Story::check_store() {
  if (auto whole = store_->verify(); !whole && !disk_->is_cut()) problems_.push_back(whole.error().to_string());
  for (Owner& owner : owners_) {
    auto findings = run(verify_account(*store_, owner.id, lane_));
    if (disk_->is_cut()) return;
    if (!findings) return problem(owner, "verify: " + findings.error().to_string());
    for (const Finding& f : *findings) problem(owner, "verify: " + f.where + ": " + f.what);
  }
}

void Story::close() {
  for (Owner& owner : owners_) {
    owner.open.clear();
    owner.running.clear();
    owner.account.reset();
  }
  lane_.run();
  store_.reset();
  lane_.run();
}

void Story::power_goes() {
  ++counts_.cuts;
  close();
  disk_ = disk_->survivors(static_cast<uint32_t>(dice_.u64()));
}

void Story::recover() {
  for (bool open_now = false; !open_now;) {
    const bool again = roll(3) == 0;
    if (again) disk_->cut_after(roll(40));
    open_now = open(true);
    if (!problems_.empty()) return;
    if (disk_->is_cut()) open_now = false;
    if (!open_now) power_goes();
  }
  disk_->cut_after(uint64_t{1} << 40);  // the second cut did not come
  for (Owner& owner : owners_) look(owner, owner.states);
}

// --- commands

void Story::live() {
  const uint32_t quiet = 10 + roll(70);
  for (uint32_t i = 0; i < quiet; ++i) {
    if (!turn()) return problems_.push_back("seed " + std::to_string(seed_) + ": a command failed on a good disk");
    if (!problems_.empty()) return;
  }
  disk_->cut_after(roll(60));
  while (turn() && problems_.empty()) {
  }
}

// A few commands of each account at once; false: some were not answered with OK.
bool Story::turn() {
  clock_.advance(base::Millis(1500));
  for (Owner& owner : owners_) begin(owner);
  const auto busy = [this] {
    return std::any_of(owners_.begin(), owners_.end(), [](const Owner& owner) {
      return std::any_of(owner.running.begin(), owner.running.end(), [](const auto& r) { return !r->task.done(); });
    });
  };
  while (busy())
    if (!lane_.run_one()) BZ_CHECK(lane_.wait(60'000), "a command does not end");
  bool good = true;
  for (Owner& owner : owners_) good &= settle(owner);
  return good;
}

// Commands that change messages are queued in the order in which they start; one that brings a message is queued when its
// octets are there, so it comes last. Commands on the tree go alone.
void Story::begin(Owner& owner) {
  std::vector<Op> ops;
  Model now = owner.states.back();
  const auto add = [&](Op op) {
    auto states = now.after(op);
    if (!states.empty()) now = states.back();
    owner.states.insert(owner.states.end(), states.begin(), states.end());
    owner.running.push_back(std::make_unique<Running>(Running{std::move(op), owner.states.size()}));
  };
  if (!owner.unanswered.empty()) {
    add(owner.unanswered.back());
    owner.unanswered.pop_back();
  } else if (roll(6) == 0) {
    add(choose(owner, now, true));
  } else {
    for (uint32_t n = 1 + roll(4); n > 0; --n) {
      add(choose(owner, now, false));
      if (comes_in(owner.running.back()->op.kind)) break;
    }
  }
  for (auto& r : owner.running) {
    if (of_tree(r->op.kind) || comes_in(r->op.kind)) continue;
    auto opened = run(owner.account->open(owner.account->find(r->op.box)->id));
    if (opened) owner.open[r->op.box] = *opened;
  }
  for (auto& r : owner.running) {
    auto box = owner.open.find(r->op.box);
    r->task = base::Spawned::run(perform(owner.account, box == owner.open.end() ? nullptr : box->second, r->op, r->result));
  }
}

bool Story::settle(Owner& owner) {
  bool good = true;
  size_t sure = 0;  // states that an OK promised
  for (auto& r : owner.running) {
    good &= r->result->has_value();
    if (*r->result) sure = r->states - 1, ++counts_.acknowledged;
    if (!*r->result && r->op.kind == Op::Kind::Deliver) owner.unanswered.push_back(r->op);
  }
  if (good || sure > 0) owner.states.erase(owner.states.begin(), owner.states.begin() + static_cast<ptrdiff_t>(sure));
  const bool tree =
      std::any_of(owner.running.begin(), owner.running.end(), [](const auto& r) { return of_tree(r->op.kind); });
  owner.running.clear();
  if (tree) owner.open.clear();
  if (good && !owner.account->broken()) look(owner, owner.states);
  return good && !owner.account->broken();
}

void Story::look(Owner& owner, const std::vector<Model>& states) {
  const Model seen = observe(owner);
  if (disk_->is_cut()) return;  // it may not show all
  Verdict verdict = judge(states, seen);
  for (const auto& text : verdict.problems) problem(owner, text);
  for (const auto& text : owner.memory.look(seen)) problem(owner, text);
  if (states.size() > 1) ++(verdict.state > 0 ? counts_.came_through : counts_.undone);
  Model known = states[verdict.state];
  for (auto& [name, box] : known.boxes) {
    auto found = seen.boxes.find(name);
    if (found == seen.boxes.end()) continue;
    box.validity = found->second.validity;
    box.modseq = found->second.modseq;
  }
  owner.states = {std::move(known)};
}

Model Story::observe(Owner& owner) {
  Model seen;
  for (const MailboxInfo& info : owner.account->mailboxes()) {
    ModelBox& box = seen.boxes[info.name];
    box.uid_next = info.uid_next;
    box.validity = info.uid_validity.value();
    box.modseq = info.highest_modseq;
    auto opened = run(owner.account->open(info.id));
    if (!opened) {
      if (!disk_->is_cut()) problem(owner, info.name + ": " + opened.error().to_string());
      continue;
    }
    for (const Entry& entry : (*opened)->entries()) {
      auto [known, fresh] = owner.contents.try_emplace(entry.email, -1);
      if (fresh) {
        auto read = run(owner.account->read(EmailId(entry.email), 0, UINT64_MAX));
        if (read) known->second = content_of(*read);
      }
      const auto names = (*opened)->flag_names(entry.flags);
      box.messages[entry.uid] = {known->second, FlagNames(names.begin(), names.end())};
    }
  }
  return seen;
}

// --- dice

std::string Story::some_box(const Model& now) {
  auto at = now.boxes.begin();
  std::advance(at, roll(static_cast<uint32_t>(now.boxes.size())));
  return roll(2) ? "INBOX" : at->first;
}

UidSet Story::some(const ModelBox& box) {
  UidSet uids;
  for (const auto& [uid, message] : box.messages)
    if (roll(3) == 0) uids.add(uid);
  if (uids.empty()) uids.add(1 + roll(box.uid_next));
  return uids;
}

FlagNames Story::some_flags() {
  static const char* const kNames[] = {"\\Seen", "\\Flagged", "\\Deleted", "\\Deleted", "$Forwarded", "work"};
  FlagNames names = {kNames[roll(6)]};
  if (roll(3) == 0) names.insert(kNames[roll(6)]);
  return names;
}

Op Story::choose(Owner& owner, const Model& now, bool alone) {
  Op op;
  op.box = some_box(now);
  if (alone) {
    static const std::set<std::string> kStay = {"INBOX", "Drafts", "Sent", "Junk", "Trash", "Archive"};
    std::vector<std::string> own;
    for (const auto& [name, box] : now.boxes)
      if (!kStay.contains(name)) own.push_back(name);
    const std::string fresh = "box" + std::to_string(owner.next_content++);
    op = {Op::Kind::Create, fresh, {}, {}, FlagOp::Add, {}, 0, {}};
    if (own.empty() || roll(3) == 0) return op;
    op.box = own[roll(static_cast<uint32_t>(own.size()))];
    op.kind = own.size() > 3 || roll(2) ? Op::Kind::Remove : Op::Kind::Rename;
    op.other = fresh;
    if (op.kind == Op::Kind::Rename && roll(4) == 0) op.box = "INBOX";
    return op;
  }
  switch (roll(10)) {
    case 0:
    case 1:
    case 2:
      op.flags = some_flags();
      op.content = owner.next_content++;
      return op;
    case 3:
    case 4:
      op.kind = Op::Kind::Deliver;
      op.box = "INBOX";
      op.content = kDelivered + owner.next_content++;
      // Now and then the answer to a delivery was lost on its way.
      if (!now.delivered.empty() && roll(4) == 0) op.content = std::stoi(*now.delivered.begin());
      op.queue_id = std::to_string(op.content);
      return op;
    case 5:
    case 6:
      op.kind = Op::Kind::Flags;
      op.how = static_cast<FlagOp>(roll(3));
      op.flags = some_flags();
      break;
    case 7:
      op.kind = Op::Kind::Expunge;
      break;
    default:
      // Not too many: each state is kept whole.
      op.kind = now.boxes.at(op.box).messages.size() > 60 || roll(2) ? Op::Kind::Move : Op::Kind::Copy;
      op.other = some_box(now);
      break;
  }
  op.uids = some(now.boxes.at(op.box));
  return op;
}

// --- tests

uint32_t from_environment(const char* name, uint32_t otherwise) {
  const char* value = getenv(name);
  return value ? static_cast<uint32_t>(strtoul(value, nullptr, 10)) : otherwise;
}

// RocksDB complains at length about a dead disk.
struct StorePowerLoss : testing::Test {
  StorePowerLoss() {
    log::set_sink([](std::string_view) {});
  }
  ~StorePowerLoss() override { log::set_sink(nullptr); }
};

// A few stories at a time, since some only wait for RocksDB.
std::vector<std::string> play_all(uint32_t first, uint32_t count, Story::Counts& counts) {
  std::atomic<uint32_t> next = first;
  std::mutex mutex;
  std::vector<std::string> problems;
  const auto player = [&] {
    for (uint32_t seed = next++; seed < first + count; seed = next++) {
      Story story(seed);
      auto found = story.play();
      std::lock_guard lock(mutex);
      counts += story.counts();
      problems.insert(problems.end(), found.begin(), found.end());
    }
  };
  std::vector<std::future<void>> players;
  for (int i = 0; i < 4; ++i) players.push_back(std::async(std::launch::async, player));
  for (auto& p : players) p.get();
  return problems;
}

std::string lines(const std::vector<std::string>& problems) {
  std::string text;
  for (const auto& problem : problems) text += problem + "\n";
  return text;
}

TEST_F(StorePowerLoss, what_was_acknowledged_is_there_and_nothing_else) {
  const uint32_t count = from_environment("BUZON_CRASH_RUNS", getenv("BUZON_FULL") ? 240 : 24);
  Story::Counts counts;
  EXPECT_EQ(lines(play_all(from_environment("BUZON_CRASH_SEED", 0), count, counts)), "");
  // Too little proves nothing.
  EXPECT_GE(counts.cuts, count * 3);
  EXPECT_GE(counts.acknowledged, count * 200);
  EXPECT_GE(counts.undone, count);
  std::cout << counts.cuts << " cuts, " << counts.acknowledged << " commands acknowledged; of unanswered ones "
            << counts.came_through << " came through, " << counts.undone << " did not\n";
}

// The test of the test: with a disk that says "synced" and is not, acknowledged messages are lost, and it must be said.
TEST_F(StorePowerLoss, a_disk_that_lies_about_its_syncs_is_found_out) {
  int found_out = 0;
  std::string all;
  for (uint32_t seed = 1; seed < 7; ++seed) {
    Story story(seed * 3 + 1);
    story.lying_disk = true;
    const auto problems = story.play();
    found_out += !problems.empty();
    all += lines(problems);
  }
  EXPECT_GE(found_out, 3);
  EXPECT_NE(all.find("lost: "), std::string::npos) << all;
}

// And each kind of wrong by itself.
TEST_F(StorePowerLoss, the_judge_names_each_violation) {
  Model right;
  right.boxes["INBOX"] = {8, {{3, {30, {"\\Seen"}}}, {5, {50, {}}}}, 1000, 70};
  right.boxes["Archive"] = {2, {{1, {10, {}}}}, 1001, 60};
  struct Case {
    const char* says;
    void (*spoil)(Model&);
  };
  static const Case kCases[] = {
      {"lost: INBOX UID 3", [](Model& m) { m.boxes["INBOX"].messages.erase(3); }},
      {"came back: INBOX UID 4", [](Model& m) { m.boxes["INBOX"].messages[4] = {40, {}}; }},
      {"never acknowledged: INBOX UID 8",
       [](Model& m) { m.boxes["INBOX"].messages[m.boxes["INBOX"].uid_next++] = {80, {}}; }},
      {"another message: INBOX UID 5", [](Model& m) { m.boxes["INBOX"].messages[5].content = 51; }},
      {"flags: INBOX UID 3", [](Model& m) { m.boxes["INBOX"].messages[3].flags = {}; }},
      {"UIDNEXT of Archive is wrong", [](Model& m) { m.boxes["Archive"].uid_next = 1; }},
      {"UIDVALIDITY of INBOX changed", [](Model& m) { m.boxes["INBOX"].validity = 1002; }},
      {"HIGHESTMODSEQ of INBOX went back", [](Model& m) { m.boxes["INBOX"].modseq = 69; }},
      {"mailbox lost: Archive", [](Model& m) { m.boxes.erase("Archive"); }},
      {"mailbox came back: Old", [](Model& m) { m.boxes["Old"]; }},
  };
  EXPECT_EQ(lines(judge({right}, right).problems), "");
  for (const Case& c : kCases) {
    Model wrong = right;
    c.spoil(wrong);
    EXPECT_NE(lines(judge({right}, wrong).problems).find(c.says), std::string::npos) << c.says;
    const Verdict under_way = judge({right, wrong}, wrong);
    EXPECT_EQ(under_way.problems.size(), 0u) << "a command under way may have come that far: " << c.says;
    EXPECT_EQ(under_way.state, 1u);
  }
  UidMemory memory;
  EXPECT_EQ(lines(memory.look(right)), "");
  Model later = right;
  later.boxes["INBOX"].messages[5].content = 51;
  EXPECT_EQ(lines(memory.look(later)), "repeated: UID 5 of INBOX\n");
}

}  // namespace
}  // namespace bz::store
