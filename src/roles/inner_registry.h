// Which nodes may speak to the inside. A node counts by its name and its key: a certificate of our authority for another
// key, or of a node that was revoked, is worth nothing. Kept as one small file of lines (docs/wire.md section 4); this
// class only reads and writes its text.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

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
  // Brings one node in, once. Known by the hash of its secret (roles/inner_token.h).
  struct Token {
    std::string name, role;
    int64_t expires = 0;  // Unix seconds
    bool operator==(const Token&) const = default;
  };
  static constexpr size_t kMaxNodes = 1000, kMaxTokens = 100, kMaxText = 1 << 20;
  static Result<NodeRegistry> parse(std::string_view text);  // empty: no nodes
  std::string text() const;

  const std::map<std::string, Node, std::less<>>& nodes() const { return nodes_; }
  // Denied, for the log: unknown, revoked, another key, another role.
  Result<void> check(const crypto::NodeIdentity& identity) const;
  // A new node, or a revoked one with a new key. Exists: it is there and not revoked. Denied: the revoked key. Limit.
  Result<void> add(const crypto::NodeIdentity& identity, int64_t now);
  Result<void> revoke(std::string_view name);  // NotFound
  // Its certificate ends later now.
  void renewed(std::string_view name, int64_t expires);

  // Exists: there is such a node, not revoked. Limit. Drops what has expired.
  Result<void> add_token(const std::string& hash, Token token, int64_t now);
  // Denied: no such token, used, or expired.
  Result<Token> find_token(std::string_view hash, int64_t now) const;
  void drop_token(std::string_view hash);
  bool operator==(const NodeRegistry&) const = default;

 private:
  bool read_node(const std::vector<std::string_view>& words);
  bool read_token(const std::vector<std::string_view>& words);
  std::map<std::string, Node, std::less<>> nodes_;
  std::map<std::string, Token, std::less<>> tokens_;  // by hash
};

}  // namespace bz::roles
