#include "kv/rocks.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "kv/crc32c.h"
#include "kv/rocks_database.h"

namespace bz::kv {
namespace {

namespace fs = std::filesystem;
constexpr PartitionId kId{kTestPartition, 7};

template <class T>
Task<Result<T>> await(Done<T> done) {
  co_return co_await done;
}

struct RocksTest : testing::Test {
  base::ManualExecutor executor;
  std::string root = testing::TempDir() + "bz_rocks_XXXXXX", path;
  std::unique_ptr<RocksStore> store;
  RocksTest() {
    BZ_CHECK(mkdtemp(root.data()), "mkdtemp");
    path = root + "/db";
    store = open_rocks(path).value();
  }
  ~RocksTest() override {
    store.reset();
    fs::remove_all(root);
  }
  template <class T>
  Result<T> wait(Done<T> done) {
    return base::run_on(executor, await(std::move(done)));
  }
  std::unique_ptr<Partition> open(Store& from) { return wait(from.open(kId, true, executor)).value(); }
  BlobRef blob(Partition& p, size_t size, unsigned seed) {
    Bytes body(size, 0);
    for (char& c : body) c = static_cast<char>((seed = seed * 1664525 + 1013904223) >> 24);
    auto writer = p.new_blob();
    EXPECT_TRUE(wait(writer->write(body)));
    return wait(writer->finish()).value();
  }
  uint64_t bytes_of(const std::string& extension) {
    uint64_t sum = 0;
    for (const auto& entry : fs::directory_iterator(path)) {
      if (entry.path().extension() == extension) sum += entry.file_size();
    }
    return sum;
  }
};

TEST_F(RocksTest, SecondProcessIsToldThatItIsOpen) {
  auto second = open_rocks(path);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code(), Errc::Unavailable);
  EXPECT_NE(second.error().text().find("already open"), std::string::npos) << second.error().text();
}

TEST_F(RocksTest, MissingDatabaseIsNotFoundUnlessCreated) {
  auto missing = open_rocks(root + "/none", {.create = false});
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code(), Errc::NotFound) << missing.error().text();
}

TEST_F(RocksTest, ADatabaseWithoutCurrentIsNotBegunAnew) {
  ASSERT_TRUE(wait(open(*store)->commit(Batch().put("kept", "1"))));
  store.reset();
  fs::rename(path + "/CURRENT", root + "/CURRENT");
  auto headless = open_rocks(path);
  ASSERT_FALSE(headless);
  EXPECT_EQ(headless.error().code(), Errc::Corrupt);
  EXPECT_NE(headless.error().text().find("CURRENT is missing"), std::string::npos) << headless.error().text();
  fs::rename(root + "/CURRENT", path + "/CURRENT");
  store = open_rocks(path).value();
  EXPECT_EQ(wait(open(*store)->get("kept")).value(), "1");
}

TEST_F(RocksTest, ATornLogIsCorruptOnlyWhenAsked) {
  ASSERT_TRUE(wait(open(*store)->commit(Batch().put("kept", Bytes(5000, 'x')))));
  store.reset();
  for (const auto& entry : fs::directory_iterator(path)) {
    if (entry.path().extension() == ".log" && entry.file_size() > 5000)
      fs::resize_file(entry.path(), entry.file_size() - 3);
  }
  RocksConfig strict;
  strict.strict_log = true;
  auto torn = open_rocks(path, strict);
  ASSERT_FALSE(torn);
  EXPECT_EQ(torn.error().code(), Errc::Corrupt);
  EXPECT_NE(torn.error().text().find("write-ahead log"), std::string::npos) << torn.error().text();
  store = open_rocks(path).value();
  EXPECT_FALSE(wait(open(*store)->get("kept")).value());
}

TEST_F(RocksTest, GenerationGrowsWithEveryStart) {
  EXPECT_EQ(store->generation(), 1u);
  store.reset();
  store = open_rocks(path, {.create = false}).value();
  EXPECT_EQ(store->generation(), 2u);
}

TEST_F(RocksTest, SmallBlobsInMemoryAreReadAtOnceAndOthersByThePool) {
  auto p = open(*store);
  const BlobRef small = blob(*p, 10'000, 1), large = blob(*p, 100'000, 2);
  ASSERT_TRUE(wait(p->commit(Batch().link(small).link(large))));
  auto at_once = p->read_blob(small, 5000, 100'000);
  EXPECT_TRUE(at_once.await_ready());
  EXPECT_EQ(wait(std::move(at_once)).value().size(), 5000u);
  auto later = p->read_blob(large, 0, UINT64_MAX);
  EXPECT_FALSE(later.await_ready());
  EXPECT_EQ(wait(std::move(later)).value().size(), 100'000u);
  // From the disk, where a value of 4 KiB and more lies in a file of its own that no cache knows.
  p.reset();
  store.reset();
  store = open_rocks(path).value();
  p = open(*store);
  auto from_disk = p->read_blob(small, 0, UINT64_MAX);
  EXPECT_FALSE(from_disk.await_ready());
  EXPECT_EQ(wait(std::move(from_disk)).value().size(), 10'000u);
}

TEST_F(RocksTest, CheckpointIsACopyOfThatMoment) {
  auto p = open(*store);
  const BlobRef ref = blob(*p, 1'000'000, 1);
  ASSERT_TRUE(wait(p->commit(Batch().link(ref).put("a", "1"))));
  ASSERT_TRUE(store->checkpoint(root + "/copy"));
  ASSERT_TRUE(wait(p->commit(Batch().put("a", "2").unlink(ref))));
  auto copy = open_rocks(root + "/copy").value();
  EXPECT_TRUE(copy->verify());
  auto q = open(*copy);
  EXPECT_EQ(wait(q->get("a")).value(), "1");
  EXPECT_EQ(wait(q->read_blob(ref, 0, UINT64_MAX)).value().size(), 1'000'000u);
  q.reset();
  EXPECT_FALSE(store->checkpoint(root + "/copy"));
}

TEST_F(RocksTest, VerifyAndReadsFindAFlippedByte) {
  auto p = open(*store);
  const BlobRef ref = blob(*p, 200'000, 1);
  ASSERT_TRUE(wait(p->commit(Batch().link(ref))));
  ASSERT_TRUE(store->checkpoint(root + "/copy"));  // flushes
  EXPECT_TRUE(store->verify());
  p.reset();
  store.reset();
  for (const auto& entry : fs::directory_iterator(path)) {
    if (entry.path().extension() != ".blob") continue;
    std::fstream file(entry.path(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(100'000);
    const char byte = static_cast<char>(file.get());
    file.seekp(100'000);
    file.put(static_cast<char>(byte ^ 1));
  }
  store = open_rocks(path).value();
  EXPECT_EQ(store->verify().error().code(), Errc::Corrupt);
  p = open(*store);
  EXPECT_EQ(wait(p->read_blob(ref, 0, 100)).error().code(), Errc::Corrupt);
}

TEST_F(RocksTest, MaintainGivesTheSpaceOfUnlinkedBlobsBack) {
  auto p = open(*store);
  std::vector<BlobRef> refs;
  for (unsigned i = 0; i < 12; ++i) {
    refs.push_back(blob(*p, 500'000, i));
    ASSERT_TRUE(wait(p->commit(Batch().link(refs.back()))));
  }
  ASSERT_TRUE(store->maintain());
  EXPECT_GT(bytes_of(".blob"), 6'000'000u);
  for (unsigned i = 0; i < 12; ++i) {
    if (i % 3 == 0) continue;
    ASSERT_TRUE(wait(p->commit(Batch().unlink(refs[i]))));
  }
  ASSERT_TRUE(store->maintain());
  EXPECT_LT(bytes_of(".blob"), 2'500'000u);
  EXPECT_EQ(wait(p->read_blob(refs[3], 0, UINT64_MAX)).value().size(), 500'000u);
}

TEST_F(RocksTest, MaintainEndsWhenItIsInterrupted) {
  auto p = open(*store);
  const BlobRef ref = blob(*p, 500'000, 1);
  ASSERT_TRUE(wait(p->commit(Batch().link(ref))));
  store->interrupt();
  EXPECT_EQ(store->maintain().error().code(), Errc::Cancelled);
  EXPECT_EQ(wait(p->read_blob(ref, 0, UINT64_MAX)).value().size(), 500'000u);
  EXPECT_TRUE(store->verify());
}

// RocksDB quietly turns options off that it thinks do not go together.
TEST_F(RocksTest, RecoveryStopsAtTheFirstGapOfTheLog) {
  store.reset();
  const auto base = open_database(path, {}).value();
  const auto options = base->db->GetDBOptions();
  EXPECT_TRUE(options.wal_recovery_mode == rocksdb::WALRecoveryMode::kPointInTimeRecovery);
  EXPECT_TRUE(options.paranoid_checks);
}

TEST(Crc32c, HardwareIsUsedWhereThereIsAny) {
#if defined(__x86_64__)
  EXPECT_EQ(select_crc32c(), static_cast<bool>(__builtin_cpu_supports("sse4.2")));
#else
  EXPECT_FALSE(select_crc32c());
#endif
}

}  // namespace
}  // namespace bz::kv
