// TaskGroup and BlockingPool: where tasks nobody awaits live, and where blocking work goes.
#include <condition_variable>
#include <deque>
#include <list>
#include <mutex>
#include <thread>

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
  struct Worker {
    std::thread thread;
    bool over = false;  // nothing but the join is left
  };
  std::mutex mutex;
  std::condition_variable wake;
  std::deque<std::function<void()>> queue;
  size_t limit = 0;
  bool ending = false;
  size_t wanted = 0, running = 0;
  std::list<Worker> workers;

  void work(Worker& self) {
    std::unique_lock lock(mutex);
    for (;;) {
      wake.wait(lock, [this] { return ending || running > wanted || !queue.empty(); });
      if (running > wanted || queue.empty()) {
        --running;
        self.over = true;
        return;
      }
      auto job = std::move(queue.front());
      queue.pop_front();
      lock.unlock();
      job();
      job = nullptr;
      lock.lock();
    }
  }
  // Under the lock.
  void start_missing() {
    for (; running < wanted; ++running) {
      Worker& worker = workers.emplace_back();
      worker.thread = std::thread([this, &worker] { work(worker); });
    }
  }
};

BlockingPool::BlockingPool(unsigned threads, size_t max_queue) : impl_(std::make_unique<Impl>()) {
  impl_->limit = max_queue;
  resize(threads);
}

void BlockingPool::resize(unsigned threads) {
  {
    std::lock_guard lock(impl_->mutex);
    impl_->wanted = std::max(threads, 1u);
    for (auto it = impl_->workers.begin(); it != impl_->workers.end();) {
      if (it->over) it->thread.join();  // it takes no lock any more
      it = it->over ? impl_->workers.erase(it) : std::next(it);
    }
    impl_->start_missing();
  }
  impl_->wake.notify_all();
}

BlockingPool::~BlockingPool() {
  {
    std::lock_guard lock(impl_->mutex);
    impl_->ending = true;
  }
  impl_->wake.notify_all();
  for (auto& worker : impl_->workers) worker.thread.join();
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
