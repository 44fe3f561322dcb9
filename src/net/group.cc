// TaskGroup and BlockingPool: where tasks nobody awaits live, and where blocking work goes.
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

#include "net/loop.h"

namespace bz::net {

namespace {
struct Link {
  Link* prev = this;
  Link* next = this;
  void unlink() {
    prev->next = next;
    next->prev = prev;
    prev = next = this;
  }
};

// A coroutine that frees its own frame at its end and hangs in the group's list until then.
struct Detached {
  struct promise_type : Link {
    size_t* count = nullptr;
    ~promise_type() {
      unlink();
      --*count;
    }
    Detached get_return_object() { return {std::coroutine_handle<promise_type>::from_promise(*this)}; }
    std::suspend_always initial_suspend() const noexcept { return {}; }
    std::suspend_never final_suspend() const noexcept { return {}; }
    void return_void() const noexcept {}
    void unhandled_exception() { BZ_CHECK(false, "an exception left a spawned task"); }
  };
  std::coroutine_handle<promise_type> handle;
};

Detached detach(Task<void> task) { co_await std::move(task); }
}  // namespace

struct TaskGroup::Impl {
  Link list;
  size_t count = 0;
};

TaskGroup::TaskGroup(Loop&) : impl_(std::make_unique<Impl>()) {}
TaskGroup::~TaskGroup() { cancel(); }
size_t TaskGroup::size() const { return impl_->count; }

void TaskGroup::spawn(Task<void> task) {
  auto handle = detach(std::move(task)).handle;
  auto& promise = handle.promise();
  promise.count = &impl_->count;
  ++impl_->count;
  promise.prev = impl_->list.prev;
  promise.next = &impl_->list;
  promise.prev->next = promise.next->prev = &promise;
  handle.resume();
}

void TaskGroup::cancel() {
  while (impl_->list.next != &impl_->list) {
    auto& promise = static_cast<Detached::promise_type&>(*impl_->list.next);
    std::coroutine_handle<Detached::promise_type>::from_promise(promise).destroy();
  }
}

struct BlockingPool::Impl {
  std::mutex mutex;
  std::condition_variable wake;
  std::deque<std::function<void()>> queue;
  size_t limit = 0;
  bool ending = false;
  std::vector<std::thread> threads;

  void work() {
    std::unique_lock lock(mutex);
    for (;;) {
      wake.wait(lock, [this] { return ending || !queue.empty(); });
      if (queue.empty()) return;
      auto job = std::move(queue.front());
      queue.pop_front();
      lock.unlock();
      job();
      job = nullptr;
      lock.lock();
    }
  }
};

BlockingPool::BlockingPool(unsigned threads, size_t max_queue) : impl_(std::make_unique<Impl>()) {
  impl_->limit = max_queue;
  for (unsigned i = 0; i < std::max(threads, 1u); ++i) impl_->threads.emplace_back([this] { impl_->work(); });
}

BlockingPool::~BlockingPool() {
  {
    std::lock_guard lock(impl_->mutex);
    impl_->ending = true;
  }
  impl_->wake.notify_all();
  for (auto& thread : impl_->threads) thread.join();
}

bool BlockingPool::submit(std::function<void()> work) {
  {
    std::lock_guard lock(impl_->mutex);
    if (impl_->queue.size() >= impl_->limit) return false;
    impl_->queue.push_back(std::move(work));
  }
  impl_->wake.notify_one();
  return true;
}

}  // namespace bz::net
