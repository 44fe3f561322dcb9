#include "sasl/digest_md5.h"

#include <algorithm>
#include <optional>

#include "base/coding.h"
#include "base/text.h"
#include "crypto/digest.h"
#include "sasl/machines.h"

namespace bz::sasl {

namespace {

constexpr size_t kHash = 16, kMaxHashes = 8, kMaxDirectives = 24;

// nullopt: a character beyond U+00FF. `text` is UTF-8.
std::optional<std::string> to_latin1(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    unsigned char c = static_cast<unsigned char>(text[i]);
    if (c >= 0x80) {
      if (c > 0xc3 || i + 1 == text.size()) return std::nullopt;
      c = static_cast<unsigned char>((c & 3) << 6 | (static_cast<unsigned char>(text[++i]) & 0x3f));
    }
    out += static_cast<char>(c);
  }
  return out;
}

std::string from_latin1(std::string_view text) {
  std::string out;
  for (char c : text) base::append_utf8(out, static_cast<unsigned char>(c));
  return out;
}

bool is_token_char(char c) {
  return c > 0x20 && c < 0x7f && std::string_view("()<>@,;:\\\"/[]?={}").find(c) == std::string_view::npos;
}

void skip_spaces(std::string_view& rest) {
  while (!rest.empty() && (rest[0] == ' ' || rest[0] == '\t' || rest[0] == '\r' || rest[0] == '\n')) rest.remove_prefix(1);
}

std::string_view take_token(std::string_view& rest) {
  size_t size = 0;
  while (size < rest.size() && is_token_char(rest[size])) ++size;
  std::string_view token = rest.substr(0, size);
  rest.remove_prefix(size);
  return token;
}

// quoted-string (RFC 2616 2.2) or, as some clients send, a bare token; '/' for an unquoted digest-uri.
std::optional<std::string> take_value(std::string_view& rest) {
  if (!rest.starts_with('"')) {
    size_t size = 0;
    while (size < rest.size() && (is_token_char(rest[size]) || rest[size] == '/' || rest[size] == '=')) ++size;
    std::string value(rest.substr(0, size));
    rest.remove_prefix(size);
    return value.empty() ? std::nullopt : std::optional(std::move(value));
  }
  std::string out;
  for (size_t i = 1; i < rest.size(); ++i) {
    if (rest[i] == '"') {
      rest.remove_prefix(i + 1);
      return out;
    }
    if (rest[i] == '\\') ++i;
    if (i == rest.size()) break;
    out += rest[i];
  }
  return std::nullopt;
}

bool is_lower_hex(std::string_view text, size_t size) {
  return text.size() == size &&
         std::all_of(text.begin(), text.end(), [](char c) { return base::is_digit(c) || (c >= 'a' && c <= 'f'); });
}

// The answer of one exchange; without subsequent authentication (RFC 2831 2.2) a nonce counts once, as nc=00000001: an
// answer heard before fits no later nonce.
class DigestMd5 : public ServerMechanism {
 public:
  DigestMd5(ServerOptions options, base::Random& random)
      : options_(std::move(options)), nonce_(options_.nonce.empty() ? base::base64(random.bytes(24)) : options_.nonce) {}

 private:
  Step on_start() override {
    return Challenge{"realm=\"" + options_.realm + "\",nonce=\"" + nonce_ +
                     "\",qop=\"auth\",charset=utf-8,algorithm=md5-sess"};
  }
  Step on_message(std::string_view message) override {
    if (!asked_ && message.empty()) {  // an initial response where there is none to give
      asked_ = true;
      return on_start();
    }
    asked_ = true;
    auto said = parse_digest_response(message);
    if (!said) return malformed(said.error().text());
    said_ = std::move(*said);
    if (said_.nonce != nonce_ || said_.nc != "00000001")
      return refused("DIGEST-MD5: a nonce that is not ours, or used before");
    if (said_.qop != "auth") return malformed("DIGEST-MD5: qop " + said_.qop);
    if (said_.realm != options_.realm) return refused("DIGEST-MD5: realm");
    // Which host he means is proved by the certificate already, and it may have several names.
    if (!options_.service.empty() && !base::istarts_with(said_.uri, options_.service + "/"))
      return refused("DIGEST-MD5: digest-uri is for another service");
    return NeedCredentials{said_.username};
  }
  Step on_supply(const Credentials& credentials) override {
    if (!credentials.digest) return refused("no DIGEST-MD5 secret");
    const DigestSecret& secret = *credentials.digest;
    std::string right;
    // Always as many as there can be: how an account's name and password are spelled shows in no time.
    for (size_t i = 0; i < kMaxHashes; ++i) {
      const std::string& hash = secret.hashes[i % secret.hashes.size()];
      if (base::equal_constant_time(digest_response(said_, hash, true), said_.response)) right = hash;
    }
    // A fake's realm is empty.
    if (right.empty() && !secret.realm.empty() && secret.realm != options_.realm)
      return refused("the DIGEST-MD5 secret was made for the realm " + secret.realm);
    if (right.empty() || !credentials.known) return refused("wrong password or unknown user");
    return Done{said_.username, said_.authzid, "rspauth=" + digest_response(said_, right, false)};
  }

  ServerOptions options_;
  std::string nonce_;
  DigestResponse said_;
  bool asked_ = false;
};

}  // namespace

std::string DigestSecret::encode() const {
  std::string out;
  base::put_bytes(out, realm);
  base::put_varint(out, hashes.size());
  for (const std::string& hash : hashes) out += hash;
  return out;
}

Result<DigestSecret> DigestSecret::decode(std::string_view bytes) {
  base::Reader in(bytes);
  DigestSecret secret;
  secret.realm = in.bytes();
  uint64_t count = in.varint();
  if (count == 0 || count > kMaxHashes) in.fail();
  for (uint64_t i = 0; i < count && in.ok(); ++i) secret.hashes.emplace_back(in.take(kHash));
  if (!in.finished()) return fail(Errc::Corrupt, "DIGEST-MD5 secret");
  return secret;
}

DigestSecret make_digest_secret(std::span<const std::string> names, std::string_view realm, const Secret& password) {
  DigestSecret secret{std::string(realm), {}};
  auto add = [&](std::string text) {
    std::string hash = crypto::md5(text);
    base::wipe(text.data(), text.size());
    if (std::find(secret.hashes.begin(), secret.hashes.end(), hash) == secret.hashes.end()) secret.hashes.push_back(hash);
  };
  const std::string middle = ":" + std::string(realm) + ":", word(password.reveal());
  auto latin_word = to_latin1(word);
  for (const std::string& name : names) {
    if (secret.hashes.size() + 2 > kMaxHashes) break;
    add(name + middle + word);
    add(to_latin1(name).value_or(name) + middle + latin_word.value_or(word));
  }
  return secret;
}

Result<DigestResponse> parse_digest_response(std::string_view message) {
  DigestResponse out;
  const std::pair<std::string_view, std::string DigestResponse::*> kKnown[] = {{"username", &DigestResponse::username},
                                                                               {"realm", &DigestResponse::realm},
                                                                               {"nonce", &DigestResponse::nonce},
                                                                               {"cnonce", &DigestResponse::cnonce},
                                                                               {"nc", &DigestResponse::nc},
                                                                               {"qop", &DigestResponse::qop},
                                                                               {"digest-uri", &DigestResponse::uri},
                                                                               {"response", &DigestResponse::response},
                                                                               {"authzid", &DigestResponse::authzid}};
  std::vector<std::string> seen;
  bool utf8 = false;
  std::string_view rest = message;
  for (;;) {
    skip_spaces(rest);
    while (rest.starts_with(',')) rest.remove_prefix(1), skip_spaces(rest);
    if (rest.empty()) break;
    std::string key = base::lower(take_token(rest));
    skip_spaces(rest);
    if (key.empty() || !rest.starts_with('=')) return fail(Errc::Invalid, "DIGEST-MD5: directive");
    rest.remove_prefix(1);
    skip_spaces(rest);
    auto value = take_value(rest);
    if (!value || value->size() > kMaxField) return fail(Errc::Invalid, "DIGEST-MD5: value of " + key);
    skip_spaces(rest);
    if (!rest.empty() && rest[0] != ',') return fail(Errc::Invalid, "DIGEST-MD5: no comma");
    // RFC 2831 2.1.2: each of ours at most once.
    if (std::find(seen.begin(), seen.end(), key) != seen.end()) return fail(Errc::Invalid, "DIGEST-MD5: " + key + " twice");
    if (seen.size() == kMaxDirectives) return fail(Errc::Limit, "DIGEST-MD5: too many directives");
    seen.push_back(key);
    if (key == "charset") utf8 = base::iequals(*value, "utf-8");
    for (const auto& [name, member] : kKnown)
      if (key == name) out.*member = *value;
  }
  if (out.qop.empty()) out.qop = "auth";
  if (!utf8) out.username = from_latin1(out.username);
  if (!is_field(out.username)) return fail(Errc::Invalid, "DIGEST-MD5: username");
  if (!out.authzid.empty() && !is_field(out.authzid)) return fail(Errc::Invalid, "DIGEST-MD5: authzid");
  if (out.nonce.empty() || out.cnonce.empty() || out.uri.empty())
    return fail(Errc::Invalid, "DIGEST-MD5: a directive is missing");
  if (!is_lower_hex(out.nc, 8)) return fail(Errc::Invalid, "DIGEST-MD5: nc");
  if (!is_lower_hex(out.response, 32)) return fail(Errc::Invalid, "DIGEST-MD5: response");
  return out;
}

std::string digest_response(const DigestResponse& said, std::string_view hash, bool client) {
  std::string a1 = std::string(hash) + ":" + said.nonce + ":" + said.cnonce;
  if (!said.authzid.empty()) a1 += ":" + said.authzid;
  std::string a2 = (client ? "AUTHENTICATE:" : ":") + said.uri;
  std::string key = base::hex(crypto::md5(a1));
  base::wipe(a1.data(), a1.size());
  return base::hex(crypto::md5(key + ":" + said.nonce + ":" + said.nc + ":" + said.cnonce + ":" + said.qop + ":" +
                               base::hex(crypto::md5(a2))));
}

Machine make_digest_md5(ServerOptions options, base::Random& random) {
  return std::make_unique<DigestMd5>(std::move(options), random);
}

}  // namespace bz::sasl
