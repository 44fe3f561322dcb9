// Certificates of the inner channel between hosts. They come from an authority of the system's own, name a role, and are
// for one end only: a node's for TLS clients, the inside's for TLS servers, so that neither can play the other. No private
// key leaves the host it was made on: a node sends a request (RFC 2986).
//
//   inside  inner.nodes.buzon.internal              serverAuth
//   node    NAME.ROLE.nodes.buzon.internal          clientAuth
#pragma once
#include <string>
#include <string_view>

#include "crypto/x509.h"

namespace bz::crypto {

inline constexpr char kInnerName[] = "inner.nodes.buzon.internal";
inline constexpr int kNodeDays = 90, kInnerDays = 397;

struct NodeIdentity {
  std::string name, role;                 // "dmz1", "gateway"
  std::string key_sha256;                 // of the public key (SubjectPublicKeyInfo), hex: stays over a renewal
  int64_t not_before = 0, not_after = 0;  // Unix seconds
  bool operator==(const NodeIdentity&) const = default;
};

// 1..32 lower case letters, digits and "-", none of these at an end.
bool is_node_name(std::string_view name);

// A new key (ECDSA P-256) and the request for it. Invalid: not a node name.
Result<SigningRequest> make_node_request(std::string_view name, std::string_view role);
// The request for a key that is there, for a renewal.
Result<std::string> node_request_for(std::string_view name, std::string_view role, const Secret& key_pem);

// Signs the request's key. Nothing else of the request is taken over: name and role are the caller's word. Hostile bytes:
// at most 16 KiB. Invalid: no request, not signed by its own key, or a key that is not ECDSA P-256. One certificate in PEM.
Result<std::string> issue_node_certificate(const CertifiedKey& authority, std::string_view request_pem,
                                           std::string_view name, std::string_view role, int days, const base::Clock& clock,
                                           base::Random& random);

// A certificate in DER as PEM. Invalid: none.
Result<std::string> pem_of(std::string_view der);
// Of a certificate in DER that TLS has verified. Invalid: not a node's.
Result<NodeIdentity> node_identity(std::string_view der);
Result<NodeIdentity> node_identity_pem(std::string_view pem);

}  // namespace bz::crypto
