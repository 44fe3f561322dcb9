// Waits of a session that more than one thing may end, and giving way to others on its executor. Everything on one thread.
#pragma once
#include <coroutine>
#include <memory>
#include <utility>

#include "base/task.h"

namespace bz::base {

// fire() may be called from anywhere on the thread, inside a publish of another session too: the waiter resumes later,
// through the executor, never inside fire(). A fire() without waiter is remembered for the next wait.
class Wakeup {
  struct State {
    std::coroutine_handle<> waiter;
    bool fired = false, posted = false;
  };

 public:
  explicit Wakeup(Executor& executor) : executor_(executor), state_(std::make_shared<State>()) {}
  Wakeup(const Wakeup&) = delete;

  void fire() {
    state_->fired = true;
    if (!state_->waiter || state_->posted) return;
    state_->posted = true;
    executor_.post([state = state_] {
      state->posted = false;
      if (state->waiter) std::exchange(state->waiter, {}).resume();
    });
  }

  class Awaiter {
   public:
    explicit Awaiter(std::shared_ptr<State> state) : state_(std::move(state)) {}
    Awaiter(const Awaiter&) = delete;
    ~Awaiter() { state_->waiter = {}; }
    bool await_ready() const noexcept { return state_->fired; }
    void await_suspend(std::coroutine_handle<> waiting) noexcept { state_->waiter = waiting; }
    void await_resume() noexcept { state_->fired = false; }

   private:
    std::shared_ptr<State> state_;
  };
  Awaiter wait() { return Awaiter(state_); }
  void clear() { state_->fired = false; }

 private:
  Executor& executor_;
  std::shared_ptr<State> state_;
};

// Lets everything else that is ready on the executor run first.
class Yield {
  struct State {
    std::coroutine_handle<> waiter;
  };

 public:
  explicit Yield(Executor& executor) : executor_(executor), state_(std::make_shared<State>()) {}
  Yield(const Yield&) = delete;
  ~Yield() { state_->waiter = {}; }
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> waiting) {
    state_->waiter = waiting;
    executor_.post([state = state_] {
      if (state->waiter) std::exchange(state->waiter, {}).resume();
    });
  }
  void await_resume() const noexcept {}

 private:
  Executor& executor_;
  std::shared_ptr<State> state_;
};

}  // namespace bz::base
