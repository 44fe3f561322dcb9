// The event loop: epoll, timers and posted functions of ONE thread. Everything of net that touches a Loop lives on its
// thread, except post() and stop(). Nothing called from the loop may block; blocking work goes to net::BlockingPool.
#pragma once
#include <coroutine>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>

#include "base/env.h"
#include "base/result.h"
#include "base/task.h"

namespace bz::net {

using base::Millis;
using base::MonoTime;

// The only home of time-outs: a point in time until which a wait may last. Deadline::never() for waits that another event
// ends.
class Deadline {
 public:
  explicit Deadline(MonoTime at) : at_(at) {}
  static Deadline in(Millis span) { return Deadline(std::chrono::steady_clock::now() + span); }
  static Deadline never() { return Deadline(MonoTime::max()); }
  MonoTime at() const { return at_; }

 private:
  MonoTime at_;
};

class Loop : public base::Executor {
 public:
  struct Impl;
  Loop();
  ~Loop() override;
  Loop(const Loop&) = delete;

  void run();                                          // until stop()
  void stop();                                         // thread-safe
  void post(std::function<void()> function) override;  // thread-safe
  bool on_thread() const;                              // the thread of run(); before it, the one that made the loop
  // 64 KiB for one read or one write that starts and ends without waiting: idle connections need no buffer of their own.
  std::span<char> scratch();
  uint64_t turn() const;  // counts the rounds of run(): a stream that never waits yields by it

  // Resumes at `deadline`; destroying the task takes the timer back.
  Task<void> sleep(Deadline deadline);
  Impl& impl() { return *impl_; }  // for the files of this room
  // Readiness of a non-blocking descriptor. Errors: Timeout, Closed (the Watch was closed meanwhile).
  // One waiter per direction at a time. Edge-triggered: a wait ends with the first edge since the last wait, so try the
  // operation first and wait only after EAGAIN.
  class Watch {
   public:
    // What epoll is asked for. Who writes to a local socket would be woken by each read of the peer: room to write is asked
    // for from the first wait for it on, unless it is what is waited for at once (connect).
    enum class Interest : uint8_t { Read, Both };
    Watch(Loop& loop, int fd, Interest first = Interest::Read);  // registers edge-triggered; does not own fd
    ~Watch();                                                    // deregisters: destroy it BEFORE closing fd
    Watch(const Watch&) = delete;
    Task<Result<void>> readable(Deadline deadline);
    Task<Result<void>> writable(Deadline deadline);
    // The callback form, for splices: called on the loop whenever the descriptor may have become ready.
    void on_ready(std::function<void(bool readable, bool writable)> callback);
    // After EAGAIN of a write, for the callback form: `writable` is told from now on, at once if there is room already.
    void want_writable();
    void close();  // waiters get Closed

    // What readable() and writable() await, without a coroutine of its own. Name it, then co_await it.
    enum class Direction : uint8_t { Read, Write };
    class Ready;
    struct Impl;

   private:
    friend class Loop;
    std::unique_ptr<Impl> impl_;
  };
  // A timer with a callback, for code that is not a coroutine.
  class Timer {
   public:
    Timer(Loop& loop, std::function<void()> callback);
    ~Timer();
    void arm(Deadline deadline);  // moves it if armed
    void cancel();

   private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
  };

 private:
  std::unique_ptr<Impl> impl_;
  friend class Watch;
  friend class Timer;
};

// Runs tasks that nobody awaits; destroying or cancel()ing the group destroys what still waits. A finished task is
// reclaimed at once. Neither may be called by a task of the group itself: a running coroutine cannot be destroyed.
class TaskGroup {
 public:
  explicit TaskGroup(Loop& loop);
  ~TaskGroup();
  void spawn(Task<void> task);  // starts now, on this thread
  size_t size() const;
  void cancel();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// A bounded pool of threads for work that blocks or is long (Argon2, cold reads, hashing). Queue full: Limit.
class BlockingPool {
 public:
  BlockingPool(unsigned threads, size_t max_queue);
  ~BlockingPool();  // runs what is queued to the end
  // Another number of threads (1 at least). Surplus ones end with the work they are at; one thread may call this.
  void resize(unsigned threads);
  // Runs `work` on a pool thread, then completes on `executor`. `work` must not touch what the loop owns.
  template <class T>
  base::Completion<T> run(base::Executor& executor, std::function<Result<T>()> work) {
    base::Completion<T> done;
    auto promise = std::make_shared<typename base::Completion<T>::Promise>(done.promise());
    auto slot = std::make_shared<std::optional<Result<T>>>();
    bool queued = submit([&executor, promise, slot, work = std::move(work)]() mutable {
      slot->emplace(work());
      // The promise goes back to the loop's thread before it is touched or dropped.
      executor.post([promise = std::move(promise), slot] { promise->set(std::move(**slot)); });
    });
    if (!queued) promise->set(fail(Errc::Limit, "the pool's queue is full"));
    return done;
  }

 private:
  bool submit(std::function<void()> work);
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace bz::net
