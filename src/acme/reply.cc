#include "acme/reply.h"

#include <algorithm>
#include <ctime>

#include "acme/json.h"
#include "base/text.h"

namespace bz::acme {
namespace {

namespace json = boost::json;
constexpr std::string_view kErrorPrefix = "urn:ietf:params:acme:error:";
constexpr int64_t kWeek = 7 * 86'400;
constexpr size_t kMinToken = 22, kMaxToken = 256, kMaxParts = 100;  // 128 bits in base64url (RFC 8555 section 8)

Result<std::string> url_of(const json::object& object, std::string_view key) {
  std::string url = text_of(object, key);
  if (!is_https_url(url)) return fail(Errc::Invalid, std::string(key) + " is no https address");
  return url;
}

Result<Status> status_of(const json::object& object) {
  std::string word = text_of(object, "status");
  if (word == "pending") return Status::Pending;
  if (word == "ready") return Status::Ready;
  if (word == "processing") return Status::Processing;
  if (word == "valid") return Status::Valid;
  if (word == "invalid") return Status::Invalid;
  if (word == "deactivated" || word == "expired" || word == "revoked") return Status::Ended;
  return fail(Errc::Invalid, "status \"" + plain(word) + "\" is not known");
}

std::string short_type(std::string_view type) {
  if (type.starts_with(kErrorPrefix)) type.remove_prefix(kErrorPrefix.size());
  return plain(type);
}

Problem problem_of(const json::object& object) {
  Problem out;
  out.type = short_type(text_of(object, "type"));
  out.detail = plain(text_of(object, "detail"));
  out.status = number_of(object, "status");
  for (const json::object* part : objects_of(object, "subproblems", kMaxParts)) {
    const json::object* identifier = object_of(*part, "identifier");
    out.parts.push_back({identifier ? plain(text_of(*identifier, "value")) : std::string(),
                         short_type(text_of(*part, "type")), plain(text_of(*part, "detail"))});
  }
  return out;
}

Problem error_in(const json::object& object) {
  const json::object* error = object_of(object, "error");
  return error ? problem_of(*error) : Problem{};
}

bool is_token(std::string_view text) {
  return text.size() >= kMinToken && text.size() <= kMaxToken && std::all_of(text.begin(), text.end(), [](char c) {
           return base::is_alpha(c) || base::is_digit(c) || c == '-' || c == '_';
         });
}

}  // namespace

bool is_https_url(std::string_view url) {
  if (!url.starts_with("https://") || url.size() > kMaxUrl || url.size() == 8) return false;
  return std::all_of(url.begin(), url.end(),
                     [](char c) { return c > 0x20 && c < 0x7f && c != '"' && c != '\\' && c != '<' && c != '>'; });
}

std::string plain(std::string_view text) {
  std::string out(text.substr(0, kMaxText));
  // Not through the middle of a character.
  while (!out.empty() && out.size() < text.size() && (static_cast<unsigned char>(text[out.size()]) & 0xc0) == 0x80)
    out.pop_back();
  for (char& c : out)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  return base::is_utf8(out) ? out : "(no readable text)";
}

Result<Directory> parse_directory(std::string_view text) {
  BZ_TRY(json::object object, parse_object(text));
  Directory out;
  BZ_TRY(out.new_nonce, url_of(object, "newNonce"));
  BZ_TRY(out.new_account, url_of(object, "newAccount"));
  BZ_TRY(out.new_order, url_of(object, "newOrder"));
  if (const json::object* meta = object_of(object, "meta")) {
    out.terms = plain(text_of(*meta, "termsOfService"));
    const json::value* external = meta->if_contains("externalAccountRequired");
    out.needs_external_account = external && external->is_bool() && external->as_bool();
  }
  return out;
}

Result<Account> parse_account(std::string_view text) {
  BZ_TRY(json::object object, parse_object(text));
  Account out;
  BZ_TRY(out.status, status_of(object));
  return out;
}

Result<Order> parse_order(std::string_view text) {
  BZ_TRY(json::object object, parse_object(text));
  Order out;
  BZ_TRY(out.status, status_of(object));
  out.authorizations = texts_of(object, "authorizations", kMaxAuthorizations + 1);
  if (out.authorizations.size() > kMaxAuthorizations) return fail(Errc::Limit, "too many authorizations");
  for (const std::string& url : out.authorizations)
    if (!is_https_url(url)) return fail(Errc::Invalid, "an authorization is no https address");
  BZ_TRY(out.finalize, url_of(object, "finalize"));
  out.error = error_in(object);
  if (out.status == Status::Valid) {
    BZ_TRY(out.certificate, url_of(object, "certificate"));
  }
  return out;
}

Result<Authorization> parse_authorization(std::string_view text) {
  BZ_TRY(json::object object, parse_object(text));
  Authorization out;
  BZ_TRY(out.status, status_of(object));
  const json::object* identifier = object_of(object, "identifier");
  if (!identifier || text_of(*identifier, "type") != "dns") return fail(Errc::Invalid, "an authorization without a name");
  out.name = base::lower(plain(text_of(*identifier, "value")));
  const json::value* wildcard = object.if_contains("wildcard");
  out.wildcard = wildcard && wildcard->is_bool() && wildcard->as_bool();
  for (const json::object* one : objects_of(object, "challenges", kMaxChallenges)) {
    Offer offer;
    offer.type = plain(text_of(*one, "type"));
    offer.url = text_of(*one, "url");
    offer.token = text_of(*one, "token");
    auto status = status_of(*one);
    // A kind that this program does not know may look otherwise.
    if (!status || !is_https_url(offer.url) || !is_token(offer.token)) continue;
    offer.status = *status;
    offer.error = error_in(*one);
    out.offers.push_back(std::move(offer));
  }
  return out;
}

Problem parse_problem(std::string_view text) {
  auto object = parse_object(text);
  if (object) {
    Problem problem = problem_of(*object);
    if (problem.set()) return problem;
  }
  return {.type = {}, .detail = text.empty() ? std::string("an empty reply") : plain(text), .status = 0, .parts = {}};
}

int64_t retry_after(std::string_view header, int64_t now) {
  header = base::trim(header);
  if (auto seconds = base::parse_number<uint32_t>(header)) return std::min<int64_t>(*seconds, kWeek);
  tm parts{};
  std::string date(header.substr(0, 64));
  const char* end = strptime(date.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
  if (!end || *end != '\0') return 0;
  return std::clamp<int64_t>(timegm(&parts) - now, 0, kWeek);
}

}  // namespace bz::acme
