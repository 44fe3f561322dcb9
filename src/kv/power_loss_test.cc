// Random work on the RocksDB store, power cut at a random moment, power back, and the question: is exactly a prefix of each
// partition's commits there, with all that were acknowledged as Synced? BUZON_CRASH_RUNS sets how many runs (default 2,
// three cuts each; RocksDB rests a second after most cuts), BUZON_CRASH_SEED the first seed.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <deque>
#include <map>
#include <random>

#include "base/log.h"
#include "kv/rocks.h"
#include "kv/testing/power_loss_fs.h"

namespace bz::kv {
namespace {

constexpr uint64_t kPartitions = 3;
constexpr size_t kPipelined = 6;

Bytes letters(uint64_t seed, size_t size) {
  std::minstd_rand random(static_cast<unsigned>(seed) + 1);
  Bytes out(size, 0);
  for (char& c : out) c = static_cast<char>('a' + random() % 17);
  return out;
}

template <class T>
Task<Result<T>> await(Done<T> done) {
  co_return co_await done;
}

// What a partition looks like after each of its commits.
struct Model {
  struct State {
    std::map<Bytes, Bytes> keys;
    std::vector<BlobRef> refs;
  };
  std::vector<State> after{State{}};
  Seq synced = 0;  // acknowledged
};

class CrashRun {
 public:
  explicit CrashRun(uint32_t seed) : random_(seed + 1), models_(kPartitions) {}
  void play() {
    for (int round = 0; round < 3; ++round) {
      disk_->cut_after(random_() % (round == 0 ? 1500 : 700));
      work();
      parts_.clear();
      store_.reset();
      disk_ = disk_->survivors(random_());
      recover(round);
      if (testing::Test::HasFatalFailure()) return;
    }
  }

 private:
  struct Flight {
    uint64_t partition;
    Durability durability;
    Done<Seq> done;
  };
  template <class T>
  Result<T> wait(Done<T> done) {
    return base::run_on(executor_, await(std::move(done)));
  }
  Result<void> open();
  void work();
  bool start_commit(uint64_t partition);
  bool land(Flight flight);
  void recover(int round);
  void compare(Partition& p, const Model::State& state);

  std::minstd_rand random_;
  base::ManualExecutor executor_;
  std::unique_ptr<PowerLossDisk> disk_ = PowerLossDisk::make();
  std::unique_ptr<RocksStore> store_;
  std::vector<std::unique_ptr<Partition>> parts_;
  std::vector<Model> models_;
  std::deque<Flight> flights_;
};

// Small buffers, so that flushes, compactions and changes of the log happen all the time.
Result<void> CrashRun::open() {
  RocksConfig config;
  config.file_system = disk_->file_system();
  config.write_buffer_bytes = 256 << 10;
  BZ_TRY(store_, open_rocks("/db", config));
  for (uint64_t i = 0; i < kPartitions; ++i) {
    BZ_TRY(auto part, wait(store_->open({kTestPartition, i + 1}, true, executor_)));
    parts_.push_back(std::move(part));
  }
  return {};
}

void CrashRun::work() {
  if (!open()) return;
  for (bool alive = true; alive;) {
    alive = start_commit(random_() % kPartitions);
    while (alive && flights_.size() > random_() % kPipelined) {
      Flight first = std::move(flights_.front());
      flights_.pop_front();
      alive = land(std::move(first));
    }
  }
  while (!flights_.empty()) {  // some may have made it before the cut
    Flight first = std::move(flights_.front());
    flights_.pop_front();
    land(std::move(first));
  }
}

bool CrashRun::start_commit(uint64_t partition) {
  Model& model = models_[partition];
  Model::State next = model.after.back();
  const Seq seq = model.after.size();
  Batch batch;
  const auto put = [&](const Bytes& key, const Bytes& value) {
    batch.put(key, value);
    next.keys[key] = value;
  };
  put("n", std::to_string(seq));
  put("k" + std::to_string(random_() % 40), letters(seq, random_() % 3000));
  const Bytes gone = "k" + std::to_string(random_() % 40);
  batch.del(gone);
  next.keys.erase(gone);
  if (random_() % 3 == 0) {
    const size_t size = random_() % 8 == 0 ? random_() % 900'000 : random_() % 40'000;
    auto writer = parts_[partition]->new_blob();
    if (!wait(writer->write(letters(size, size)))) return false;
    auto ref = wait(writer->finish());
    if (!ref) return false;
    batch.link(*ref);
    next.refs.push_back(*ref);
    if (random_() % 2 == 0) {
      const size_t victim = random_() % next.refs.size();
      batch.unlink(next.refs[victim]);
      next.refs.erase(next.refs.begin() + static_cast<ptrdiff_t>(victim));
    }
  }
  const auto durability = random_() % 4 == 0 ? Durability::Lazy : Durability::Synced;
  std::vector<Guard> guards;
  if (seq > 1) guards.push_back({"n", std::to_string(seq - 1)});
  model.after.push_back(std::move(next));
  flights_.push_back({partition, durability, parts_[partition]->commit(std::move(batch), std::move(guards), durability)});
  return true;
}

bool CrashRun::land(Flight flight) {
  auto seq = wait(std::move(flight.done));
  if (!seq) {
    EXPECT_TRUE(disk_->is_cut()) << seq.error().to_string();
    return false;
  }
  Model& model = models_[flight.partition];
  EXPECT_LT(*seq, model.after.size());
  if (flight.durability == Durability::Synced) model.synced = std::max(model.synced, *seq);
  return true;
}

void CrashRun::recover(int round) {
  auto opened = open();
  ASSERT_TRUE(opened) << opened.error().to_string();
  for (uint64_t i = 0; i < kPartitions; ++i) {
    SCOPED_TRACE("round " + std::to_string(round) + " partition " + std::to_string(i));
    Model& model = models_[i];
    const auto n = wait(parts_[i]->get("n")).value();
    const Seq seq = n ? std::stoull(*n) : 0;
    ASSERT_GE(seq, model.synced) << "an acknowledged commit is lost";
    ASSERT_LT(seq, model.after.size());
    model.after.resize(seq + 1);
    compare(*parts_[i], model.after[seq]);
    if (testing::Test::HasFatalFailure()) return;
    ASSERT_EQ(wait(parts_[i]->commit(Batch().put("n", std::to_string(seq + 1)))).value(), seq + 1);
    model.after.push_back(model.after.back());
    model.after.back().keys["n"] = std::to_string(seq + 1);
    model.synced = seq + 1;
  }
  ASSERT_TRUE(store_->verify());
  parts_.clear();
  store_.reset();
}

void CrashRun::compare(Partition& p, const Model::State& state) {
  const Page page = wait(p.scan("", "")).value();
  std::map<Bytes, Bytes> keys;
  for (const KeyValue& item : page.items) keys[item.key] = item.value;
  ASSERT_TRUE(keys == state.keys) << "half a commit, or a commit out of order";
  for (const BlobRef& ref : state.refs) {
    auto body = wait(p.read_blob(ref, 0, UINT64_MAX));
    ASSERT_TRUE(body) << "a linked blob is lost: " << body.error().to_string();
    ASSERT_TRUE(*body == letters(ref.length, ref.length));
  }
}

uint32_t from_environment(const char* name, uint32_t otherwise) {
  const char* value = getenv(name);
  return value ? static_cast<uint32_t>(strtoul(value, nullptr, 10)) : otherwise;
}

// RocksDB complains at length about a dead disk.
struct PowerLoss : testing::Test {
  PowerLoss() {
    log::set_sink([](std::string_view) {});
  }
  ~PowerLoss() override { log::set_sink(nullptr); }
};

TEST_F(PowerLoss, LeavesAPrefixWithEveryAcknowledgedCommit) {
  const uint32_t first = from_environment("BUZON_CRASH_SEED", 0), count = from_environment("BUZON_CRASH_RUNS", 2);
  for (uint32_t seed = first; seed < first + count; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    CrashRun(seed).play();
    ASSERT_FALSE(testing::Test::HasFailure());
  }
}

// A log that ends between two records looks whole to the recovery, which goes on with the next log.
TEST_F(PowerLoss, LazyCommitsInTwoLogsSurviveAsAPrefix) {
  base::ManualExecutor executor;
  for (uint32_t seed = 0; seed < 40; ++seed) {
    auto disk = PowerLossDisk::make();
    const auto open = [&] {
      RocksConfig config;
      config.file_system = disk->file_system();
      config.write_buffer_bytes = 256 << 10;
      return open_rocks("/db", config).value();
    };
    auto store = open();
    auto p = base::run_on(executor, await(store->open({kTestPartition, 1}, true, executor))).value();
    const uint32_t commits = 8 + seed % 20;
    for (uint32_t n = 1; n <= commits; ++n) {
      Batch batch;
      batch.put("n", std::to_string(n)).put("k" + std::to_string(n), letters(n, 10'000));
      ASSERT_TRUE(base::run_on(executor, await(p->commit(std::move(batch), {}, Durability::Lazy))));
    }
    disk->cut_after(0);
    p.reset();
    store.reset();
    disk = disk->survivors(seed);
    store = open();
    p = base::run_on(executor, await(store->open({kTestPartition, 1}, true, executor))).value();
    const auto last = base::run_on(executor, await(p->get("n"))).value();
    for (uint32_t n = 1; last && n <= std::stoul(*last); ++n)
      ASSERT_TRUE(base::run_on(executor, await(p->get("k" + std::to_string(n)))).value())
          << "seed " << seed << ": commit " << n << " is gone, " << *last << " is there";
  }
}

// The test of the test: a store that does not sync must be caught.
TEST_F(PowerLoss, WhatWasNotSyncedCanBeLost) {
  base::ManualExecutor executor;
  int lost = 0;
  for (uint32_t seed = 0; seed < 10; ++seed) {
    auto disk = PowerLossDisk::make();
    const auto open = [&] {
      RocksConfig config;
      config.file_system = disk->file_system();
      return open_rocks("/db", config).value();
    };
    auto store = open();
    auto p = base::run_on(executor, await(store->open({kTestPartition, 1}, true, executor))).value();
    ASSERT_TRUE(base::run_on(executor, await(p->commit(Batch().put("synced", "1")))));
    ASSERT_TRUE(base::run_on(executor, await(p->commit(Batch().put("lazy", "1"), {}, Durability::Lazy))));
    disk->cut_after(0);
    p.reset();
    store.reset();
    disk = disk->survivors(seed);
    store = open();
    p = base::run_on(executor, await(store->open({kTestPartition, 1}, false, executor))).value();
    EXPECT_TRUE(base::run_on(executor, await(p->get("synced"))).value());
    lost += !base::run_on(executor, await(p->get("lazy"))).value();
  }
  EXPECT_GT(lost, 0);
}

struct DiskFaults : PowerLoss {
  base::ManualExecutor executor;
  std::unique_ptr<PowerLossDisk> disk = PowerLossDisk::make();
  std::unique_ptr<RocksStore> store;
  std::atomic<int> fatal = 0;
  DiskFaults() { start(); }
  void start() {
    RocksConfig config;
    config.file_system = disk->file_system();
    config.on_fatal = [this](const Error&) { ++fatal; };
    store.reset();
    store = open_rocks("/db", config).value();
  }
  template <class T>
  Result<T> wait(Done<T> done) {
    return base::run_on(executor, await(std::move(done)));
  }
  std::unique_ptr<Partition> open() {
    auto opened = wait(store->open({kTestPartition, 1}, true, executor));
    BZ_CHECK(opened, opened.error().text().c_str());
    return std::move(opened).value();
  }
};

TEST_F(DiskFaults, FullDiskPoisonsAndIsOverWhenThereIsSpaceAgain) {
  auto p = open();
  ASSERT_TRUE(wait(p->commit(Batch().put("a", "1"))));
  disk->set_full(true);
  auto first = p->commit(Batch().put("b", "1"));
  auto second = p->commit(Batch().put("c", "1"));
  EXPECT_EQ(wait(std::move(first)).error().code(), Errc::OverQuota);
  auto later = wait(std::move(second));  // of the same group, or after it
  EXPECT_TRUE(later.error().code() == Errc::OverQuota || later.error().code() == Errc::Cancelled);
  EXPECT_EQ(wait(p->commit(Batch().put("d", "1"))).error().code(), Errc::Cancelled);
  EXPECT_EQ(wait(p->get("a")).value(), "1");  // reading goes on
  EXPECT_FALSE(wait(store->open({kTestPartition, 1}, true, executor)));
  disk->set_full(false);
  p = open();
  EXPECT_EQ(wait(p->get("a")).value(), "1");
  EXPECT_FALSE(wait(p->get("d")).value());
  EXPECT_TRUE(wait(p->commit(Batch().put("e", "1"))));
}

TEST_F(DiskFaults, AfterAFailedSyncOnlyARestartHelps) {
  auto p = open();
  disk->set_sync_fails(true);
  EXPECT_EQ(wait(p->commit(Batch().put("a", "1"))).error().code(), Errc::Unavailable);
  EXPECT_EQ(wait(p->commit(Batch().put("b", "1"))).error().code(), Errc::Cancelled);
  disk->set_sync_fails(false);
  EXPECT_EQ(wait(store->open({kTestPartition, 1}, true, executor)).error().code(), Errc::Unavailable);
  EXPECT_EQ(fatal, 1);
  p.reset();
  start();
  p = open();
  EXPECT_FALSE(wait(p->get("b")).value());
  EXPECT_TRUE(wait(p->commit(Batch().put("c", "1"))));
}

}  // namespace
}  // namespace bz::kv
