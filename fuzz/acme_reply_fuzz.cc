// rooms: base crypto acme
// What an authority says, and what strangers say at the door of HTTP-01. First byte: which.
// Held: no crash, no deep recursion; addresses that come out are https, texts are plain, tokens are safe in a path; nobody
// gets a proof without its token.
#include <algorithm>
#include <cstdint>

#include "acme/explain.h"
#include "acme/http_challenge.h"
#include "acme/order.h"
#include "acme/reply.h"
#include "acme/schedule.h"
#include "base/check.h"
#include "base/text.h"

using namespace bz;
using namespace bz::acme;

namespace {

void check_plain(std::string_view text) {
  BZ_CHECK(text.size() <= kMaxText && base::is_utf8(text), "a text for people");
  for (char c : text) BZ_CHECK(static_cast<unsigned char>(c) >= 0x20 && c != 0x7f, "a control character");
}

void check_problem(const Problem& problem) {
  check_plain(problem.type);
  check_plain(problem.detail);
  std::string said = explain(problem, "mail.example.test", kHttp01);
  BZ_CHECK(!said.empty() && base::is_utf8(said), "an explanation");
}

void check_authorization(std::string_view text) {
  auto authorization = parse_authorization(text);
  if (!authorization) return;
  check_plain(authorization->name);
  BZ_CHECK(authorization->offers.size() <= kMaxChallenges, "count of challenges");
  for (const Offer& offer : authorization->offers) {
    BZ_CHECK(is_https_url(offer.url) && offer.token.find_first_of("/.% ") == offer.token.npos, "address and token");
    check_problem(offer.error);
  }
}

void check_order(std::string_view text) {
  auto order = parse_order(text);
  if (!order) return;
  BZ_CHECK(order->authorizations.size() <= kMaxAuthorizations && is_https_url(order->finalize), "order");
  BZ_CHECK(order->status != Status::Valid || is_https_url(order->certificate), "certificate");
  for (const std::string& url : order->authorizations) BZ_CHECK(is_https_url(url), "authorization");
  check_problem(order->error);
}

void check_chain(std::string_view text) {
  static const crypto::SigningRequest kRequest =
      *crypto::make_signing_request({"mail.example.test"}, crypto::KeyKind::EcdsaP256);
  auto pair = check_issued(text, kRequest.key_pem, {{"mail.example.test"}}, 1'800'000'000);
  BZ_CHECK(!pair, "a certificate for a key that nobody has certified");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 1) return 0;
  std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 8) {
    case 0:
      if (auto directory = parse_directory(text)) {
        BZ_CHECK(is_https_url(directory->new_order) && is_https_url(directory->new_account), "directory");
        check_plain(directory->terms);
      }
      break;
    case 1:
      check_order(text);
      break;
    case 2:
      check_authorization(text);
      break;
    case 3:
      check_problem(parse_problem(text));
      break;
    case 4: {
      int64_t wait = retry_after(text, 1'800'000'000);
      BZ_CHECK(wait >= 0 && wait <= 7 * 86'400, "Retry-After");
      break;
    }
    case 5: {
      static const Authorizations kShown{{"a-token-of-ours", "a-proof-of-ours"}};
      std::string reply = answer_request(text, kShown);
      BZ_CHECK(reply.starts_with("HTTP/1.1 "), "a reply");
      const bool told = reply.find("a-proof-of-ours") != reply.npos;
      BZ_CHECK(!told || text.find("a-token-of-ours") != text.npos, "a proof that nobody asked for");
      break;
    }
    case 6:
      if (auto records = parse_records(text)) BZ_CHECK(parse_records(print_records(*records)).has_value(), "records");
      break;
    case 7:
      check_chain(text);
      break;
  }
  return 0;
}
