// What every Store must do, run against each backend.
#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <random>
#include <thread>

#include "kv/memory.h"
#include "kv/rocks.h"

namespace bz::kv {
namespace {

struct Backend {
  virtual ~Backend() = default;
  std::unique_ptr<Store> store;
  virtual void reopen() = 0;  // the process ends in order and starts again
};

struct MemoryBackend : Backend {
  explicit MemoryBackend(MemoryStore::Delivery delivery) {
    auto memory = make_memory_store({}, true);
    memory->set_delivery(delivery);
    store = std::move(memory);
  }
  void reopen() override { static_cast<MemoryStore&>(*store).power_cut(SIZE_MAX / 2); }
};

struct RocksBackend : Backend {
  std::string path = testing::TempDir() + "bz_kv_XXXXXX";
  RocksBackend() {
    BZ_CHECK(mkdtemp(path.data()), "mkdtemp");
    reopen();
  }
  ~RocksBackend() override {
    store.reset();
    std::filesystem::remove_all(path);
  }
  void reopen() override {
    store.reset();
    store = open_rocks(path).value();
  }
};

template <class T>
Task<Result<T>> await(Done<T> done) {
  co_return co_await done;
}

struct Named {
  const char* name;
  std::function<std::unique_ptr<Backend>()> make;
};

class Conformance : public testing::TestWithParam<Named> {
 protected:
  static constexpr PartitionId kId{kTestPartition, 7};
  base::ManualExecutor executor;  // outlives the store
  std::unique_ptr<Backend> backend = GetParam().make();
  Store& store() { return *backend->store; }

  template <class T>
  Result<T> wait(Done<T> done) {
    return base::run_on(executor, await(std::move(done)));
  }
  template <class T>
  Errc error(Done<T> done) {
    auto result = wait(std::move(done));
    EXPECT_FALSE(result);
    return result ? Errc::Internal : result.error().code();
  }
  std::unique_ptr<Partition> open(PartitionId id = kId) { return wait(store().open(id, true, executor)).value(); }
  std::optional<Bytes> get(Partition& p, View key) { return wait(p.get(key)).value(); }
  std::vector<Bytes> keys(Partition& p, View begin = "", View end = "") {
    std::vector<Bytes> out;
    const Page page = wait(p.scan(begin, end)).value();
    for (const auto& item : page.items) out.push_back(item.key);
    return out;
  }
  Result<BlobRef> write_blob(Partition& p, View bytes, size_t piece = 100'000) {
    auto writer = p.new_blob();
    for (; !bytes.empty(); bytes.remove_prefix(std::min(piece, bytes.size()))) {
      auto written = wait(writer->write(bytes.substr(0, piece)));
      if (!written) return written.error();
    }
    return wait(writer->finish());
  }
};

using Keys = std::vector<Bytes>;

Bytes random_bytes(size_t size, unsigned letters) {
  std::minstd_rand random(static_cast<unsigned>(size));
  Bytes out(size, 0);
  for (char& c : out) c = static_cast<char>(random() % letters);
  return out;
}

TEST_P(Conformance, ReadsSeeCommitsSubmittedBefore) {
  auto p = open();
  auto first = p->commit(Batch().put("a", "1").put("b", "1"));
  auto second = p->commit(Batch().put("a", "2").del("b").put("c", "1"));
  auto a = p->get("a");
  auto many = p->get_many({"c", "b", "a", "zz"});
  auto page = p->scan("", "");
  EXPECT_EQ(wait(std::move(a)).value(), "2");
  using Values = std::vector<std::optional<Bytes>>;
  EXPECT_EQ(wait(std::move(many)).value(), (Values{"1", std::nullopt, "2", std::nullopt}));
  EXPECT_EQ(wait(std::move(page)).value().items.size(), 2u);
  EXPECT_EQ(wait(std::move(first)).value(), 1u);
  EXPECT_EQ(wait(std::move(second)).value(), 2u);
}

Task<void> note(Done<Seq> done, std::vector<Seq>* order) {
  auto seq = co_await done;
  order->push_back(seq ? *seq : 0);
}

TEST_P(Conformance, PipelinedCommitsAnswerInOrderWithDenseNumbers) {
  auto p = open();
  std::vector<Seq> order, expected;
  std::vector<base::Spawned> running;
  for (Seq i = 1; i <= 100; ++i) {
    running.push_back(base::Spawned::run(
        note(p->commit(Batch().put("k", std::to_string(i)), {}, i % 3 ? Durability::Lazy : Durability::Synced), &order)));
    expected.push_back(i);
  }
  while (order.size() < 100) {
    if (!executor.run_one()) {
      ASSERT_TRUE(executor.wait(60'000));
    }
  }
  EXPECT_EQ(order, expected);
  EXPECT_EQ(get(*p, "k"), "100");
}

TEST_P(Conformance, LaterOperationsOfABatchWin) {
  auto p = open();
  ASSERT_TRUE(wait(p->commit(Batch().put("a", "1").del("a").put("b", "1").put("b", "2").del("c").put("c", "3"))));
  EXPECT_EQ(keys(*p), (Keys{"b", "c"}));
  EXPECT_EQ(get(*p, "b"), "2");
}

TEST_P(Conformance, KeysAndValuesAreAnyBytes) {
  auto p = open();
  const Bytes key("\0\xff\0", 3), low("\0", 1), high(512, '\xff'), value(65536, '\0');
  ASSERT_TRUE(wait(p->commit(Batch().put(key, value).put(low, "").put(high, "h"))));
  EXPECT_EQ(get(*p, key), value);
  EXPECT_EQ(get(*p, low), "");
  EXPECT_EQ(keys(*p), (Keys{low, key, high}));
  ASSERT_TRUE(wait(p->delete_range("", "")));
  EXPECT_EQ(keys(*p), Keys{});
}

TEST_P(Conformance, GuardsSeeCommitsStillUnderWay) {
  auto p = open();
  auto first = p->commit(Batch().put("n", "1"), {{"n", std::nullopt}});
  auto again = p->commit(Batch().put("n", "x"), {{"n", std::nullopt}});
  auto next = p->commit(Batch().put("n", "2"), {{"n", "1"}, {"other", std::nullopt}});
  auto gone = p->delete_range("n", "o");
  auto fresh = p->commit(Batch().put("n", "3"), {{"n", std::nullopt}});
  EXPECT_EQ(wait(std::move(first)).value(), 1u);
  EXPECT_EQ(error(std::move(again)), Errc::Conflict);
  EXPECT_EQ(wait(std::move(next)).value(), 2u);
  EXPECT_TRUE(wait(std::move(gone)));
  EXPECT_EQ(wait(std::move(fresh)).value(), 3u);
  EXPECT_EQ(get(*p, "n"), "3");
}

TEST_P(Conformance, ConflictChangesNothingAndDoesNotPoison) {
  auto p = open();
  auto ref = write_blob(*p, "body").value();
  EXPECT_EQ(error(p->commit(Batch().put("a", "1").link(ref), {{"a", "0"}})), Errc::Conflict);
  EXPECT_EQ(get(*p, "a"), std::nullopt);
  EXPECT_EQ(error(p->read_blob(ref, 0, 9)), Errc::NotFound);
  EXPECT_EQ(wait(p->commit(Batch().put("a", "1").link(ref))).value(), 1u);
  EXPECT_EQ(wait(p->read_blob(ref, 0, 9)).value(), "body");
}

TEST_P(Conformance, SecondOpenFencesTheFirstHandle) {
  auto old = open();
  ASSERT_TRUE(wait(old->commit(Batch().put("a", "old"))));
  auto writer = old->new_blob();
  auto late = old->commit(Batch().put("late", "1"));
  auto fresh = open();
  EXPECT_GT(fresh->epoch(), old->epoch());
  const bool applied = wait(std::move(late)).has_value();  // submitted before: either, but never half
  EXPECT_EQ(get(*fresh, "late").has_value(), applied);
  EXPECT_EQ(error(old->commit(Batch().put("a", "zombie"))), Errc::Cancelled);
  EXPECT_EQ(error(old->get("a")), Errc::Cancelled);
  EXPECT_EQ(error(old->scan("", "")), Errc::Cancelled);
  EXPECT_EQ(error(old->delete_range("", "")), Errc::Cancelled);
  EXPECT_EQ(error(writer->write("x")), Errc::Cancelled);
  EXPECT_EQ(get(*fresh, "a"), "old");
  old.reset();  // does not take the new owner's place
  EXPECT_TRUE(wait(fresh->commit(Batch().put("a", "new"))));
}

TEST_P(Conformance, BlobsComeBackWholeAndInWindows) {
  auto p = open();
  for (size_t size : {size_t{0}, size_t{1}, size_t{5000}, kBlobChunk - 1, kBlobChunk, kBlobChunk + 1, 3 * kBlobChunk + 17,
                      8 * kBlobChunk}) {
    for (unsigned letters : {4u, 256u}) {
      SCOPED_TRACE(std::to_string(size) + " bytes of " + std::to_string(letters) + " letters");
      const Bytes body = random_bytes(size, letters);
      const BlobRef ref = write_blob(*p, body).value();
      EXPECT_EQ(ref.length, size);
      EXPECT_NE(ref.id, 0u);
      ASSERT_TRUE(wait(p->commit(Batch().link(ref))));
      EXPECT_TRUE(wait(p->read_blob(ref, 0, UINT64_MAX)).value() == body);
      for (size_t offset : {size_t{0}, size / 2, kBlobChunk - 3, size}) {
        const Bytes window = wait(p->read_blob(ref, offset, kBlobChunk + 5)).value();
        EXPECT_TRUE(window == (offset > size ? "" : body.substr(offset, kBlobChunk + 5))) << offset;
      }
    }
  }
}

TEST_P(Conformance, BlobIsInvisibleUntilLinkedAndGoneAfterUnlink) {
  auto p = open();
  const BlobRef ref = write_blob(*p, random_bytes(600'000, 256)).value();
  EXPECT_EQ(error(p->read_blob(ref, 0, 1)), Errc::NotFound);
  auto linked = p->commit(Batch().link(ref));
  auto read = p->read_blob(ref, 0, 1);
  EXPECT_EQ(wait(std::move(read)).value().size(), 1u);
  auto unlinked = p->commit(Batch().unlink(ref));
  auto gone = p->read_blob(ref, 0, 1);
  EXPECT_EQ(error(std::move(gone)), Errc::NotFound);
  EXPECT_TRUE(wait(std::move(linked)));
  EXPECT_TRUE(wait(std::move(unlinked)));
}

TEST_P(Conformance, UnlinkedBlobsGoWithTheNextOpen) {
  auto p = open();
  const BlobRef kept = write_blob(*p, "kept").value();
  ASSERT_TRUE(wait(p->commit(Batch().link(kept))));
  const BlobRef lost = write_blob(*p, random_bytes(600'000, 256)).value();
  auto abandoned = p->new_blob();
  ASSERT_TRUE(wait(abandoned->write(random_bytes(600'000, 256))));
  abandoned.reset();
  p = open();
  EXPECT_EQ(error(p->read_blob(lost, 0, 1)), Errc::NotFound);
  EXPECT_EQ(wait(p->read_blob(kept, 0, 9)).value(), "kept");
  const BlobRef later = write_blob(*p, "later").value();
  EXPECT_NE(later.id, lost.id);
}

TEST_P(Conformance, ScanPagesByKeysAndBytesWithinBounds) {
  auto p = open();
  auto below = open({kTestPartition, 6}), above = open({kTestPartition, 8});
  ASSERT_TRUE(wait(below->commit(Batch().put("zzz", "below"))));
  ASSERT_TRUE(wait(above->commit(Batch().put("\x01", "above"))));
  Batch batch;
  for (char c = 'a'; c <= 'j'; ++c) batch.put(Bytes(1, c), Bytes(10, c));
  ASSERT_TRUE(wait(p->commit(std::move(batch))));
  Page page = wait(p->scan("", "", 4)).value();
  ASSERT_EQ(page.items.size(), 4u);
  EXPECT_TRUE(page.more);
  EXPECT_EQ(page.next, "e");
  page = wait(p->scan(page.next, "", 100, 33)).value();  // three of eleven bytes
  ASSERT_EQ(page.items.size(), 3u);
  EXPECT_EQ(page.items[2].value, Bytes(10, 'g'));
  EXPECT_EQ(page.next, "h");
  page = wait(p->scan(page.next, "", 3)).value();
  EXPECT_EQ(page.items.size(), 3u);
  EXPECT_FALSE(page.more);
  EXPECT_EQ(wait(p->scan("a", "", 10, 1)).value().items.size(), 1u);  // always at least one
  EXPECT_EQ(keys(*p, "c", "e"), (Keys{"c", "d"}));
  EXPECT_EQ(keys(*p, "bb", "c"), Keys{});
  EXPECT_EQ(keys(*p, "e", "c"), Keys{});
}

TEST_P(Conformance, DeleteRangeIsBoundedAndIdempotent) {
  auto p = open();
  auto other = open({kTestPartition, 8});
  ASSERT_TRUE(wait(other->commit(Batch().put("b", "1"))));
  ASSERT_TRUE(wait(p->commit(Batch().put("a", "1").put("b", "1").put("c", "1"))));
  auto gone = p->delete_range("b", "c");
  EXPECT_EQ(keys(*p), (Keys{"a", "c"}));
  EXPECT_TRUE(wait(std::move(gone)));
  EXPECT_TRUE(wait(p->delete_range("b", "c")));
  EXPECT_TRUE(wait(p->delete_range("z", "a")));
  EXPECT_TRUE(wait(p->delete_range("", "")));
  EXPECT_EQ(keys(*p), Keys{});
  EXPECT_EQ(keys(*other), Keys{"b"});
  EXPECT_EQ(wait(p->commit(Batch().put("b", "2"))).value(), 2u);  // the numbers go on
  EXPECT_EQ(keys(*p), Keys{"b"});
}

TEST_P(Conformance, ListsAndDestroysPartitions) {
  for (uint64_t id : {1, 2, 300, 70000}) ASSERT_TRUE(wait(open({kTestPartition, id})->commit(Batch().put("k", "v"))));
  open({kQueuePartition, 2});
  using Ids = std::vector<PartitionId>;
  const auto list = [&](uint64_t after, uint32_t max) {
    return wait(store().list(kTestPartition, after, max, executor)).value();
  };
  EXPECT_EQ(list(0, 2), (Ids{{kTestPartition, 1}, {kTestPartition, 2}}));
  EXPECT_EQ(list(2, 9), (Ids{{kTestPartition, 300}, {kTestPartition, 70000}}));
  auto doomed = open({kTestPartition, 2});
  const BlobRef ref = write_blob(*doomed, "body").value();
  ASSERT_TRUE(wait(doomed->commit(Batch().link(ref))));
  for (int i = 0; i < 2; ++i) EXPECT_TRUE(wait(store().destroy({kTestPartition, 2}, executor)));
  EXPECT_EQ(error(doomed->get("k")), Errc::Cancelled);
  EXPECT_EQ(error(store().open({kTestPartition, 2}, false, executor)), Errc::NotFound);
  EXPECT_EQ(list(1, 9), (Ids{{kTestPartition, 300}, {kTestPartition, 70000}}));
  auto fresh = open({kTestPartition, 2});
  EXPECT_EQ(keys(*fresh), Keys{});
  EXPECT_EQ(error(fresh->read_blob(ref, 0, 9)), Errc::NotFound);
}

TEST_P(Conformance, EverythingIsThereAfterARestart) {
  auto p = open();
  const Epoch epoch = p->epoch();
  const Bytes body = random_bytes(700'000, 16);
  const BlobRef ref = write_blob(*p, body).value();
  Bytes encoded;
  ref.encode(encoded);
  ASSERT_TRUE(wait(p->commit(Batch().link(ref).put("ref", encoded))));
  const BlobRef lost = write_blob(*p, body).value();
  p.reset();
  backend->reopen();
  p = wait(store().open(kId, false, executor)).value();
  EXPECT_GT(p->epoch(), epoch);
  EXPECT_EQ(BlobRef::decode(*get(*p, "ref")), ref);
  EXPECT_TRUE(wait(p->read_blob(ref, 0, UINT64_MAX)).value() == body);
  EXPECT_EQ(error(p->read_blob(lost, 0, 1)), Errc::NotFound);
  const BlobRef next = write_blob(*p, "x").value();
  EXPECT_NE(next.id, ref.id);
  EXPECT_NE(next.id, lost.id);
  EXPECT_EQ(wait(p->commit(Batch().link(next))).value(), 2u);
}

TEST_P(Conformance, LimitsAreRefusedAndPoison) {
  const Limits& limits = store().limits();
  const auto refused = [&](Batch batch) {
    auto p = open();
    const Errc code = error(p->commit(std::move(batch)));
    EXPECT_EQ(error(p->commit(Batch().put("a", "1"))), Errc::Cancelled);
    EXPECT_EQ(error(p->delete_range("a", "b")), Errc::Cancelled);
    EXPECT_EQ(keys(*p), Keys{});
    return code;
  };
  EXPECT_EQ(refused(Batch().put("", "1")), Errc::Invalid);
  EXPECT_EQ(refused(Batch().link(BlobRef{})), Errc::Invalid);
  EXPECT_EQ(refused(Batch().put(Bytes(limits.key_bytes + 1, 'k'), "1")), Errc::TooLarge);
  EXPECT_EQ(refused(Batch().put("a", Bytes(limits.value_bytes + 1, 'v'))), Errc::TooLarge);
  Batch many, large;
  for (size_t i = 0; i <= limits.batch_ops; ++i) many.del(std::to_string(i));
  EXPECT_EQ(refused(std::move(many)), Errc::TooLarge);
  for (int i = 0; i < 17; ++i) large.put(std::to_string(i), Bytes(limits.value_bytes, 'v'));
  EXPECT_EQ(refused(std::move(large)), Errc::TooLarge);
}

TEST_P(Conformance, DestroyingAWaitingTaskIsHarmless) {
  auto p = open();
  std::vector<Seq> order;
  {
    auto waiting = base::Spawned::run(note(p->commit(Batch().put("a", "1")), &order));
    auto dropped = p->commit(Batch().put("b", "1"));
    auto read = p->get("b");
    auto writer = p->new_blob();
    auto written = writer->write(random_bytes(2'000'000, 256));
    auto opened = store().open({kTestPartition, 9}, true, executor);
  }
  EXPECT_EQ(get(*p, "b"), "1");
  EXPECT_EQ(wait(p->commit(Batch().put("c", "1"))).value(), 3u);
  executor.run();
  EXPECT_LE(order.size(), 1u);
}

TEST_P(Conformance, ClosingHandleAndStoreFinishesWhatWasSubmitted) {
  auto p = open();
  std::vector<Done<Seq>> commits;
  for (int i = 0; i < 20; ++i) commits.push_back(p->commit(Batch().put(std::to_string(i), "1")));
  auto read = p->get("19");
  p.reset();
  backend->reopen();
  for (auto& commit : commits) EXPECT_TRUE(wait(std::move(commit)));
  EXPECT_EQ(wait(std::move(read)).value(), "1");
  EXPECT_EQ(keys(*open()).size(), 20u);
}

Task<void> check_thread(Partition* p, std::thread::id mine, int* steps) {
  auto writer = p->new_blob();
  auto written = writer->write(random_bytes(3'000'000, 256));
  (void)co_await written;
  *steps += std::this_thread::get_id() == mine;
  auto finished = writer->finish();
  auto ref = co_await finished;
  *steps += std::this_thread::get_id() == mine;
  auto commit = p->commit(Batch().link(*ref));
  (void)co_await commit;
  *steps += std::this_thread::get_id() == mine;
  auto read = p->read_blob(*ref, 0, 1'000'000);
  (void)co_await read;
  *steps += std::this_thread::get_id() == mine;
}

TEST_P(Conformance, CompletionsRunOnTheExecutorsThread) {
  auto p = open();
  int steps = 0;
  std::thread owner([&] { base::run_on(executor, check_thread(p.get(), std::this_thread::get_id(), &steps)); });
  owner.join();
  EXPECT_EQ(steps, 4);
}

INSTANTIATE_TEST_SUITE_P(
    Stores, Conformance,
    testing::Values(Named{"memory", [] { return std::make_unique<MemoryBackend>(MemoryStore::Delivery::Immediate); }},
                    Named{"memory_posted", [] { return std::make_unique<MemoryBackend>(MemoryStore::Delivery::Posted); }},
                    Named{"rocks", [] { return std::make_unique<RocksBackend>(); }}),
    [](const testing::TestParamInfo<Named>& info) { return info.param.name; });

}  // namespace
}  // namespace bz::kv
