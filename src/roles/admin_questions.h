// Questions of role admin that are under way, to the supervisor and to the gateways; each is answered by a Done. One
// thread.
#pragma once
#include <map>
#include <string>

#include "net/loop.h"
#include "wire/schema.h"

namespace bz::roles {

class Questions {
 public:
  explicit Questions(net::Loop& loop) : loop_(loop) {}
  // A new question that `answers` processes will answer; its id.
  uint64_t begin(size_t answers = 1);
  void settle(const wire::Done& done);
  // The first refusal, or that all have said yes. Timeout: not all have answered. Forgets the question.
  Task<Result<void>> wait(uint64_t id, net::Deadline deadline);

 private:
  struct Open {
    size_t left = 0;
    std::string refusal;
  };
  net::Loop& loop_;
  uint64_t last_ = 0;
  std::map<uint64_t, Open> open_;
};

}  // namespace bz::roles
