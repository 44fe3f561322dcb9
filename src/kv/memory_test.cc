#include "kv/memory.h"

#include <gtest/gtest.h>

namespace bz::kv {
namespace {

constexpr PartitionId kId{kTestPartition, 7};

template <class T>
Task<Result<T>> await(Done<T> done) {
  co_return co_await done;
}
template <class T>
Result<T> now(Done<T> done) {
  return base::run_now(await(std::move(done)));
}

struct MemoryFaults : testing::Test {
  base::ManualExecutor executor;
  std::unique_ptr<MemoryStore> store = make_memory_store({}, true);
  std::unique_ptr<Partition> open() { return now(store->open(kId, true, executor)).value(); }
};

TEST_F(MemoryFaults, FailedCommitPoisonsTheHandle) {
  auto p = open();
  store->fail_commit(2, Errc::OverQuota);
  EXPECT_EQ(now(p->commit(Batch().put("a", "1"))).value(), 1u);
  EXPECT_EQ(now(p->commit(Batch().put("b", "1"))).error().code(), Errc::OverQuota);
  EXPECT_EQ(now(p->commit(Batch().put("c", "1"))).error().code(), Errc::Cancelled);
  p = open();
  EXPECT_FALSE(now(p->get("b")).value());
  EXPECT_FALSE(now(p->get("c")).value());
  EXPECT_EQ(now(p->commit(Batch().put("c", "1"))).value(), 2u);
}

TEST_F(MemoryFaults, HeldCommitsAreVisibleButAnswerOnlyWhenReleased) {
  auto p = open();
  store->set_delivery(MemoryStore::Delivery::Held);
  auto first = p->commit(Batch().put("a", "1"));
  auto second = p->commit(Batch().put("b", "1"));
  executor.run();
  EXPECT_FALSE(first.ready());
  EXPECT_EQ(store->held(), 2u);
  auto got = p->get("a");
  executor.run();
  EXPECT_EQ(got.await_resume().value(), "1");
  EXPECT_EQ(store->release(1), 1u);
  EXPECT_FALSE(first.ready());  // posted, not called inside release()
  executor.run();
  EXPECT_TRUE(first.ready());
  EXPECT_FALSE(second.ready());
  store->release();
  executor.run();
  EXPECT_EQ(second.await_resume().value(), 2u);
}

TEST_F(MemoryFaults, PowerCutKeepsWhatWasSyncedAndAPrefixOfTheRest) {
  auto p = open();
  ASSERT_TRUE(now(p->commit(Batch().put("a", "1"))));
  ASSERT_TRUE(now(p->commit(Batch().put("lazy", "1"), {}, Durability::Lazy)));
  store->set_delivery(MemoryStore::Delivery::Held);
  auto lost = p->commit(Batch().put("b", "1"));
  EXPECT_EQ(store->not_durable(), 2u);
  store->power_cut(1);
  executor.run();
  EXPECT_EQ(lost.await_resume().error().code(), Errc::Cancelled);
  store->set_delivery(MemoryStore::Delivery::Immediate);
  EXPECT_EQ(now(p->get("a")).error().code(), Errc::Cancelled);
  p = open();
  EXPECT_EQ(now(p->get("a")).value(), "1");
  EXPECT_EQ(now(p->get("lazy")).value(), "1");
  EXPECT_FALSE(now(p->get("b")).value());
}

TEST_F(MemoryFaults, SyncedCommitMakesEarlierLazyOnesDurable) {
  auto p = open();
  ASSERT_TRUE(now(p->commit(Batch().put("lazy", "1"), {}, Durability::Lazy)));
  ASSERT_TRUE(now(p->commit(Batch().put("a", "1"))));
  ASSERT_TRUE(now(p->commit(Batch().put("late", "1"), {}, Durability::Lazy)));
  store->power_cut();
  p = open();
  EXPECT_TRUE(now(p->get("lazy")).value());
  EXPECT_TRUE(now(p->get("a")).value());
  EXPECT_FALSE(now(p->get("late")).value());
}

}  // namespace
}  // namespace bz::kv
