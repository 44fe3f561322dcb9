// The door of HTTP-01 (RFC 8555 section 8.3): port 80, where strangers get /.well-known/acme-challenge/TOKEN for tokens
// under way and 404 for everything else. Everything said there is hostile: one request of 4 KiB, five seconds, 200 at once.
#pragma once
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "net/loop.h"
#include "net/stream.h"

namespace bz::acme {

using Authorizations = std::map<std::string, std::string, std::less<>>;  // by token
inline constexpr std::string_view kChallengePath = "/.well-known/acme-challenge/";
inline constexpr size_t kMaxRequest = 4 << 10;

// The whole reply to a request whose head has come; pure.
std::string answer_request(std::string_view head, const Authorizations& authorizations);

class HttpDoor {
 public:
  explicit HttpDoor(net::Loop& loop);
  ~HttpDoor();
  // Takes the listening descriptors in place of those it has; owns them.
  void listen(const std::vector<int>& fds);
  size_t listeners() const { return listeners_.size(); }
  void show(const std::string& token, std::string authorization) { authorizations_[token] = std::move(authorization); }
  void hide(const std::string& token) { authorizations_.erase(token); }

 private:
  Task<void> serve(int fd);
  net::Loop& loop_;
  std::vector<std::unique_ptr<net::Listener>> listeners_;
  Authorizations authorizations_;
  net::TaskGroup tasks_;
};

}  // namespace bz::acme
