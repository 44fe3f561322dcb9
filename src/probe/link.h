// One connection of the probe: lines with limits. Lines end in CRLF or LF; what is longer than 16 KiB, or more than 4 MiB
// in all, is TooLarge: no server of good will says so much to a probe.
#pragma once
#include <memory>
#include <string>

#include "crypto/tls.h"
#include "net/stream.h"

namespace bz::probe {

class Link {
 public:
  Link(std::unique_ptr<net::Stream> stream, net::Millis patience) : stream_(std::move(stream)), patience_(patience) {}
  Task<Result<std::string>> line();
  Task<Result<std::string>> bytes(size_t count);  // a literal; at most 1 MiB
  Task<Result<void>> say(std::string text);       // CRLF is added
  // What was heard in clear and not read is forgotten (RFC 3207 section 4.2).
  Task<Result<net::TlsInfo>> secure(const crypto::TlsContext& context, std::string host);
  const net::TlsInfo& tls() const { return stream_->tls(); }
  crypto::PeerCertificates certificates() const { return stream_->peer_certificates(); }

 private:
  Task<Result<void>> fill();
  std::unique_ptr<net::Stream> stream_;
  net::Millis patience_;
  std::string input_;
  size_t heard_ = 0;
};

}  // namespace bz::probe
