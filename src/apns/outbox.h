// The pushes that wait for APNs. Plain code, the time is an argument. A push is a hint: the phone asks for its mail anyhow,
// so what cannot be told soon is dropped with a word in the log, and nothing is kept over a restart. One device (token and
// account id) has one push waiting at most, whatever came meanwhile.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "apns/push.h"
#include "base/env.h"

namespace bz::apns {

inline constexpr size_t kMaxWaiting = 20'000;
inline constexpr base::Millis kFirstWait{1'000}, kLongestWait{5 * 60'000};  // of the service
inline constexpr base::Millis kSlowWait{60'000};                            // of one device
inline constexpr base::Millis kLife{3'600'000};                             // then a push is too old to be worth it

class Outbox {
 public:
  // False: it took the place of the oldest one, of another device.
  bool add(Push push, base::MonoTime now);
  // Up to `most` that may be sent now, the oldest first. They are under way until settle().
  std::vector<Push> take(size_t most, base::MonoTime now);
  // False: it is given up, too old.
  bool settle(const Push& push, Verdict verdict, base::MonoTime now);
  // When take() will have something; unset: nothing waits, or all is under way.
  std::optional<base::MonoTime> next() const;
  size_t waiting() const { return waiting_.size(); }
  void resume();  // another certificate or server: what was said of the old one is void

 private:
  using Device = std::pair<std::string, std::string>;
  struct Waiting {
    Push push;
    base::MonoTime since, not_before;
    uint64_t turn = 0;
    bool under_way = false;
    bool again = false;  // news came while it was under way
  };
  std::map<Device, Waiting> waiting_;
  std::map<uint64_t, Device> order_;  // of what waits and is not under way, by turn
  uint64_t turn_ = 0;
  base::MonoTime closed_until_{};  // the whole service
  base::Millis wait_{0};           // before it is tried again; 0: it works
};

}  // namespace bz::apns
