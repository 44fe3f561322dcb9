// Programs of the administrator that a role asks for (acme.dns_hook): run without rights as the role's user, bounded in
// time, their output in STATE/log/hook.log. One thread: that of the loop.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "net/loop.h"
#include "os/fd.h"
#include "os/spawn.h"

namespace bz::app {

class HookRunner {
 public:
  struct Order {
    std::string program;  // absolute, or relative to `folder`
    std::vector<std::string> arguments;
    int folder = -1;               // working directory
    std::optional<os::User> user;  // set: as that user (needs root)
    int log = -1;                  // its output
    base::Millis limit{};
    std::function<void(Result<void>)> done;  // once, on the loop; an error is a text for the administrator
  };
  static constexpr size_t kMax = 10;  // at the same time

  explicit HookRunner(net::Loop& loop) : loop_(loop) {}
  ~HookRunner();  // kills what runs
  void run(Order order);
  // A child of the process has ended; nothing happens when it is none of ours.
  void ended(const os::Exit& exit);

 private:
  struct Run {
    std::function<void(Result<void>)> done;
    std::unique_ptr<net::Loop::Timer> limit;
    bool killed = false;
  };
  net::Loop& loop_;
  std::map<pid_t, Run> runs_;
};

}  // namespace bz::app
