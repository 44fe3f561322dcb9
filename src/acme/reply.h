// What an authority says (RFC 8555 section 7.1), as values. Its bytes are hostile: sizes, counts and depth are limited,
// addresses must be https, texts for people come out without control characters. Pure functions.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace bz::acme {

inline constexpr size_t kMaxReply = 256 << 10;  // of one reply, a certificate chain included
inline constexpr size_t kMaxUrl = 2048, kMaxNonce = 512, kMaxAuthorizations = 100, kMaxChallenges = 20, kMaxText = 500;

// An error document (RFC 7807, RFC 8555 section 6.7).
struct Problem {
  std::string type;    // without "urn:ietf:params:acme:error:": "rateLimited"; else as it came
  std::string detail;  // for people
  int64_t status = 0;  // of HTTP; 0: not said
  struct Part {
    std::string name, type, detail;  // whose identifier it is about
  };
  std::vector<Part> parts;
  bool set() const { return !type.empty() || !detail.empty(); }
};

enum class Status : uint8_t { Pending, Ready, Processing, Valid, Invalid, Ended };  // Ended: deactivated, expired, revoked

struct Directory {
  std::string new_nonce, new_account, new_order;
  std::string terms;  // address of the terms of service; empty: none
  bool needs_external_account = false;
};
struct Account {
  Status status = Status::Valid;
};
struct Order {
  Status status = Status::Pending;
  std::vector<std::string> authorizations;
  std::string finalize, certificate;  // certificate: set when Valid
  Problem error;
};
struct Offer {
  std::string type;  // "http-01"
  std::string url, token;
  Status status = Status::Pending;
  Problem error;
};
struct Authorization {
  Status status = Status::Pending;
  std::string name;  // without "*."
  bool wildcard = false;
  std::vector<Offer> offers;  // those of a kind that has a token
};

Result<Directory> parse_directory(std::string_view json);
Result<Account> parse_account(std::string_view json);
Result<Order> parse_order(std::string_view json);
Result<Authorization> parse_authorization(std::string_view json);
// Never fails: what is no error document becomes its detail.
Problem parse_problem(std::string_view text);

bool is_https_url(std::string_view url);
// Seconds from now that a Retry-After asks for (RFC 9110 section 10.2.3), 0 to a week; 0: none, or not understood.
int64_t retry_after(std::string_view header, int64_t now);
// One line for people and logs: kMaxText bytes at most, no control characters.
std::string plain(std::string_view text);

}  // namespace bz::acme
