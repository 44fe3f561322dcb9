// Timers of the loop: a binary heap of nodes that know their place, so that taking one back costs O(log n).
#include <atomic>

#include "net/loop_impl.h"

namespace bz::net {

namespace {
constexpr size_t kTimersPerTurn = 1024;  // fairness: the rest waits for the next round
}

void TimerNode::arm(MonoTime at) {
  disarm();
  at_ = at;
  if (at != MonoTime::max()) loop_.heap_insert(*this);
}

void TimerNode::disarm() {
  if (index_ != kIdle) loop_.heap_remove(*this);
}

void Loop::Impl::place(uint32_t index, TimerNode* node) {
  heap[index] = node;
  node->index_ = index;
}

void Loop::Impl::sift_up(uint32_t index) {
  TimerNode* node = heap[index];
  while (index > 0) {
    uint32_t parent = (index - 1) / 2;
    if (heap[parent]->at_ <= node->at_) break;
    place(index, heap[parent]);
    index = parent;
  }
  place(index, node);
}

void Loop::Impl::sift_down(uint32_t index) {
  TimerNode* node = heap[index];
  for (;;) {
    uint32_t child = 2 * index + 1;
    if (child >= heap.size()) break;
    if (child + 1 < heap.size() && heap[child + 1]->at_ < heap[child]->at_) ++child;
    if (node->at_ <= heap[child]->at_) break;
    place(index, heap[child]);
    index = child;
  }
  place(index, node);
}

void Loop::Impl::heap_insert(TimerNode& node) {
  heap.push_back(&node);
  sift_up(static_cast<uint32_t>(heap.size() - 1));
}

void Loop::Impl::heap_remove(TimerNode& node) {
  uint32_t index = std::exchange(node.index_, TimerNode::kIdle);
  TimerNode* last = heap.back();
  heap.pop_back();
  if (last == &node) return;
  place(index, last);
  sift_up(index);
  sift_down(last->index_);
}

int Loop::Impl::wait_ms() {
  if (heap.empty()) return -1;
  MonoTime now = std::chrono::steady_clock::now();
  MonoTime first = heap.front()->at_;
  if (first <= now) return 0;
  auto span = std::chrono::ceil<Millis>(first - now).count();  // rounded up: waking too early would spin
  return static_cast<int>(std::min<int64_t>(span, 60'000));
}

// What is armed while these run has a later time than `now` and waits for the next round.
void Loop::Impl::run_timers() {
  if (heap.empty()) return;
  MonoTime now = std::chrono::steady_clock::now();
  for (size_t i = 0; i < kTimersPerTurn && !heap.empty() && heap.front()->at_ <= now; ++i) {
    TimerNode* node = heap.front();
    heap_remove(*node);
    node->fire();
  }
}

namespace {
class Sleep final : public TimerNode {
 public:
  Sleep(Loop::Impl& loop, MonoTime at) : TimerNode(loop), at_(at) {}
  bool await_ready() const { return false; }
  void await_suspend(std::coroutine_handle<> waiting) {
    waiting_ = waiting;
    arm(at_);
  }
  void await_resume() const {}

 private:
  void fire() override { waiting_.resume(); }
  MonoTime at_;
  std::coroutine_handle<> waiting_;
};
}  // namespace

Task<void> Loop::sleep(Deadline deadline) {
  Sleep sleep(*impl_, deadline.at());
  co_await sleep;
}

struct Loop::Timer::Impl final : TimerNode {
  Impl(Loop::Impl& loop, std::function<void()> f)
      : TimerNode(loop), callback(std::make_shared<std::function<void()>>(std::move(f))) {}
  void fire() override {
    auto hold = callback;  // it may destroy the timer
    (*hold)();
  }
  std::shared_ptr<std::function<void()>> callback;
};

Loop::Timer::Timer(Loop& loop, std::function<void()> callback)
    : impl_(std::make_unique<Impl>(*loop.impl_, std::move(callback))) {}
Loop::Timer::~Timer() = default;
void Loop::Timer::arm(Deadline deadline) { impl_->arm(deadline.at()); }
void Loop::Timer::cancel() { impl_->disarm(); }

}  // namespace bz::net
