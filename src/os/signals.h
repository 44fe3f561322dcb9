// Signals as a descriptor for an event loop (signalfd(2)). Make it before any thread starts: the signals are blocked for
// the thread that makes it and for every thread it starts.
#pragma once
#include <initializer_list>
#include <optional>

#include "os/fd.h"

namespace bz::os {

class Signals {
 public:
  explicit Signals(std::initializer_list<int> signals);
  int fd() const { return fd_.get(); }  // non-blocking; readable when a signal waits
  std::optional<int> next();            // nullopt: none at the moment

 private:
  Fd fd_;
};

}  // namespace bz::os
