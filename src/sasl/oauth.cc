// OAUTHBEARER (RFC 7628) and its predecessor XOAUTH2: the client shows a token, who verifies it is the caller's business. A
// refusal is told in JSON as one more challenge, which the client acknowledges before the exchange fails (RFC 7628 3.2.3).
#include "base/text.h"
#include "sasl/machines.h"
#include "sasl/scram.h"

namespace bz::sasl {

namespace {

constexpr size_t kMaxPairs = 16;

// RFC 6750 section 2.1: b64token
bool is_token(std::string_view text) {
  size_t equals = text.find('=');
  for (char c : text.substr(0, equals))
    if (!base::is_alpha(c) && !base::is_digit(c) && std::string_view("-._~+/").find(c) == std::string_view::npos)
      return false;
  return !text.empty() && equals != 0 && (equals == text.npos || text.find_first_not_of('=', equals) == text.npos);
}

struct OauthMessage {
  std::string user;
  Secret token;
};

// kvsep-separated pairs, "key=value", closed by an empty one; "auth" must be there once.
Result<OauthMessage> parse_pairs(std::string_view text) {
  OauthMessage out;
  if (!text.ends_with("\x01\x01")) return fail(Errc::Invalid, "OAuth: no end");
  text.remove_suffix(2);
  auto pairs = base::split(text, '\x01');
  if (pairs.size() > kMaxPairs) return fail(Errc::Limit, "OAuth: too many pairs");
  bool has_auth = false;
  for (std::string_view pair : pairs) {
    size_t equals = pair.find('=');
    if (equals == pair.npos || equals == 0) return fail(Errc::Invalid, "OAuth: pair");
    std::string_view key = pair.substr(0, equals), value = pair.substr(equals + 1);
    if (key == "user") out.user = value;
    if (key != "auth") continue;
    if (has_auth) return fail(Errc::Invalid, "OAuth: auth");
    has_auth = true;
    if (value.empty()) continue;  // RFC 7628 4.3: asks what would be needed
    if (!base::istarts_with(value, "Bearer ")) return fail(Errc::Invalid, "OAuth: auth");
    value.remove_prefix(7);
    while (value.starts_with(' ')) value.remove_prefix(1);
    if (!is_token(value)) return fail(Errc::Invalid, "OAuth: token");
    out.token = Secret(std::string(value));
  }
  if (!has_auth) return fail(Errc::Invalid, "OAuth: no token");
  return out;
}

// RFC 7628 3.1: client-resp = (gs2-header kvsep *kvpair kvsep); channel bindings are not defined for it.
Result<OauthMessage> parse_oauthbearer(std::string_view message) {
  size_t end = message.find('\x01');
  std::string_view header = message.substr(0, end);
  if (end == message.npos || !(header.starts_with("n,") || header.starts_with("y,")) || !header.ends_with(',') ||
      header.size() < 3)
    return fail(Errc::Invalid, "OAUTHBEARER: gs2-header");
  std::string_view name = header.substr(2, header.size() - 3);
  std::string user;
  if (!name.empty()) {
    auto decoded = name.starts_with("a=") ? from_scram_name(name.substr(2)) : std::nullopt;
    if (!decoded || !is_field(*decoded)) return fail(Errc::Invalid, "OAUTHBEARER: authzid");
    user = std::move(*decoded);
  }
  BZ_TRY(OauthMessage out, parse_pairs(message.substr(end + 1)));
  out.user = std::move(user);
  return out;
}

// "user=" name kvsep "auth=Bearer " token kvsep kvsep
Result<OauthMessage> parse_xoauth2(std::string_view message) {
  BZ_TRY(OauthMessage out, parse_pairs(message));
  if (!is_field(out.user)) return fail(Errc::Invalid, "XOAUTH2: user");
  return out;
}

class Oauth : public ServerMechanism {
 public:
  explicit Oauth(bool bearer) : bearer_(bearer) {}

 private:
  Step on_start() override { return Challenge{}; }
  Step on_message(std::string_view message) override {
    if (told_) return refused("token not valid, or not of this user");
    auto parsed = bearer_ ? parse_oauthbearer(message) : parse_xoauth2(message);
    if (!parsed) return malformed(parsed.error().text());
    user_ = parsed->user;
    if (parsed->token.empty()) return on_identified(std::nullopt);
    return NeedToken{user_, std::move(parsed->token)};
  }
  Step on_identified(std::optional<std::string> user) override {
    if (user) return Done{std::move(*user), user_, {}};
    told_ = true;
    return Challenge{bearer_ ? R"({"status":"invalid_token"})" : R"({"status":"401","schemes":"bearer"})"};
  }
  bool bearer_, told_ = false;
  std::string user_;
};

}  // namespace

Machine make_oauth(Kind kind) { return std::make_unique<Oauth>(kind == Kind::OauthBearer); }

}  // namespace bz::sasl
