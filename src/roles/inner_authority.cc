// The inside's authority and its list of nodes: STATE/inner, ours alone.
#include "base/date.h"
#include "base/log.h"
#include "base/text.h"
#include "os/file.h"
#include "roles/inner_door.h"

namespace bz::roles {
namespace {

constexpr char kAuthority[] = "ca.pem", kAuthorityKey[] = "ca-key.pem", kNodes[] = "nodes";
constexpr size_t kMaxPem = 16 << 10;

}  // namespace

// The key never leaves this folder. Before threads and traffic: may block.
Result<void> InnerRole::read_authority() {
  if (!os::exists(os::kHere, kAuthority)) {
    BZ_TRY(auto made, crypto::make_authority("buzon nodes of " + host_->config().host.substr(0, 40), base::system_clock(),
                                             base::system_random()));
    // The key first: a certificate without its key would be found at the next start.
    BZ_TRY_VOID(os::write_file(os::kHere, kAuthorityKey, made.key_pem.reveal(), 0600));
    BZ_TRY_VOID(os::write_file(os::kHere, kAuthority, made.chain_pem, 0600));
    log::event(log::Info, "authority_made");
  }
  BZ_TRY(authority_.chain_pem, os::read_file(os::kHere, kAuthority, kMaxPem));
  BZ_TRY(std::string key, os::read_secret_file(os::kHere, kAuthorityKey, kMaxPem));
  authority_.key_pem = Secret(std::move(key));
  if (!os::exists(os::kHere, kNodes)) return {};
  BZ_TRY(std::string nodes, os::read_file(os::kHere, kNodes, NodeRegistry::kMaxText));
  BZ_TRY(registry_, NodeRegistry::parse(nodes));
  return {};
}

// A new key and certificate for our end: at each start, and each day after it.
Result<void> InnerRole::make_context() {
  crypto::CertificateRequest request;
  request.names = {crypto::kInnerName};
  request.days = crypto::kInnerDays;
  BZ_TRY(auto own, crypto::issue_server_certificate(authority_, request, base::system_clock(), base::system_random()));
  own.chain_pem += authority_.chain_pem;
  crypto::TlsServerOptions options;
  options.profile = crypto::TlsProfile::Modern;
  BZ_TRY(options.client_authorities, crypto::ClientAuthorities::make(authority_.chain_pem, {}));
  options.hosts.push_back({std::move(own)});
  options.client_certificates = crypto::ClientCertificates::Required;
  BZ_TRY(tls_, crypto::make_tls_server(options));
  options.client_certificates = crypto::ClientCertificates::Optional;
  BZ_TRY(enroll_tls_, crypto::make_tls_server(options));
  return {};
}

Result<std::string> InnerRole::add_node(const std::string& name, std::string_view request_pem) {
  BZ_TRY(std::string certificate,
         crypto::issue_node_certificate(authority_, request_pem, name, "gateway", crypto::kNodeDays, base::system_clock(),
                                        base::system_random()));
  BZ_TRY(auto identity, crypto::node_identity_pem(certificate));
  BZ_TRY_VOID(registry_.add(identity, base::system_clock().unix_seconds()));
  log::event(log::Info, "node_added").field("node", name).field("key", identity.key_sha256);
  return certificate;
}

// Its connections end here and now; what is written to the disk decides about the next start.
Result<std::string> InnerRole::revoke_node(const std::string& name) {
  BZ_TRY_VOID(registry_.revoke(name));
  cut(name);
  forget_tickets();
  log::event(log::Info, "node_revoked").field("node", name);
  return "node " + name + " is revoked; its connections are cut\n";
}

// One thread writes, in the order of the commands; each text is the whole list.
base::Completion<bool> InnerRole::write_nodes() {
  return pool_->run<bool>(host_->loop(), [text = registry_.text()]() -> Result<bool> {
    BZ_TRY_VOID(os::write_file(os::kHere, kNodes, text, 0600));
    return true;
  });
}

Task<void> InnerRole::save(ControlCall call, std::string output) {
  auto writing = write_nodes();
  auto written = co_await writing;
  if (written) {
    call.answer({0, std::move(output), {}});
  } else {
    call.answer({1, {}, "in force, but not on the disk: " + written.error().to_string() + "\n"});
  }
}

std::string InnerRole::list_nodes(bool json) const {
  std::string out;
  const auto linked = [&](const std::string& name) {
    auto node = nodes_.find(name);
    return node != nodes_.end() && is_linked(*node->second);
  };
  for (const auto& [name, node] : registry_.nodes()) {
    const std::string state = node.revoked ? "revoked" : linked(name) ? "linked" : "away";
    if (json) {
      out += std::string(out.empty() ? "" : ",") + "{\"name\":\"" + name + "\",\"role\":\"" + node.role +
             "\",\"state\":\"" + state + "\",\"key_sha256\":\"" + node.key_sha256 +
             "\",\"expires\":" + std::to_string(node.expires) + "}";
    } else {
      const int64_t days = (node.expires - base::system_clock().unix_seconds()) / 86'400;
      out += name + ": " + node.role + ", " + state + ", certificate ends " + base::date(node.expires) + ", in " +
             std::to_string(days) + " days\n";
    }
  }
  return json ? "[" + out + "]\n" : out;
}

}  // namespace bz::roles
