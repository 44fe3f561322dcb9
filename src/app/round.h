// One question put to several roles: over when each has answered or gone, or when the time is up.
#pragma once
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "app/child.h"
#include "net/loop.h"

namespace bz::app {

class Round {
 public:
  // Each line names a role and what it refused, or that it did not answer.
  using Done = std::function<void(std::vector<std::string> complaints)>;
  // `done` is called once, from the loop and never from within another call; the round may be destroyed then.
  Round(net::Loop& loop, base::Millis limit, Done done);
  void expect(const Child& child) { waiting_.emplace(&child, child.name()); }
  void begin();  // when all are expected
  void settle(const Child& child, const std::string& complaint = {});

 private:
  void finish();
  net::Loop& loop_;
  base::Millis limit_;
  Done done_;
  std::map<const Child*, std::string> waiting_;
  std::vector<std::string> complaints_;
  net::Loop::Timer timer_;
};

}  // namespace bz::app
