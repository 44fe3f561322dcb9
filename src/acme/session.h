// One account at one authority: signed requests, nonces and their loss, the authority's refusals (RFC 8555 sections 6 and
// 7.1 to 7.3). One thread; knows no socket: Http is libcurl (https.h) or a test's authority.
#pragma once
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "acme/reply.h"
#include "base/env.h"
#include "base/secret.h"
#include "base/task.h"
#include "crypto/es256.h"

namespace bz::acme {

using base::Millis;

struct HttpRequest {
  std::string method;  // GET, HEAD, POST
  std::string url;
  std::string body, content_type, accept;
};
struct HttpReply {
  int status = 0;
  std::string body;  // at most kMaxReply
  std::string nonce, location, retry_after;
};
class Http {
 public:
  virtual ~Http() = default;
  // Unavailable: no reply came, and why. Bounded in time and size; redirects are not followed.
  virtual Task<Result<HttpReply>> send(HttpRequest request) = 0;
};

// What the room needs of the outside; all outlive it.
struct Outside {
  Http& http;
  base::Clock& clock;
  base::Random& random;
  std::function<Task<void>(Millis)> sleep;
};

class Session {
 public:
  struct Options {
    std::string directory{};              // address
    std::vector<std::string> contacts{};  // "mailto:..."
    bool terms_agreed = false;
    std::string external_key_id{};  // with external_key, raw bytes: external account binding
    Secret external_key{};
  };
  struct Answer {
    std::string body, location;
    int64_t retry_after = 0;  // seconds; 0: not said
  };
  Session(Outside outside, Options options, crypto::Es256Key key);

  // Fetches the directory; new_nonce too. What `buzon acme test` asks.
  Task<Result<Directory>> look();
  // The directory and the account, which is made when the key has none.
  Task<Result<void>> open();
  // POST with the account; an empty payload is a POST-as-GET. A refusal is an Error (Limit: a rate limit; Unavailable: the
  // authority is in trouble; else Denied) and stands in refusal() until the next call.
  Task<Result<Answer>> post(std::string url, std::string payload);
  const Problem& refusal() const { return refusal_; }
  int64_t wait() const { return wait_; }  // seconds that the last refusal asks to wait; 0: not said

  const crypto::Es256Key& key() const { return key_; }
  const Directory& directory() const { return directory_; }
  const Outside& outside() const { return outside_; }

 private:
  enum class As : uint8_t { Account, Key };
  Task<Result<Answer>> post_as(As as, std::string url, std::string payload);
  Task<Result<HttpReply>> send_signed(As as, const std::string& url, const std::string& payload);
  Task<Result<void>> fetch_nonce();
  std::string registration() const;
  void keep_nonce(const HttpReply& reply);
  Error refuse(const HttpReply& reply);

  Outside outside_;
  Options options_;
  crypto::Es256Key key_;
  Directory directory_;
  std::string account_, nonce_;
  Problem refusal_;
  int64_t wait_ = 0;
};

}  // namespace bz::acme
