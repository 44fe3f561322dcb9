#include "sasl/credentials.h"

#include "base/text.h"

namespace bz::sasl {

const std::optional<ScramKeys>& Credentials::scram_keys(crypto::Hash hash) const {
  switch (hash) {
    case crypto::Hash::Sha1:
      return scram_sha1;
    case crypto::Hash::Sha512:
      return scram_sha512;
    default:
      return scram;
  }
}

void Credentials::take(Credentials other) {
  auto take = [](auto& ours, auto& theirs) {
    if (theirs) ours = std::move(theirs);
  };
  take(scram, other.scram), take(scram_sha1, other.scram_sha1), take(scram_sha512, other.scram_sha512);
  take(cram, other.cram), take(digest, other.digest), take(nt_hash, other.nt_hash), take(password, other.password);
}

Credentials fake_credentials(const Secret& key, std::string_view user, uint32_t scram_iterations) {
  using crypto::Hash;
  auto derive = [&](std::string_view what) {
    return crypto::hmac(Hash::Sha256, key.reveal(), std::string(what) + '\0' + base::lower(user));
  };
  Credentials fake;
  fake.scram_sha1 = fake_scram_keys(Hash::Sha1, key, user, scram_iterations);
  fake.scram = fake_scram_keys(Hash::Sha256, key, user, scram_iterations);
  fake.scram_sha512 = fake_scram_keys(Hash::Sha512, key, user, scram_iterations);
  fake.cram = crypto::hmac_md5_states(derive("cram"));
  std::string hashes = derive("digest");
  fake.digest = DigestSecret{"", {hashes.substr(0, 16), hashes.substr(16, 16)}};
  fake.nt_hash = Secret(derive("nt").substr(0, 16));
  fake.password = Secret(base::hex(derive("apop")));
  return fake;
}

}  // namespace bz::sasl
