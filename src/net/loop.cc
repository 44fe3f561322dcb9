#include "net/loop.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>

#include "net/loop_impl.h"

namespace bz::net {

namespace {
constexpr int kBatch = 256;                // events of one epoll_wait
constexpr uint64_t kWakeKey = UINT64_MAX;  // the eventfd
constexpr size_t kScratch = 64 << 10;
}  // namespace

Loop::Impl::Impl() : thread(std::this_thread::get_id()) {
  epoll = epoll_create1(EPOLL_CLOEXEC);
  event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  BZ_CHECK(epoll >= 0 && event >= 0, "no descriptors for an event loop");
  epoll_event ev{};
  ev.events = EPOLLIN | EPOLLET;
  ev.data.u64 = kWakeKey;
  BZ_CHECK(epoll_ctl(epoll, EPOLL_CTL_ADD, event, &ev) == 0, "eventfd refused by epoll");
  // OpenSSL writes with write(2): a peer that has gone must be EPIPE, not the end of the process.
  std::signal(SIGPIPE, SIG_IGN);
}

Loop::Impl::~Impl() {
  // What was posted and not run may own watches and timers of this loop: it goes while the loop is whole.
  std::vector<std::function<void()>> rest;
  {
    std::lock_guard lock(mutex);
    rest.swap(posted);
  }
  rest.clear();
  ::close(event);
  ::close(epoll);
}

void Loop::Impl::wake() {
  uint64_t one = 1;
  while (::write(event, &one, sizeof one) < 0 && errno == EINTR) {
  }
}

uint64_t Loop::Impl::add_watch(Watch::Impl& watch) {
  uint32_t index;
  if (free_slots.empty()) {
    index = static_cast<uint32_t>(slots.size());
    slots.emplace_back();
  } else {
    index = free_slots.back();
    free_slots.pop_back();
  }
  watch.slot = index;
  slots[index].watch = &watch;
  return uint64_t{slots[index].generation} << 32 | index;
}

void Loop::Impl::remove_watch(Watch::Impl& watch) {
  Slot& slot = slots[watch.slot];
  slot.watch = nullptr;
  ++slot.generation;
  free_slots.push_back(watch.slot);
}

Loop::Watch::Impl* Loop::Impl::find(uint64_t key) {
  auto index = static_cast<uint32_t>(key);
  if (index >= slots.size() || slots[index].generation != key >> 32) return nullptr;
  return slots[index].watch;
}

// Whatever is resumed here may destroy any watch, this one included: look it up again after each resumption.
void Loop::Impl::dispatch(uint64_t key, uint32_t events) {
  const bool broken = (events & (EPOLLERR | EPOLLHUP)) != 0;
  const bool ready[2] = {broken || (events & (EPOLLIN | EPOLLRDHUP)) != 0, broken || (events & EPOLLOUT) != 0};
  for (int direction = 0; direction < 2; ++direction) {
    Watch::Impl* watch = find(key);
    if (watch == nullptr || watch->closed) return;
    if (!ready[direction]) continue;
    if (watch->waiter[direction] != nullptr) {
      watch->waiter[direction]->finish(Watch::Ready::End::Edge);
    } else {
      watch->edge[direction] = true;
    }
  }
  Watch::Impl* watch = find(key);
  if (watch == nullptr || watch->closed || !watch->callback) return;
  auto hold = watch->callback;  // it may replace itself or destroy the watch
  (*hold)(ready[0], ready[1]);
}

void Loop::Impl::run_posted() {
  std::vector<std::function<void()>> batch;
  {
    std::lock_guard lock(mutex);
    batch.swap(posted);  // what these post runs in the next round
  }
  for (auto& function : batch) {
    function();
    function = nullptr;
  }
}

void Loop::Impl::run() {
  thread = std::this_thread::get_id();
  epoll_event events[kBatch];
  for (;;) {
    int timeout = wait_ms();
    {
      std::lock_guard lock(mutex);
      if (stopping) {
        stopping = false;
        return;
      }
      if (!posted.empty()) timeout = 0;
    }
    int count = epoll_wait(epoll, events, kBatch, timeout);
    BZ_CHECK(count >= 0 || errno == EINTR, "epoll_wait failed");
    ++turn;
    for (int i = 0; i < count; ++i) {
      if (events[i].data.u64 != kWakeKey) {
        dispatch(events[i].data.u64, events[i].events);
        continue;
      }
      uint64_t sum;
      while (::read(event, &sum, sizeof sum) < 0 && errno == EINTR) {
      }
    }
    run_timers();
    run_posted();
  }
}

Loop::Loop() : impl_(std::make_unique<Impl>()) {}
Loop::~Loop() = default;
void Loop::run() { impl_->run(); }
bool Loop::on_thread() const { return impl_->thread.load() == std::this_thread::get_id(); }
uint64_t Loop::turn() const { return impl_->turn; }

std::span<char> Loop::scratch() {
  if (!impl_->scratch) impl_->scratch = std::make_unique<char[]>(kScratch);
  return {impl_->scratch.get(), kScratch};
}

void Loop::stop() {
  {
    std::lock_guard lock(impl_->mutex);
    impl_->stopping = true;
  }
  impl_->wake();
}

void Loop::post(std::function<void()> function) {
  bool first;
  {
    std::lock_guard lock(impl_->mutex);
    first = impl_->posted.empty();
    impl_->posted.push_back(std::move(function));
  }
  if (first && !on_thread()) impl_->wake();  // run() looks at the queue before it waits
}

void Loop::Watch::Impl::tell_epoll(int operation) {
  epoll_event ev{};
  ev.events = EPOLLIN | EPOLLRDHUP | EPOLLET | (writes ? EPOLLOUT : 0U);
  ev.data.u64 = key;
  BZ_CHECK(epoll_ctl(loop->epoll, operation, fd, &ev) == 0, "epoll refused a descriptor");
}

// No edge is lost: EPOLL_CTL_MOD looks at the descriptor again and tells what is ready (epoll_ctl(2)).
void Loop::Watch::Impl::want_writable() {
  if (writes || closed) return;
  writes = true;
  tell_epoll(EPOLL_CTL_MOD);
}

Loop::Watch::Watch(Loop& loop, int fd, Interest first) : impl_(std::make_unique<Impl>()) {
  impl_->loop = loop.impl_.get();
  impl_->fd = fd;
  impl_->writes = first == Interest::Both;
  impl_->key = impl_->loop->add_watch(*impl_);
  impl_->tell_epoll(EPOLL_CTL_ADD);
}

void Loop::Watch::want_writable() { impl_->want_writable(); }

Loop::Watch::~Watch() { close(); }

void Loop::Watch::on_ready(std::function<void(bool, bool)> callback) {
  impl_->callback = callback ? std::make_shared<std::function<void(bool, bool)>>(std::move(callback)) : nullptr;
}

// EPOLL_CTL_DEL and not only close(2): a registration lives as long as any copy of the description, in another process too.
void Loop::Watch::close() {
  Impl& w = *impl_;
  if (w.closed) return;
  w.closed = true;
  epoll_ctl(w.loop->epoll, EPOLL_CTL_DEL, w.fd, nullptr);
  w.loop->remove_watch(w);
  // Waiters are resumed from the loop, not from here: the closer's own caller may be what they destroy.
  for (Ready* waiter : {w.waiter[0], w.waiter[1]}) {
    if (waiter == nullptr) continue;
    waiter->watch_ = nullptr;
    waiter->end_ = Ready::End::Closed;
    waiter->arm(MonoTime::min());
  }
  w.waiter[0] = w.waiter[1] = nullptr;
}

Loop::Watch::Ready::Ready(Watch& watch, Direction direction, Deadline deadline)
    : TimerNode(*watch.impl_->loop),
      watch_(watch.impl_.get()),
      deadline_(deadline.at()),
      direction_(static_cast<uint8_t>(direction)) {}

Loop::Watch::Ready::~Ready() {
  if (watch_ != nullptr && watch_->waiter[direction_] == this) watch_->waiter[direction_] = nullptr;
}

bool Loop::Watch::Ready::await_ready() {
  if (watch_->closed) {
    end_ = End::Closed;
    watch_ = nullptr;
    return true;
  }
  if (!watch_->edge[direction_]) return false;
  watch_->edge[direction_] = false;
  end_ = End::Edge;
  return true;
}

void Loop::Watch::Ready::await_suspend(std::coroutine_handle<> waiting) {
  BZ_CHECK(watch_ != nullptr, "waiting on a descriptor that is closed");
  BZ_CHECK(watch_->waiter[direction_] == nullptr, "two waiters for one direction of a descriptor");
  watch_->waiter[direction_] = this;
  if (direction_ == static_cast<uint8_t>(Direction::Write)) watch_->want_writable();
  waiting_ = waiting;
  arm(deadline_);
}

void Loop::Watch::Ready::finish(End end) {
  disarm();
  end_ = end;
  if (watch_ != nullptr) std::exchange(watch_, nullptr)->waiter[direction_] = nullptr;
  waiting_.resume();
}

void Loop::Watch::Ready::fire() { finish(end_ == End::Closed ? End::Closed : End::Timeout); }

Result<void> Loop::Watch::Ready::await_resume() {
  if (end_ == End::Edge) return {};
  if (end_ == End::Timeout) return fail(Errc::Timeout, "nothing happened until the deadline");
  return fail(Errc::Closed, "closed here");
}

Task<Result<void>> Loop::Watch::readable(Deadline deadline) {
  Ready ready(*this, Direction::Read, deadline);
  co_return co_await ready;
}

Task<Result<void>> Loop::Watch::writable(Deadline deadline) {
  Ready ready(*this, Direction::Write, deadline);
  co_return co_await ready;
}

}  // namespace bz::net
