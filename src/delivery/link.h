// One connection to a server: turns smtp::ClientFsm over a stream. Owned by the delivery that uses it, or by the pool.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "delivery/fit.h"
#include "delivery/settings.h"

namespace bz::delivery {

class Link {
 public:
  // `tls`: for STARTTLS, checked against `host`. `settings` outlives the link.
  Link(std::unique_ptr<net::Stream> stream, smtp::ClientConfig config, const crypto::TlsContext& tls, std::string host,
       const Settings& settings);
  // Greeting to login. usable() says whether it worked; else failure().
  Task<void> open();
  // Outcomes in the order of the recipients; never leaves one open.
  Task<std::vector<smtp::Outcome>> deliver(smtp::ClientMessage message, Content content);
  Task<void> quit();

  bool usable() const { return fsm_.want() == smtp::ClientFsm::Want::Message; }
  const std::optional<smtp::Reply>& failure() const { return fsm_.session_failure(); }
  bool handshake_failed() const { return handshake_failed_; }
  // The last deliver() ended without a byte from the server: an idle connection that had been closed meanwhile.
  bool was_stale() const { return delivered_ > 1 && !heard_; }
  const smtp::ServerOffer& offer() const { return fsm_.offer(); }
  // Version and cipher; empty without TLS.
  std::pair<std::string, std::string> tls() const;
  const std::string& host() const { return host_; }

 private:
  Task<void> turn(Content* content);
  Task<Result<void>> flush();
  Task<Result<void>> read();
  Task<Result<void>> handshake();
  Task<Result<void>> send_body(Content* content);
  net::Deadline deadline() const;
  std::unique_ptr<net::Stream> stream_;
  smtp::ClientFsm fsm_;
  const crypto::TlsContext& tls_;
  std::string host_;
  const Settings& settings_;
  bool handshake_failed_ = false;
  bool heard_ = false;
  size_t delivered_ = 0;
};

// What a queued message says to a server.
smtp::ClientMessage client_message(const queue::Envelope& envelope, const std::vector<size_t>& recipients, uint64_t size);
queue::ContentReader::View view_of(const queue::Envelope& envelope, const std::vector<size_t>& recipients);
std::vector<queue::Attempt> same_for_all(size_t count, const smtp::Reply& reply, const std::string& remote);

}  // namespace bz::delivery
