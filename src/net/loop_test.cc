#include "net/loop.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <cerrno>
#include <condition_variable>
#include <mutex>
#include <set>
#include <thread>

#include "net/test_util.h"

namespace bz::net {
namespace {
using testing::ElementsAre;

TEST(Loop, RunsPostedFunctionsInOrderAndFromOtherThreads) {
  Loop loop;
  std::vector<int> seen;
  loop.post([&] {
    seen.push_back(1);
    loop.post([&] { seen.push_back(3); });
  });
  loop.post([&] { seen.push_back(2); });
  std::thread other;
  loop.post([&] {
    other = std::thread([&] {
      EXPECT_FALSE(loop.on_thread());
      loop.post([&] {
        EXPECT_TRUE(loop.on_thread());
        seen.push_back(4);
        loop.stop();
      });
    });
  });
  loop.run();
  other.join();
  EXPECT_THAT(seen, ElementsAre(1, 2, 3, 4));
}

TEST(Loop, TimersFireInTheOrderOfTheirDeadlines) {
  Loop loop;
  std::vector<int> seen;
  auto base = Deadline::in(Millis(1)).at();
  std::vector<std::unique_ptr<Loop::Timer>> timers;
  for (int i : {5, 1, 4, 2, 3, 0}) {
    timers.push_back(std::make_unique<Loop::Timer>(loop, [&seen, &loop, i] {
      seen.push_back(i);
      if (i == 5) loop.stop();
    }));
    timers.back()->arm(Deadline(base + Millis(i)));
  }
  timers[3]->cancel();  // number 2
  loop.run();
  EXPECT_THAT(seen, ElementsAre(0, 1, 3, 4, 5));
}

TEST(Loop, ManyTimersAreTakenBackAndMoved) {
  Loop loop;
  int fired = 0;
  std::vector<std::unique_ptr<Loop::Timer>> timers;
  auto now = std::chrono::steady_clock::now();
  for (int i = 0; i < 1000; ++i) {
    timers.push_back(std::make_unique<Loop::Timer>(loop, [&fired] { ++fired; }));
    timers.back()->arm(Deadline(now + Millis(1'000'000 + i * 7919 % 1000)));
  }
  for (int i = 0; i < 1000; i += 2) timers[i]->arm(Deadline(now - Millis(i)));
  for (int i = 0; i < 1000; i += 4) timers[i].reset();
  Loop::Timer end(loop, [&] { loop.stop(); });
  end.arm(Deadline(now + Millis(1)));
  loop.run();
  EXPECT_EQ(fired, 250);
}

TEST(Loop, ATimerMayDestroyItself) {
  Loop loop;
  std::unique_ptr<Loop::Timer> timer;
  timer = std::make_unique<Loop::Timer>(loop, [&] {
    timer.reset();
    loop.stop();
  });
  timer->arm(Deadline::in(Millis(0)));
  loop.run();
  EXPECT_EQ(timer, nullptr);
}

Task<void> wait_for(Loop::Watch& watch, Deadline deadline, std::vector<std::string>& log) {
  auto wait = watch.readable(deadline);
  auto result = co_await std::move(wait);
  log.push_back(result ? "ready" : std::string(base::name(result.error().code())));
}

TEST(Loop, AWaitEndsByReadinessDeadlineOrClose) {
  Loop loop;
  auto [a, b] = test::pair();
  std::vector<std::string> log;
  Loop::Watch watch(loop, a.get());
  test::run(loop, wait_for(watch, Deadline::in(Millis(1)), log));
  ASSERT_EQ(::write(b.get(), "x", 1), 1);
  test::run(loop, wait_for(watch, Deadline::never(), log));
  TaskGroup group(loop);
  group.spawn(wait_for(watch, Deadline::never(), log));
  loop.post([&] { watch.close(); });
  loop.post([&] { loop.post([&] { loop.stop(); }); });
  loop.run();
  test::run(loop, wait_for(watch, Deadline::never(), log));
  EXPECT_THAT(log, ElementsAre("Timeout", "ready", "Closed", "Closed"));
  EXPECT_EQ(group.size(), 0u);
}

// AF_UNIX tells its writer each time that the peer has read: a role that only asks and waits for answers must sleep through
// that.
TEST(Loop, APeerThatReadsDoesNotWakeItsWriter) {
  Loop loop;
  auto [mine, theirs] = test::pair();
  Loop::Watch watch(loop, mine.get());
  int calls = 0;
  watch.on_ready([&](bool, bool) { ++calls; });
  Loop::Timer end(loop, [&] { loop.stop(); });
  const auto turn = [&] {
    end.arm(Deadline::in(Millis(0)));
    loop.run();
  };
  char byte = 'x';
  for (int i = 0; i < 10; ++i) {
    ASSERT_EQ(::write(mine.get(), &byte, 1), 1);
    ASSERT_EQ(::read(theirs.get(), &byte, 1), 1);
    turn();
  }
  EXPECT_EQ(calls, 0);
  ASSERT_EQ(::write(theirs.get(), &byte, 1), 1);
  turn();
  EXPECT_EQ(calls, 1);
}

TEST(Loop, RoomToWriteIsToldAtOnceAndAgain) {
  Loop loop;
  auto [mine, theirs] = test::pair();
  Loop::Watch watch(loop, mine.get());
  int rooms = 0;
  watch.on_ready([&](bool, bool writable) {
    if (writable && ++rooms > 0) loop.stop();
  });
  watch.want_writable();  // there is room: the edge that was there before is told
  loop.run();
  EXPECT_EQ(rooms, 1);
  std::vector<char> much(64 << 10);
  while (::write(mine.get(), much.data(), much.size()) > 0) {
  }
  ASSERT_EQ(errno, EAGAIN);
  loop.post([&, fd = theirs.get()] {
    while (::read(fd, much.data(), much.size()) > 0) {
    }
  });
  loop.run();
  EXPECT_GE(rooms, 2);
}

// Two descriptors become ready in one batch; the first callback destroys the watch of the second and puts a new one into
// its place in the table. The stale event must reach neither.
TEST(Loop, AStaleEventOfTheSameBatchIsDropped) {
  Loop loop;
  auto [a, b] = test::pair();
  auto [c, d] = test::pair();
  std::optional<Loop::Watch> first, second, third;
  first.emplace(loop, a.get());
  second.emplace(loop, c.get());
  int calls = 0, wrong = 0;
  auto [e, f] = test::pair();
  auto kill = [&](std::optional<Loop::Watch>& victim) {
    if (++calls == 1) {
      victim.reset();
      third.emplace(loop, e.get());
      third->on_ready([&](bool readable, bool) { wrong += readable; });
      loop.post([&] { loop.post([&] { loop.stop(); }); });
    }
  };
  first->on_ready([&](bool, bool) { kill(second); });
  second->on_ready([&](bool, bool) { kill(first); });
  ASSERT_EQ(::write(b.get(), "x", 1), 1);
  ASSERT_EQ(::write(d.get(), "x", 1), 1);
  loop.run();
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(wrong, 0);
}

TEST(Loop, DestroyingASuspendedTaskTakesItsWaitBack) {
  Loop loop;
  auto [a, b] = test::pair();
  std::vector<std::string> log;
  Loop::Watch watch(loop, a.get());
  {
    TaskGroup group(loop);
    group.spawn(wait_for(watch, Deadline::in(Millis(1)), log));
    EXPECT_EQ(group.size(), 1u);
  }
  ASSERT_EQ(::write(b.get(), "x", 1), 1);
  Loop::Timer end(loop, [&] { loop.stop(); });
  end.arm(Deadline::in(Millis(2)));
  loop.run();
  EXPECT_TRUE(log.empty());
}

Task<void> nap(Loop& loop, int& done) {
  auto sleep = loop.sleep(Deadline::in(Millis(1)));
  co_await std::move(sleep);
  ++done;
}

TEST(TaskGroup, ReclaimsFinishedTasksAndDestroysTheRest) {
  Loop loop;
  int done = 0;
  TaskGroup group(loop);
  for (int i = 0; i < 10; ++i) group.spawn(nap(loop, done));
  EXPECT_EQ(group.size(), 10u);
  Loop::Timer end(loop, [&] { loop.stop(); });
  end.arm(Deadline::in(Millis(3)));
  loop.run();
  EXPECT_EQ(done, 10);
  EXPECT_EQ(group.size(), 0u);
  group.spawn(nap(loop, done));
  group.cancel();
  EXPECT_EQ(group.size(), 0u);
}

Task<void> ask(Loop& loop, BlockingPool& pool, std::vector<std::string>& log) {
  auto good = pool.run<int>(loop, [] { return Result<int>(7); });
  auto a = co_await good;
  EXPECT_TRUE(loop.on_thread());
  log.push_back(std::to_string(*a));
  auto bad = pool.run<int>(loop, [] { return Result<int>(fail(Errc::NotFound)); });
  auto b = co_await bad;
  log.push_back(std::string(base::name(b.error().code())));
}

TEST(BlockingPool, AnswersOnTheLoopAndRefusesBeyondItsQueue) {
  Loop loop;
  BlockingPool pool(2, 8);
  std::vector<std::string> log;
  test::run(loop, ask(loop, pool, log));
  EXPECT_THAT(log, ElementsAre("7", "NotFound"));
  BlockingPool narrow(1, 0);
  auto refused = narrow.run<int>(loop, [] { return Result<int>(1); });
  ASSERT_TRUE(refused.ready());
  EXPECT_EQ(refused.await_resume().error().code(), Errc::Limit);
}

Task<void> wait_for_all(std::vector<base::Completion<int>>& all) {
  for (auto& one : all) {
    auto done = co_await one;
    EXPECT_TRUE(done.has_value());
  }
}

// Each piece of work waits until `together` of them are at work: only as many threads can end it.
Task<void> work_together(Loop& loop, BlockingPool& pool, int together, std::set<std::thread::id>& threads) {
  std::mutex mutex;
  std::condition_variable arrived;
  int at_work = 0;
  std::vector<base::Completion<int>> all;
  for (int i = 0; i < together; ++i) {
    all.push_back(pool.run<int>(loop, [&]() -> Result<int> {
      std::unique_lock lock(mutex);
      threads.insert(std::this_thread::get_id());
      ++at_work;
      arrived.notify_all();
      arrived.wait(lock, [&] { return at_work >= together; });
      return 1;
    }));
  }
  auto waiting = wait_for_all(all);
  co_await std::move(waiting);
}

TEST(BlockingPool, GrowsAndShrinksWhileItWorks) {
  Loop loop;
  BlockingPool pool(1, 100);
  std::set<std::thread::id> threads;
  for (unsigned size : {1u, 5u, 2u, 8u, 1u, 0u, 3u}) {
    pool.resize(size);
    threads.clear();
    test::run(loop, work_together(loop, pool, static_cast<int>(std::max(size, 1u)), threads));
    EXPECT_EQ(threads.size(), std::max(size, 1u)) << size;
  }
  // Shrunk, it has no more threads than it was told: two that would meet never do, one after the other they run.
  pool.resize(1);
  std::atomic<int> at_work{0}, most{0};
  std::vector<base::Completion<int>> all;
  for (int i = 0; i < 20; ++i) {
    all.push_back(pool.run<int>(loop, [&]() -> Result<int> {
      most = std::max(most.load(), ++at_work);
      std::this_thread::yield();
      --at_work;
      return 1;
    }));
  }
  test::run(loop, wait_for_all(all));
  EXPECT_EQ(most.load(), 1);
}
}  // namespace
}  // namespace bz::net
