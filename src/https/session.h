// HTTP/2 to one server, many requests at a time over one connection (RFC 9113), with a client certificate. Like fetch() it
// blocks: for a pool's thread, and for one at a time. The connection is kept for the next call while the server keeps it.
//
//   https::Session apple({.certificate_pem = ..., .key_pem = ..., .ca_pem = ""});
//   std::vector<Result<Reply>> replies = apple.send(requests, limits, &stop);  // in the order of the requests
#pragma once
#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "https/fetch.h"

namespace bz::https {

struct Identity {
  std::string certificate_pem;  // the chain, leaf first
  Secret key_pem;               // PKCS#8, not encrypted
  std::string ca_pem;           // roots that the server's certificate must come from; empty: the system's
};

class Session {
 public:
  explicit Session(Identity identity);
  ~Session();
  Session(const Session&) = delete;
  // Errors of each as fetch() has them; Unavailable, too, where the server speaks HTTP/1 only. `limits.time` is for each.
  std::vector<Result<Reply>> send(const std::vector<Request>& requests, const Limits& limits,
                                  const std::atomic<bool>* stop);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace bz::https
