// One request of ours to somebody's HTTPS server, by libcurl. It blocks: for a pool. What the server says is hostile: the
// reply has a limit of bytes and of time; the certificate must be of trusted roots and fit the name; redirects are not
// followed, so that the host which was configured is the one that is asked, and of a URL's kinds nothing but the one that
// is named. The only place that knows libcurl.
//
//   https::prepare();                                     // once in a process, before its threads
//   auto reply = https::fetch({.url = "https://id.example.org/keys"}, {}, ca_pem, &stop);
//   if (reply && reply->status == 200) ... reply->body
#pragma once
#include <atomic>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/env.h"
#include "base/result.h"
#include "base/secret.h"

namespace bz::https {

enum class Scheme : uint8_t { Https, Http };  // in clear: what proves itself, as answers of OCSP
struct Request {
  std::string url;
  std::string method = "GET";  // or "POST", "HEAD"
  std::vector<std::pair<std::string, Secret>> headers{};
  Secret body{};  // of POST
  Scheme scheme = Scheme::Https;
};
struct Limits {
  size_t body = 64 << 10, headers = 32 << 10;      // bytes
  base::Millis connect_time{5'000}, time{10'000};  // to the connection; to the end of the reply
};
struct Reply {
  int status = 0;
  std::vector<std::pair<std::string, std::string>> headers{};  // names in lower case
  std::string body{};
  std::string_view header(std::string_view name) const;  // empty: not there
};

// "https://host/..." (or "http://host/...") without user and password, at most 2 KiB of visible ASCII.
bool is_url(std::string_view text, Scheme scheme = Scheme::Https);

Result<void> prepare();
// Invalid: no such URL. Unavailable: no reply (the text says why and is for the administrator); TooLarge: over the limits;
// Cancelled: `stop`, which may be null and is looked at about once a second. `ca_pem` empty: the system's roots. Any
// thread.
Result<Reply> fetch(const Request& request, const Limits& limits, std::string_view ca_pem, const std::atomic<bool>* stop);

}  // namespace bz::https
