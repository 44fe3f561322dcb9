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
    if (words.size() != 7 || words[0] != "node" || !crypto::is_node_name(words[1]) || !crypto::is_node_name(words[2]) ||
        (words[3] != "active" && words[3] != "revoked") || !is_hash(words[4]))
      return bad_line(number);
    auto since = base::parse_number<int64_t>(words[5]), expires = base::parse_number<int64_t>(words[6]);
    if (!since || !expires) return bad_line(number);
    out.nodes_[std::string(words[1])] = {std::string(words[2]), std::string(words[4]), words[3] == "revoked", *since,
                                         *expires};
  }
  return out;
}

std::string NodeRegistry::text() const {
  std::string out(kHead);
  out += "\n";
  for (const auto& [name, node] : nodes_) {
    out += "node " + name + " " + node.role + (node.revoked ? " revoked " : " active ") + node.key_sha256 + " " +
           std::to_string(node.since) + " " + std::to_string(node.expires) + "\n";
  }
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

}  // namespace bz::roles
