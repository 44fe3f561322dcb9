// How many sessions an account has: auth asks each gateway, and `inner` is one for many. Its question goes to every worker
// of every node; what they say, or that they went away, makes the one answer. Pure; one thread.
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <set>

#include "wire/schema.h"

namespace bz::roles {

class SessionCount {
 public:
  using Who = const void*;  // a link
  using Tell = std::function<void(const wire::AccountSessions&)>;
  static constexpr size_t kMaxTold = 500;      // devices in one answer; as many as a gateway tells
  static constexpr size_t kMaxUnderWay = 100;  // auth gives up by itself, and so do the oldest here

  explicit SessionCount(Tell tell) : tell_(std::move(tell)) {}
  // The number under which to ask these; told at once when there is nobody.
  uint64_t begin(uint64_t question, std::set<Who> who);
  // Nothing happens when it was not asked, has answered before, or the number is unknown.
  void take(Who from, const wire::AccountSessions& told);
  void forget(Who who);            // it answers no more
  void clear() { open_.clear(); }  // nobody waits any more

 private:
  struct Open {
    std::set<Who> missing;
    wire::AccountSessions answer;
  };
  void finish();

  Tell tell_;
  uint64_t last_ = 0;
  std::map<uint64_t, Open> open_;
};

}  // namespace bz::roles
