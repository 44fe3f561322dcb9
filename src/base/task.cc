#include "base/task.h"

#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>

namespace bz::base {

struct ManualExecutor::Impl {
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<std::function<void()>> queue;
};

ManualExecutor::ManualExecutor() : impl_(std::make_unique<Impl>()) {}
ManualExecutor::~ManualExecutor() = default;

void ManualExecutor::post(std::function<void()> function) {
  {
    std::lock_guard lock(impl_->mutex);
    impl_->queue.push_back(std::move(function));
  }
  impl_->changed.notify_one();
}

bool ManualExecutor::run_one() {
  std::function<void()> function;
  {
    std::lock_guard lock(impl_->mutex);
    if (impl_->queue.empty()) return false;
    function = std::move(impl_->queue.front());
    impl_->queue.pop_front();
  }
  function();
  return true;
}

size_t ManualExecutor::run() {
  size_t count = 0;
  while (run_one()) ++count;
  return count;
}

bool ManualExecutor::wait(int milliseconds) {
  std::unique_lock lock(impl_->mutex);
  return impl_->changed.wait_for(lock, std::chrono::milliseconds(milliseconds), [this] { return !impl_->queue.empty(); });
}

}  // namespace bz::base
