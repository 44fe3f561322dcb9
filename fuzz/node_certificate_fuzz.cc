// rooms: base crypto
// What a node sends to the inside: a certificate request in PEM, and a certificate in DER. Whatever is signed must be read
// back as the name and role that we said, and not those of the request.
#include <cstdlib>

#include "crypto/node_certificate.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace bz;
  static const crypto::CertifiedKey authority =
      crypto::make_authority("nodes", base::system_clock(), base::system_random()).value();
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  auto certificate =
      crypto::issue_node_certificate(authority, bytes, "dmz1", "gateway", 90, base::system_clock(), base::system_random());
  if (certificate) {
    auto identity = crypto::node_identity_pem(*certificate);
    if (!identity || identity->name != "dmz1" || identity->role != "gateway") std::abort();
  }
  auto identity = crypto::node_identity(bytes);
  if (identity && (!crypto::is_node_name(identity->name) || !crypto::is_node_name(identity->role))) std::abort();
  auto pem = crypto::pem_of(bytes);
  if (identity && !pem) std::abort();
  return 0;
}
