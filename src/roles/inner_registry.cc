#include "roles/inner_registry.h"

#include "base/text.h"

namespace bz::roles {
namespace {

constexpr std::string_view kHead = "buzon nodes 1";

bool is_hash(std::string_view text) {
  auto bytes = base::from_hex(text);
  return bytes && bytes->size() == 32;
}

Error bad_line(size_t number) { return fail(Errc::Corrupt, "nodes: line " + std::to_string(number) + " cannot be read"); }

}  // namespace

Result<NodeRegistry> NodeRegistry::parse(std::string_view text) {
  NodeRegistry out;
  if (text.size() > kMaxText) return fail(Errc::TooLarge, "nodes: over 1 MiB");
  size_t number = 0;
  for (std::string_view line : base::split(text, '\n')) {
    ++number;
    if (number == 1 && !text.empty() && line != kHead) return fail(Errc::Unsupported, "nodes: another version");
    if (number == 1 || line.empty()) continue;
    const auto words = base::split(line, ' ');
    const bool read = words[0] == "node" ? out.read_node(words) : words[0] == "token" && out.read_token(words);
    if (!read) return bad_line(number);
  }
  return out;
}

bool NodeRegistry::read_node(const std::vector<std::string_view>& words) {
  if (words.size() != 7 || !crypto::is_node_name(words[1]) || !crypto::is_node_name(words[2]) ||
      (words[3] != "active" && words[3] != "revoked") || !is_hash(words[4]))
    return false;
  const auto since = base::parse_number<int64_t>(words[5]), expires = base::parse_number<int64_t>(words[6]);
  if (!since || !expires) return false;
  nodes_[std::string(words[1])] = {std::string(words[2]), std::string(words[4]), words[3] == "revoked", *since, *expires};
  return true;
}

bool NodeRegistry::read_token(const std::vector<std::string_view>& words) {
  if (words.size() != 5 || !is_hash(words[1]) || !crypto::is_node_name(words[2]) || !crypto::is_node_name(words[3]))
    return false;
  const auto expires = base::parse_number<int64_t>(words[4]);
  if (!expires) return false;
  tokens_[std::string(words[1])] = {std::string(words[2]), std::string(words[3]), *expires};
  return true;
}

std::string NodeRegistry::text() const {
  std::string out(kHead);
  out += "\n";
  for (const auto& [name, node] : nodes_) {
    out += "node " + name + " " + node.role + (node.revoked ? " revoked " : " active ") + node.key_sha256 + " " +
           std::to_string(node.since) + " " + std::to_string(node.expires) + "\n";
  }
  for (const auto& [hash, token] : tokens_)
    out += "token " + hash + " " + token.name + " " + token.role + " " + std::to_string(token.expires) + "\n";
  return out;
}

Result<void> NodeRegistry::check(const crypto::NodeIdentity& identity) const {
  auto it = nodes_.find(identity.name);
  if (it == nodes_.end()) return fail(Errc::Denied, "unknown node " + identity.name);
  if (it->second.revoked) return fail(Errc::Denied, "node " + identity.name + " is revoked");
  if (it->second.key_sha256 != identity.key_sha256) return fail(Errc::Denied, "node " + identity.name + " has another key");
  if (it->second.role != identity.role) return fail(Errc::Denied, "node " + identity.name + " has another role");
  return {};
}

Result<void> NodeRegistry::add(const crypto::NodeIdentity& identity, int64_t now) {
  auto it = nodes_.find(identity.name);
  if (it != nodes_.end() && !it->second.revoked)
    return fail(Errc::Exists, "there is a node " + identity.name + "; revoke it first");
  if (it != nodes_.end() && it->second.key_sha256 == identity.key_sha256)
    return fail(Errc::Denied, "this key of node " + identity.name + " is revoked; make another one");
  if (it == nodes_.end() && nodes_.size() >= kMaxNodes) return fail(Errc::Limit, "too many nodes");
  nodes_[identity.name] = {identity.role, identity.key_sha256, false, now, identity.not_after};
  return {};
}

Result<void> NodeRegistry::revoke(std::string_view name) {
  auto it = nodes_.find(name);
  if (it == nodes_.end()) return fail(Errc::NotFound, "there is no node " + std::string(name));
  it->second.revoked = true;
  return {};
}

void NodeRegistry::renewed(std::string_view name, int64_t expires) {
  if (auto it = nodes_.find(name); it != nodes_.end()) it->second.expires = expires;
}

Result<void> NodeRegistry::add_token(const std::string& hash, Token token, int64_t now) {
  std::erase_if(tokens_, [now](const auto& item) { return item.second.expires <= now; });
  auto node = nodes_.find(token.name);
  if (node != nodes_.end() && !node->second.revoked)
    return fail(Errc::Exists, "there is a node " + token.name + "; revoke it first");
  if (tokens_.size() >= kMaxTokens) return fail(Errc::Limit, "too many tokens wait; they expire by themselves");
  tokens_[hash] = std::move(token);
  return {};
}

Result<NodeRegistry::Token> NodeRegistry::find_token(std::string_view hash, int64_t now) const {
  auto it = tokens_.find(hash);
  if (it == tokens_.end() || it->second.expires <= now)
    return fail(Errc::Denied, "this token is unknown, used or has expired; make another one inside: buzon node token");
  return it->second;
}

void NodeRegistry::drop_token(std::string_view hash) {
  if (auto it = tokens_.find(hash); it != tokens_.end()) tokens_.erase(it);
}

}  // namespace bz::roles
