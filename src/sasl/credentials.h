// What a directory keeps of an account for the mechanisms, and the fakes for users that do not exist: the same every time
// for one name and key, nobody's secret, so that an exchange takes its usual course and time and fails at its end.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "base/secret.h"
#include "crypto/digest.h"
#include "sasl/digest_md5.h"
#include "sasl/scram.h"

namespace bz::sasl {

struct Credentials {
  bool known = false;  // false: fakes; the exchange fails whatever the client sends
  std::optional<ScramKeys> scram{}, scram_sha1{}, scram_sha512{};  // SCRAM; `scram` is SHA-256's
  std::optional<crypto::HmacMd5States> cram{};                     // CRAM-MD5
  std::optional<DigestSecret> digest{};                            // DIGEST-MD5
  std::optional<Secret> nt_hash{};                                 // NTLM: MD4 of the password in UTF-16LE, 16 bytes
  std::optional<Secret> password{};                                // APOP

  const std::optional<ScramKeys>& scram_keys(crypto::Hash hash) const;
  // Takes over what `other` has; what it lacks stays as it is.
  void take(Credentials other);
};

Credentials fake_credentials(const Secret& key, std::string_view user, uint32_t scram_iterations = kScramIterations);

}  // namespace bz::sasl
