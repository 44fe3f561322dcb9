// Inside of the loop, for the files of this room: the timer heap, the table of watched descriptors and the awaiter of
// readiness. Everything here belongs to the loop's thread.
#pragma once
#include <atomic>
#include <coroutine>
#include <mutex>
#include <thread>
#include <vector>

#include "net/loop.h"

namespace bz::net {

// A point in time in the heap of a loop. Lies in the frame of whoever waits; takes itself back when destroyed.
class TimerNode {
 public:
  explicit TimerNode(Loop::Impl& loop) : loop_(loop) {}
  TimerNode(const TimerNode&) = delete;
  virtual ~TimerNode() { disarm(); }
  void arm(MonoTime at);  // max() = never: not in the heap
  void disarm();
  virtual void fire() = 0;  // already out of the heap; may destroy the node

 private:
  friend struct Loop::Impl;
  static constexpr uint32_t kIdle = UINT32_MAX;
  Loop::Impl& loop_;
  MonoTime at_{};
  uint32_t index_ = kIdle;
};

struct Loop::Watch::Impl {
  Loop::Impl* loop;
  int fd;
  uint64_t key = 0;  // of its events
  uint32_t slot;
  bool closed = false;
  bool writes = false;            // epoll tells room to write
  bool edge[2] = {false, false};  // an edge that no one has waited for yet, by Direction
  Ready* waiter[2] = {nullptr, nullptr};
  std::shared_ptr<std::function<void(bool, bool)>> callback;
  void tell_epoll(int operation);
  void want_writable();
};

// The awaiter of one direction of one Watch. Outlives nothing: destroying it, suspended or not, takes it back.
class Loop::Watch::Ready final : private TimerNode {
 public:
  Ready(Watch& watch, Direction direction, Deadline deadline);
  ~Ready() override;
  bool await_ready();
  void await_suspend(std::coroutine_handle<> waiting);
  Result<void> await_resume();

 private:
  friend class Loop;
  friend class Watch;
  friend struct Loop::Impl;
  enum class End : uint8_t { Waiting, Edge, Timeout, Closed };
  void fire() override;
  void finish(End end);  // resumes; *this may be gone afterwards
  Watch::Impl* watch_;
  MonoTime deadline_;
  std::coroutine_handle<> waiting_;
  uint8_t direction_;
  End end_ = End::Waiting;
};

struct Loop::Impl {
  Impl();
  ~Impl();
  void run();
  void wake();

  void heap_insert(TimerNode& node);
  void heap_remove(TimerNode& node);
  void sift_up(uint32_t index);
  void sift_down(uint32_t index);
  void place(uint32_t index, TimerNode* node);
  int wait_ms();
  void run_timers();
  void run_posted();
  void dispatch(uint64_t key, uint32_t events);
  Watch::Impl* find(uint64_t key);

  struct Slot {
    Watch::Impl* watch = nullptr;
    uint32_t generation = 0;  // an event of an earlier owner of the slot does not match
  };
  uint64_t add_watch(Watch::Impl& watch);  // the key of the events
  void remove_watch(Watch::Impl& watch);

  int epoll = -1, event = -1;
  std::vector<TimerNode*> heap;
  std::vector<Slot> slots;
  std::vector<uint32_t> free_slots;
  std::atomic<std::thread::id> thread;
  uint64_t turn = 0;
  std::unique_ptr<char[]> scratch;

  std::mutex mutex;  // guards the two below
  std::vector<std::function<void()>> posted;
  bool stopping = false;
};

}  // namespace bz::net
