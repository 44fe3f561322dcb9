// Idle connections, kept for a few seconds for the next message to the same server (RFC 5321 4.5.4.1 asks for their
// re-use). Owned by the worker; one loop.
#pragma once
#include <list>
#include <memory>
#include <string>

#include "delivery/link.h"

namespace bz::delivery {

class Pool {
 public:
  Pool(net::Loop& loop, size_t per_key, net::Millis idle_time);
  // nullptr: none.
  std::unique_ptr<Link> take(const std::string& key);
  // Keeps a usable link, or says QUIT to it.
  void give(const std::string& key, std::unique_ptr<Link> link);
  size_t size() const { return idle_.size(); }

 private:
  struct Idle {
    std::string key;
    std::unique_ptr<Link> link;
    net::MonoTime until;
  };
  static Task<void> say_goodbye(std::unique_ptr<Link> link);
  void expire();
  void arm();
  size_t per_key_;
  net::Millis idle_time_;
  std::list<Idle> idle_;  // in the order of `until`
  net::TaskGroup goodbyes_;
  net::Loop::Timer timer_;
};

}  // namespace bz::delivery
