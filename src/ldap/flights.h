// Questions about the same thing that are under way are one: the first asks, the others get its answer. A user's devices
// come back all at once, after a restart or a lost network, and so does mail for a list. One thread.
#pragma once
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/task.h"

namespace bz::ldap {

template <class Value>
class Flights {
 public:
  // `asking` is not started where somebody is asking already. When that one is cancelled, the next one asks.
  Task<Result<Value>> merge(std::string key, Task<Result<Value>> asking) {
    while (flying_.contains(key)) {
      base::Completion<Value> landing;
      flying_[key].push_back(landing.promise());
      auto value = co_await landing;
      if (value || value.error().code() != Errc::Cancelled) co_return std::move(value);
    }
    Flight flight(*this, std::move(key));
    auto value = co_await std::move(asking);
    flight.land(value);
    co_return std::move(value);
  }

 private:
  using Promises = std::vector<typename base::Completion<Value>::Promise>;
  // Those who wait are told only after the key is free: they may ask again at once.
  class Flight {
   public:
    Flight(Flights& home, std::string key) : home_(home), key_(std::move(key)) { home_.flying_[key_]; }
    Flight(const Flight&) = delete;
    ~Flight() { (void)take(); }
    void land(const Result<Value>& value) {
      for (const auto& promise : take()) promise.set(value);
    }

   private:
    Promises take() {
      if (std::exchange(landed_, true)) return {};  // by now the key may be another's
      return std::move(home_.flying_.extract(key_).mapped());
    }
    Flights& home_;
    std::string key_;
    bool landed_ = false;
  };
  std::map<std::string, Promises, std::less<>> flying_;
};

}  // namespace bz::ldap
