// What is known of the hosts behind us: one that could not be reached is left alone for a moment, twice as long after each
// further failure, with jitter, so that the phones of a dead server cost nothing and do not all come back at once. While it
// is down one login at a time is let through to see; everybody else is told at once. Pure; one thread.
#pragma once
#include <cstdint>
#include <map>
#include <string>

#include "base/env.h"
#include "base/result.h"

namespace bz::egress {

struct HealthOptions {
  base::Millis first_wait{1'000}, longest_wait{30'000};
  size_t max_logins = 200;    // under way to one host
  size_t max_hosts = 10'000;  // remembered
};

class Health {
 public:
  Health(HealthOptions options, const base::Clock& clock, base::Random& random)
      : options_(options), clock_(clock), random_(random) {}

  // One login's place; gives it back when it goes. Say how it ended, or nothing when it was given up.
  class Attempt {
   public:
    Attempt(Attempt&& other) noexcept : health_(std::exchange(other.health_, nullptr)), host_(std::move(other.host_)) {}
    Attempt& operator=(Attempt&&) = delete;
    ~Attempt() { end(End::GivenUp); }
    void reached() { end(End::Reached); }  // the server spoke as it should, whatever it said of the password
    void failed() { end(End::Failed); }

   private:
    friend class Health;
    enum class End : uint8_t { Reached, Failed, GivenUp };
    Attempt(Health& health, std::string host) : health_(&health), host_(std::move(host)) {}
    void end(End end);
    Health* health_;
    std::string host_;
  };
  // `host`: any name for it, "old at imap.old.test:993". Unavailable: down, and it is nobody's turn to look; Limit: too
  // many logins under way.
  Result<Attempt> begin(const std::string& host);

  struct State {
    size_t logins = 0;
    unsigned failures = 0;   // in a row
    base::MonoTime until{};  // nobody tries before, when failures > 0
    bool probing = false;
  };
  const std::map<std::string, State>& hosts() const { return hosts_; }

 private:
  void settle(const std::string& host, Attempt::End end);
  HealthOptions options_;
  const base::Clock& clock_;
  base::Random& random_;
  std::map<std::string, State> hosts_;
};

}  // namespace bz::egress
