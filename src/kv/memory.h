// A Store in memory, for tests and for running without a disk. It keeps every rule of partition.h (fencing, guards, the
// poison rule, blobs, limits) and can be told to misbehave: to fail a commit, to answer late, to lose power.
//
// Threads: as Store says. By default every operation is done when the call returns (run_now works). The controls may be
// called from any thread. Executors must outlive the store.
#pragma once
#include "kv/partition.h"

namespace bz::kv {

class MemoryStore : public Store {
 public:
  // How completions reach the caller.
  enum class Delivery : uint8_t {
    Immediate,  // ready when the call returns
    Posted,     // through the executor, as a disk would
    Held,       // commits wait for release(), everything else is posted
  };
  virtual void set_delivery(Delivery delivery) = 0;
  // Posts the completions of the oldest `count` held commits; how many there were. A held commit is applied (reads of the
  // handle see it) but becomes durable only here.
  virtual size_t release(size_t count = SIZE_MAX) = 0;
  virtual size_t held() const = 0;

  // The n-th commit from now on (1 = the next; of any partition) fails with `code` and is not applied. 0 = none.
  virtual void fail_commit(uint64_t n, Errc code = Errc::Unavailable) = 0;

  // Needs crash_image. What is not durable is gone, except for the first `keep` changes not yet acknowledged as durable (a
  // disk may have got that far); every handle is fenced, held completions are dropped (Cancelled). Then open partitions
  // again.
  virtual void power_cut(size_t keep = 0) = 0;
  virtual size_t not_durable() const = 0;  // changes that a power cut would lose
};

// crash_image: keep a second copy of what is durable, so that power_cut() works.
std::unique_ptr<MemoryStore> make_memory_store(Limits limits = {}, bool crash_image = false);

}  // namespace bz::kv
