// A few threads that run functions in the order of submission: kv's readers and compressors. submit() never blocks. The
// destructor runs what is queued and joins.
#pragma once
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace bz::kv {

class Pool {
 public:
  explicit Pool(int threads);
  ~Pool();
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;
  void submit(std::function<void()> job);
  void drain();  // until nothing is queued and nothing runs

 private:
  void run();
  std::mutex mutex_;
  std::condition_variable changed_, idle_;
  std::deque<std::function<void()>> jobs_;
  size_t running_ = 0;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace bz::kv
