// Task<T>: a lazy coroutine that knows no event loop. It starts when awaited (or spawned), resumes its awaiter by symmetric
// transfer, and its frame is destroyed with the Task object. Destroying a Task that is suspended is how it is cancelled:
// every awaiter of ours takes itself back in its destructor, so nothing resumes a dead frame.
//
// Rules (g++ 12 must compile this, see HACKING.md): no capturing coroutine lambdas; parameters by value or outliving
// references; no co_await in ?: or in an initializer list; no owning temporary inside a co_await expression: name it and
// move it.
//
//   Promise<T>/Completion: the bridge from callbacks. The producer keeps a Promise (copyable, may be dropped: the waiter
//   then gets Errc::Cancelled), the consumer co_awaits the future end. set() must be called on the waiter's own thread:
//   post it there.
#pragma once
#include <coroutine>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "base/check.h"
#include "base/result.h"

namespace bz::base {

template <class T = void>
class Task;

namespace detail {
struct FinalAwaiter {
  bool await_ready() const noexcept { return false; }
  template <class P>
  std::coroutine_handle<> await_suspend(std::coroutine_handle<P> self) noexcept {
    auto next = self.promise().continuation;
    return next ? next : std::noop_coroutine();
  }
  void await_resume() const noexcept {}
};
struct PromiseBase {
  std::coroutine_handle<> continuation;
  std::exception_ptr exception;
  std::suspend_always initial_suspend() const noexcept { return {}; }
  FinalAwaiter final_suspend() const noexcept { return {}; }
  void unhandled_exception() { exception = std::current_exception(); }
};
template <class T>
struct TaskPromise : PromiseBase {
  std::optional<T> value;
  Task<T> get_return_object();
  template <class U>
  void return_value(U&& v) {
    value.emplace(std::forward<U>(v));
  }
  T take() {
    if (exception) std::rethrow_exception(exception);
    return std::move(*value);
  }
};
template <>
struct TaskPromise<void> : PromiseBase {
  Task<void> get_return_object();
  void return_void() const noexcept {}
  void take() const {
    if (exception) std::rethrow_exception(exception);
  }
};
}  // namespace detail

template <class T>
class [[nodiscard]] Task {
 public:
  using promise_type = detail::TaskPromise<T>;
  using Handle = std::coroutine_handle<promise_type>;
  Task() = default;
  explicit Task(Handle handle) : handle_(handle) {}
  Task(Task&& other) noexcept : handle_(std::exchange(other.handle_, {})) {}
  Task& operator=(Task&& other) noexcept {
    if (this != &other) {
      reset();
      handle_ = std::exchange(other.handle_, {});
    }
    return *this;
  }
  ~Task() { reset(); }
  bool valid() const { return static_cast<bool>(handle_); }
  bool done() const { return handle_ && handle_.done(); }

  auto operator co_await() & noexcept { return Awaiter{handle_}; }
  auto operator co_await() && noexcept { return Awaiter{handle_}; }

  // For drivers (spawn, tests): run until the first suspension. Not to be mixed with co_await.
  void start() { handle_.resume(); }
  T take() { return handle_.promise().take(); }
  void reset() {
    if (handle_) std::exchange(handle_, {}).destroy();
  }

 private:
  struct Awaiter {
    Handle handle;
    bool await_ready() const noexcept { return false; }
    std::coroutine_handle<> await_suspend(std::coroutine_handle<> awaiting) noexcept {
      handle.promise().continuation = awaiting;
      return handle;
    }
    T await_resume() { return handle.promise().take(); }
  };
  Handle handle_;
};

namespace detail {
template <class T>
Task<T> TaskPromise<T>::get_return_object() {
  return Task<T>(std::coroutine_handle<TaskPromise<T>>::from_promise(*this));
}
inline Task<void> TaskPromise<void>::get_return_object() {
  return Task<void>(std::coroutine_handle<TaskPromise<void>>::from_promise(*this));
}
}  // namespace detail

// One value, set once, awaited once, all on one thread. See the head of this file.
template <class T>
class Completion {
  struct State {
    std::optional<Result<T>> value;
    std::coroutine_handle<> waiter;
    int producers = 0;
    bool consumer = true;
    void deliver() {
      if (waiter) std::exchange(waiter, {}).resume();
    }
  };
  using StatePtr = std::shared_ptr<State>;

 public:
  // Copies count as one producer; when the last one goes without set(), the waiter gets Cancelled.
  class Promise {
   public:
    explicit Promise(StatePtr state) : token_(std::make_shared<Token>(std::move(state))) {}
    void set(Result<T> value) const { token_->set(std::move(value)); }

   private:
    struct Token {
      StatePtr state;
      explicit Token(StatePtr s) : state(std::move(s)) {}
      Token(const Token&) = delete;
      Token& operator=(const Token&) = delete;
      ~Token() { set(fail(Errc::Cancelled, "the answer was dropped")); }
      void set(Result<T> value) {
        if (!state) return;
        auto s = std::exchange(state, {});
        if (!s->consumer) return;
        s->value.emplace(std::move(value));
        s->deliver();
      }
    };
    std::shared_ptr<Token> token_;
  };

  Completion() : state_(std::make_shared<State>()) {}
  Completion(Completion&& other) noexcept = default;
  Completion& operator=(Completion&&) = delete;
  ~Completion() {
    if (state_) {
      state_->consumer = false;
      state_->waiter = {};
    }
  }
  Promise promise() { return Promise(state_); }  // call once
  bool ready() const { return state_->value.has_value(); }

  bool await_ready() const noexcept { return ready(); }
  void await_suspend(std::coroutine_handle<> waiting) noexcept { state_->waiter = waiting; }
  Result<T> await_resume() { return std::move(*state_->value); }

 private:
  StatePtr state_;
};

// Runs a task that nobody awaits; on_done is called with its end. Returns a handle whose destruction cancels the task.
// Exceptions that escape a spawned task stop the process: they are bugs (bad_alloc included).
class Spawned {
 public:
  Spawned() = default;
  bool done() const { return !task_.valid() || task_.done(); }
  static Spawned run(Task<void> task) {
    Spawned s;
    s.task_ = std::move(task);
    s.task_.start();
    return s;
  }

 private:
  Task<void> task_;
};

// Drives a task that needs no event loop (memory stores, tests) to its end; it must not suspend on anything external.
template <class T>
T run_now(Task<T> task) {
  task.start();
  BZ_CHECK(task.done(), "run_now: the task waits for something");
  return task.take();
}

// Where completions run. post() is thread-safe; functions run in order on the executor's own thread, never inside post().
class Executor {
 public:
  virtual ~Executor() = default;
  virtual void post(std::function<void()> function) = 0;
};

// An executor that a test (or run_now's caller) turns by hand.
class ManualExecutor : public Executor {
 public:
  void post(std::function<void()> function) override;
  bool run_one();               // false: nothing to do
  size_t run();                 // until nothing is left; how many ran
  bool wait(int milliseconds);  // until something is there to run (posted by another thread)
  ManualExecutor();
  ~ManualExecutor() override;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Drives `task` on `executor`, waiting for posts of other threads; dies after 60 s without progress.
template <class T>
T run_on(ManualExecutor& executor, Task<T> task) {
  task.start();
  while (!task.done()) {
    if (!executor.run_one()) BZ_CHECK(executor.wait(60'000), "run_on: no progress for 60 s");
  }
  return task.take();
}

}  // namespace bz::base

namespace bz {
using base::Task;
}
