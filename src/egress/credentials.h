// What auth says of a session that is about to come: where it goes and with what password. It comes on auth's own channel,
// so that no gateway carries it, is kept for ten seconds like the ticket it belongs to, and is given out once. One thread.
#pragma once
#include <map>
#include <memory>
#include <string>

#include "base/secret.h"
#include "net/loop.h"
#include "wire/schema.h"

namespace bz::egress {

struct Credential {
  std::string server;  // of the configuration
  std::string host;
  std::string user;    // login name there
  Secret password;     // empty: by master user
  uint64_t after = 0;  // the number of the last order to end sessions that auth sent before it
};

class Credentials {
 public:
  static constexpr net::Millis kLife{10'000};
  static constexpr size_t kMax = 20'000;
  explicit Credentials(net::Loop& loop);
  void put(wire::ForeignLogin record, uint64_t after = 0);
  // By the SHA-256 of the ticket. It may come a moment later than the leg, on its other channel. NotFound, Cancelled.
  Task<Result<Credential>> take(std::string ticket_hash, net::Deadline deadline);
  size_t size() const { return kept_.size(); }

 private:
  struct Kept {
    Credential credential;
    net::MonoTime until;
  };
  struct Waiting {
    base::Completion<Credential>::Promise promise;
    std::unique_ptr<net::Loop::Timer> timer;
  };
  void settle(const std::string& ticket_hash, Result<Credential> result);
  void expire();
  net::Loop& loop_;
  std::map<std::string, Kept> kept_;
  std::map<std::string, Waiting> waiting_;
  net::Loop::Timer timer_;
  bool armed_ = false;
};

}  // namespace bz::egress
