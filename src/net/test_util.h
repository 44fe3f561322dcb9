// For the tests of this room: run a task on a loop to its end.
#pragma once
#include <utility>

#include "net/channel.h"
#include "net/loop.h"
#include "net/stream.h"

namespace bz::net::test {

inline std::pair<OwnedFd, OwnedFd> pair() {
  auto fds = socket_pair();
  BZ_CHECK(fds, "socket_pair");
  return {OwnedFd(fds->first), OwnedFd(fds->second)};
}

inline Task<void> then_stop(Loop& loop, Task<void> task) {
  co_await std::move(task);
  loop.stop();
}

// Fails the process when the task does not end within 20 s.
inline void run(Loop& loop, Task<void> task) {
  Loop::Timer guard(loop, [] { BZ_CHECK(false, "the task does not end"); });
  guard.arm(Deadline::in(Millis(20'000)));
  auto all = then_stop(loop, std::move(task));
  all.start();
  loop.run();
}

// Several at once, each to its end.
inline Task<void> count_down(Loop& loop, Task<void> task, size_t& left) {
  co_await std::move(task);
  if (--left == 0) loop.stop();
}
template <class... Tasks>
void run_all(Loop& loop, Tasks... tasks) {
  Loop::Timer guard(loop, [] { BZ_CHECK(false, "the tasks do not end"); });
  guard.arm(Deadline::in(Millis(20'000)));
  size_t left = sizeof...(tasks);
  TaskGroup group(loop);
  (group.spawn(count_down(loop, std::move(tasks), left)), ...);
  loop.run();
}

}  // namespace bz::net::test
