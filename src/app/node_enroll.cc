#include "app/node_enroll.h"

#include <map>
#include <optional>

#include "app/config.h"
#include "app/init.h"
#include "base/date.h"
#include "base/text.h"
#include "crypto/digest.h"
#include "crypto/node_certificate.h"
#include "crypto/tls.h"
#include "net/begin_connect.h"
#include "net/loop.h"
#include "os/file.h"
#include "roles/inner_config.h"
#include "roles/inner_question.h"
#include "roles/inner_renewal.h"
#include "roles/inner_token.h"

namespace bz::app {
namespace {

constexpr net::Millis kPatience{15'000};
constexpr size_t kMaxFile = 48 << 10;

using Stream = std::unique_ptr<net::Stream>;

Task<Result<Stream>> dial(net::Loop& loop, net::Endpoint to, crypto::TlsContext context, net::Deadline deadline) {
  auto connecting = net::connect(loop, std::move(to), deadline);
  auto connected = co_await std::move(connecting);
  BZ_CO_TRY(auto stream, std::move(connected));
  auto shaking = stream->connect_tls(context, crypto::kInnerName, deadline);
  auto shaken = co_await std::move(shaking);
  if (!shaken) co_return std::move(shaken).error();
  co_return std::move(stream);
}

// The one certificate of the server's chain that has the hash. Whoever answers may send what he likes: only that hash
// counts.
Task<Result<std::string>> fetch_authority(net::Loop& loop, net::Endpoint to, std::string sha256, net::Deadline deadline) {
  crypto::TlsClientOptions options;
  options.check = crypto::PeerCheck::None;
  options.system_roots = false;
  options.profile = crypto::TlsProfile::Modern;
  BZ_CO_TRY(auto context, crypto::make_tls_client(options));
  auto dialing = dial(loop, std::move(to), std::move(context), deadline);
  auto dialed = co_await std::move(dialing);
  BZ_CO_TRY(auto stream, std::move(dialed));
  const crypto::PeerCertificates sent = stream->peer_certificates();
  for (const std::string& der : sent.chain) {
    if (base::hex(crypto::sha256(der)) == sha256) co_return crypto::pem_of(der);
  }
  co_return fail(Errc::Denied,
                 "who answers there is not the inside that made the token: its authority is another one. Somebody may be "
                 "between, or the address is wrong; nothing was sent to him");
}

Task<Result<std::map<std::string, std::string>>> dial_and_ask(net::Loop& loop, net::Endpoint to, crypto::TlsContext context,
                                                              std::string secret, std::string request,
                                                              net::Deadline deadline) {
  auto dialing = dial(loop, std::move(to), std::move(context), deadline);
  auto dialed = co_await std::move(dialing);
  BZ_CO_TRY(auto stream, std::move(dialed));
  auto asking = roles::ask_inside(*stream, std::move(secret), std::move(request), deadline);
  co_return co_await std::move(asking);
}

template <class T>
Task<void> keep(net::Loop& loop, Task<Result<T>> task, std::optional<Result<T>>& out) {
  auto result = co_await std::move(task);
  out.emplace(std::move(result));
  loop.stop();
}

template <class T>
Result<T> finish(net::Loop& loop, Task<Result<T>> task) {
  std::optional<Result<T>> out;
  net::TaskGroup tasks(loop);
  loop.post([&] { tasks.spawn(keep(loop, std::move(task), out)); });
  loop.run();
  BZ_CHECK(out.has_value(), "the loop ends with the task");
  return std::move(*out);
}

crypto::TlsClientOptions pinned(std::string_view authority_pem) {
  crypto::TlsClientOptions options;
  options.ca_pem = authority_pem;
  options.system_roots = false;
  options.profile = crypto::TlsProfile::Modern;
  return options;
}

Result<void> write_node(int folder, std::string_view authority, std::string_view certificate, const Secret& key) {
  BZ_TRY_VOID(os::write_file(folder, roles::kNodeKeyPath, key.reveal(), 0600));
  BZ_TRY_VOID(os::write_file(folder, roles::kNodeCaPath, authority, 0644));
  return os::write_file(folder, roles::kNodeCertificatePath, certificate, 0644);
}

}  // namespace

Result<std::string> enroll_node(std::string_view text, const std::string& state) {
  BZ_TRY(auto token, roles::parse_token(text));
  BZ_TRY(os::Fd folder, os::make_folder(os::kHere, state, 0755));
  if (os::exists(folder.get(), "buzon.toml") || os::exists(folder.get(), roles::kNodeKeyPath))
    return fail(Errc::Exists, state + " holds a system already; nothing is overwritten");
  BZ_TRY(os::Fd tls, os::make_folder(folder.get(), "tls", 0755));
  // The name is the token's: the inside puts it into the certificate, whatever the request says.
  BZ_TRY(auto made, crypto::make_node_request("new", "gateway"));
  net::Loop loop;
  const net::Endpoint to{token.address, token.port};
  const auto deadline = net::Deadline::in(kPatience);
  BZ_TRY(const std::string authority, finish(loop, fetch_authority(loop, to, token.ca_sha256, deadline)));
  BZ_TRY(auto context, crypto::make_tls_client(pinned(authority)));
  BZ_TRY(auto answer, finish(loop, dial_and_ask(loop, to, std::move(context), std::string(token.secret.reveal()),
                                                made.request_pem, deadline)));
  const std::string &certificate = answer["certificate"], &config = answer["config"];
  BZ_TRY_VOID(crypto::check_certified_key({certificate, made.key_pem}));
  BZ_TRY(auto identity, crypto::node_identity_pem(certificate));
  BZ_TRY(auto parsed, parse_config(config, "buzon.toml"));
  BZ_TRY_VOID(write_node(folder.get(), authority, certificate, made.key_pem));
  InitOptions options;
  options.host = parsed.host;
  BZ_TRY_VOID(make_certificates(folder.get(), options));
  BZ_TRY_VOID(os::write_file(folder.get(), "buzon.toml", config, 0644));
  return "this host is node " + identity.name + "; its key and certificate are in " + state +
         "/tls, the public certificate is still one of its own making (buzon tls install)\nnext: buzon serve --config " +
         state + "/buzon.toml\n";
}

Result<std::string> renew_node(const roles::Config& config, const std::string& folder_path, bool now) {
  const roles::InnerConfig& inner = config.inner;
  if (inner.connect.empty()) return fail(Errc::Invalid, "this host is no node: inner.connect is not set");
  BZ_TRY(os::Fd folder, os::open_folder(os::kHere, folder_path));
  BZ_TRY(const std::string authority, os::read_file(folder.get(), inner.ca_file, kMaxFile));
  BZ_TRY(std::string certificate, os::read_file(folder.get(), inner.certificate_file, kMaxFile));
  BZ_TRY(std::string key, os::read_secret_file(folder.get(), inner.key_file, kMaxFile));
  const Secret secret(std::move(key));
  BZ_TRY(auto identity, crypto::node_identity_pem(certificate));
  if (!now && roles::renewal_due(identity) > base::system_clock().unix_seconds())
    return "the certificate of node " + identity.name + " is good until " + base::date(identity.not_after) +
           "; nothing to do\n";
  BZ_TRY(const std::string request, crypto::node_request_for(identity.name, identity.role, secret));
  auto options = pinned(authority);
  options.client_certificate.push_back({certificate, secret});
  BZ_TRY(auto context, crypto::make_tls_client(options));
  net::Loop loop;
  BZ_TRY(auto answer, finish(loop, dial_and_ask(loop, {inner.connect, inner.enroll_port}, std::move(context), {}, request,
                                                net::Deadline::in(kPatience))));
  BZ_TRY(auto renewed, roles::check_renewed(answer["certificate"], secret, identity));
  BZ_TRY_VOID(os::write_file(folder.get(), inner.certificate_file, answer["certificate"], 0644));
  return "node " + renewed.name + " has a certificate until " + base::date(renewed.not_after) + "\n";
}

}  // namespace bz::app
