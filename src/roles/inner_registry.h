// Which nodes may speak to the inside. A node counts by its name and its key: a certificate of our authority for another
// key, or of a node that was revoked, is worth nothing. Kept as one small file of lines (docs/wire.md section 4); this
// class only reads and writes its text.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "crypto/node_certificate.h"

namespace bz::roles {

class NodeRegistry {
 public:
  struct Node {
    std::string role, key_sha256;
    bool revoked = false;
    int64_t since = 0, expires = 0;  // Unix seconds: when its key was taken in, when its certificate ends
    bool operator==(const Node&) const = default;
  };
  static constexpr size_t kMaxNodes = 1000, kMaxText = 1 << 20;
  static Result<NodeRegistry> parse(std::string_view text);  // empty: no nodes
  std::string text() const;

  const std::map<std::string, Node, std::less<>>& nodes() const { return nodes_; }
  // Denied, for the log: unknown, revoked, another key, another role.
  Result<void> check(const crypto::NodeIdentity& identity) const;
  // A new node, or a revoked one with a new key. Exists: it is there and not revoked. Denied: the revoked key. Limit.
  Result<void> add(const crypto::NodeIdentity& identity, int64_t now);
  Result<void> revoke(std::string_view name);  // NotFound
  bool operator==(const NodeRegistry&) const = default;

 private:
  std::map<std::string, Node, std::less<>> nodes_;
};

}  // namespace bz::roles
