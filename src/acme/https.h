// HTTP(S) requests (https/fetch.h) on a thread of its own: to the authority, to OCSP responders, and to ourselves in a
// test. A reply has kMaxReply bytes and a request thirty seconds.
#pragma once
#include <atomic>
#include <memory>
#include <string>

#include "acme/session.h"
#include "net/loop.h"

namespace bz::acme {

class Https : public Http {
 public:
  enum class Allow : uint8_t { TlsOnly, ClearOnly };  // https:// or http:// addresses
  // Trusts the system's roots, or those of set_roots() instead. Once per process before its threads: prepare().
  Https(net::Loop& loop, Allow allow);
  // For the requests that follow.
  void set_roots(std::string ca_pem) { ca_pem_ = std::make_shared<const std::string>(std::move(ca_pem)); }
  ~Https() override;  // ends a request under way
  static Result<void> prepare();
  Task<Result<HttpReply>> send(HttpRequest request) override;

 private:
  net::Loop& loop_;
  std::shared_ptr<const std::string> ca_pem_;
  Allow allow_;
  std::shared_ptr<std::atomic<bool>> stop_;  // shared with the pool's thread
  net::BlockingPool pool_;
};

}  // namespace bz::acme
