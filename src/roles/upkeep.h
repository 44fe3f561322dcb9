// Upkeep: what a role's database needs beside its work. Once a day at upkeep.hour (UTC), or each upkeep.every, the space
// of removed messages goes back to the disk (kv::RocksStore::maintain); `buzon maintain` does it at once. An event `upkeep`
// tells each run. The work runs on the role's pool, commits go on meanwhile. Main thread. Destroy it before the pool, and
// both before the store: what is under way then ends soon.
#pragma once
#include <cstdint>
#include <optional>

#include "kv/rocks.h"
#include "roles/role.h"

namespace bz::roles {

// From this second until the hour (0..23, UTC) strikes next: 1 s .. 24 h.
base::Millis until_hour(int64_t unix_seconds, unsigned hour);
// How long the timer waits: `every` if it is set, but 1 s at least; else until the hour.
base::Millis until_upkeep(int64_t unix_seconds, unsigned hour, base::Millis every);

class Upkeep {
 public:
  Upkeep(RoleHost& host, kv::RocksStore& store, net::BlockingPool& pool, base::Clock& clock);
  ~Upkeep();
  Upkeep(const Upkeep&) = delete;
  void reload();  // the hour may be another
  void control(ControlCall call);

 private:
  void plan();
  Task<void> run(std::optional<ControlCall> call);

  RoleHost& host_;
  kv::RocksStore& store_;
  net::BlockingPool& pool_;
  base::Clock& clock_;
  net::Loop::Timer timer_;
  unsigned running_ = 0;
  net::TaskGroup tasks_;
};

}  // namespace bz::roles
