#include "sasl/scram.h"

#include "base/coding.h"
#include "base/text.h"

namespace bz::sasl {

namespace {

using crypto::Hash;
constexpr size_t kMaxNonce = 512, kMaxSalt = 256;

// printable = %x21-2B / %x2D-7E
bool is_nonce(std::string_view text) {
  if (text.empty() || text.size() > kMaxNonce) return false;
  for (char c : text)
    if (c < 0x21 || c > 0x7e || c == ',') return false;
  return true;
}

// "k=value" up to the next comma; takes it and the comma off `rest`.
std::optional<std::string_view> take_attribute(std::string_view& rest, char key) {
  if (rest.size() < 2 || rest[0] != key || rest[1] != '=') return std::nullopt;
  size_t comma = rest.find(',');
  std::string_view value = rest.substr(2, comma == rest.npos ? rest.npos : comma - 2);
  rest.remove_prefix(comma == rest.npos ? rest.size() : comma + 1);
  return value;
}

Error bad(std::string_view what) { return Error(Errc::Invalid, std::string(what)); }

}  // namespace

void ScramKeys::encode(std::string& out) const {
  base::put_varint(out, iterations);
  base::put_bytes(out, salt);
  base::put_bytes(out, stored_key);
  base::put_bytes(out, server_key);
}

Result<ScramKeys> ScramKeys::decode(Hash hash, std::string_view bytes) {
  const size_t key_size = crypto::digest_size(hash);
  base::Reader in(bytes);
  ScramKeys keys;
  uint64_t iterations = in.varint();
  keys.salt = in.bytes();
  keys.stored_key = in.bytes();
  keys.server_key = in.bytes();
  if (!in.finished() || iterations == 0 || iterations > UINT32_MAX || keys.stored_key.size() != key_size ||
      keys.server_key.size() != key_size || keys.salt.empty())
    return fail(Errc::Corrupt, "SCRAM keys");
  keys.iterations = static_cast<uint32_t>(iterations);
  return keys;
}

ScramKeys make_scram_keys(Hash hash, const Secret& password, std::string_view salt, uint32_t iterations) {
  Secret salted(crypto::pbkdf2(hash, password.reveal(), salt, iterations, crypto::digest_size(hash)));
  ScramKeys keys;
  keys.iterations = iterations;
  keys.salt = salt;
  Secret client_key(crypto::hmac(hash, salted.reveal(), "Client Key"));
  keys.stored_key = crypto::digest(hash, client_key.reveal());
  keys.server_key = crypto::hmac(hash, salted.reveal(), "Server Key");
  return keys;
}

ScramKeys fake_scram_keys(Hash hash, const Secret& key, std::string_view user, uint32_t iterations) {
  const size_t size = crypto::digest_size(hash);
  auto derive = [&](std::string_view what) {
    return crypto::hmac(Hash::Sha512, key.reveal(), std::string(what) + std::to_string(size) + '\0' + base::lower(user));
  };
  ScramKeys keys;
  keys.iterations = iterations;
  keys.salt = derive("salt").substr(0, 16);
  keys.stored_key = derive("stored").substr(0, size);
  keys.server_key = derive("server").substr(0, size);
  return keys;
}

std::string scram_name(std::string_view name) {
  std::string out;
  for (char c : name) {
    if (c == ',') {
      out += "=2C";
    } else if (c == '=') {
      out += "=3D";
    } else {
      out += c;
    }
  }
  return out;
}

std::optional<std::string> from_scram_name(std::string_view encoded) {
  std::string out;
  for (size_t i = 0; i < encoded.size(); ++i) {
    if (encoded[i] == ',' || encoded[i] == '\0') return std::nullopt;
    if (encoded[i] != '=') {
      out += encoded[i];
      continue;
    }
    std::string_view escape = encoded.substr(i, 3);
    if (escape != "=2C" && escape != "=3D") return std::nullopt;
    out += escape == "=2C" ? ',' : '=';
    i += 2;
  }
  return out;
}

std::string xor_bytes(std::string_view a, std::string_view b) {
  BZ_CHECK(a.size() == b.size(), "XOR of unequal sizes");
  std::string out(a);
  for (size_t i = 0; i < out.size(); ++i) out[i] = static_cast<char>(out[i] ^ b[i]);
  return out;
}

Result<ScramClientFirst> parse_client_first(std::string_view message) {
  ScramClientFirst first;
  std::string_view rest = message;
  if (rest.starts_with("n,") || rest.starts_with("y,")) {
    first.binding = rest[0];
    rest.remove_prefix(2);
  } else if (auto cb = take_attribute(rest, 'p'); cb && !cb->empty()) {
    first.binding = 'p';
    first.binding_name = *cb;
  } else {
    return bad("SCRAM: gs2-cbind-flag");
  }
  if (rest.starts_with("a=")) {
    auto authzid = from_scram_name(*take_attribute(rest, 'a'));
    if (!authzid || authzid->empty()) return bad("SCRAM: authzid");
    first.authzid = *authzid;
  } else if (rest.starts_with(",")) {
    rest.remove_prefix(1);
  } else {
    return bad("SCRAM: gs2-header");
  }
  first.gs2_header = message.substr(0, message.size() - rest.size());
  if (!first.gs2_header.ends_with(',')) return bad("SCRAM: gs2-header");
  first.bare = rest;
  if (rest.starts_with("m=")) return bad("SCRAM: mandatory extension");  // RFC 5802 5.1: must fail
  auto encoded = take_attribute(rest, 'n');
  auto user = encoded ? from_scram_name(*encoded) : std::nullopt;
  if (!user || user->empty() || !base::is_utf8(*user)) return bad("SCRAM: username");
  first.user = *user;
  auto nonce = take_attribute(rest, 'r');
  if (!nonce || !is_nonce(*nonce)) return bad("SCRAM: nonce");
  first.nonce = *nonce;
  return first;  // further attributes are extensions we ignore
}

Result<ScramServerFirst> parse_server_first(std::string_view message) {
  ScramServerFirst first;
  if (message.starts_with("m=")) return bad("SCRAM: mandatory extension");
  auto nonce = take_attribute(message, 'r');
  auto salt = nonce ? take_attribute(message, 's') : std::nullopt;
  auto count = salt ? take_attribute(message, 'i') : std::nullopt;
  auto raw_salt = salt ? base::from_base64(*salt) : std::nullopt;
  auto iterations = count ? base::parse_number<uint32_t>(*count) : std::nullopt;
  if (!nonce || !is_nonce(*nonce)) return bad("SCRAM: server nonce");
  if (!raw_salt || raw_salt->empty() || raw_salt->size() > kMaxSalt) return bad("SCRAM: salt");
  if (!iterations || *iterations == 0) return bad("SCRAM: iteration count");
  first.nonce = *nonce;
  first.salt = *raw_salt;
  first.iterations = *iterations;
  return first;
}

Result<ScramClientFinal> parse_client_final(Hash hash, std::string_view message) {
  ScramClientFinal final;
  size_t proof_at = message.rfind(",p=");
  if (proof_at == message.npos) return bad("SCRAM: no proof");
  auto proof = base::from_base64(message.substr(proof_at + 3));
  if (!proof || proof->size() != crypto::digest_size(hash)) return bad("SCRAM: proof");
  final.proof = *proof;
  std::string_view rest = message.substr(0, proof_at);
  final.without_proof = rest;
  auto binding = take_attribute(rest, 'c');
  auto raw_binding = binding ? base::from_base64(*binding) : std::nullopt;
  if (!raw_binding) return bad("SCRAM: channel binding");
  final.binding = *raw_binding;
  auto nonce = take_attribute(rest, 'r');
  if (!nonce || !is_nonce(*nonce)) return bad("SCRAM: nonce");
  final.nonce = *nonce;
  return final;
}

}  // namespace bz::sasl
