// The port where nodes get their certificates: with a token, or, for a renewal, with the certificate they have.
#include <algorithm>

#include "base/log.h"
#include "base/text.h"
#include "net/begin_connect.h"
#include "roles/inner_config.h"
#include "roles/inner_door.h"
#include "roles/inner_token.h"

namespace bz::roles {
namespace {

constexpr net::Millis kEnrollTime{10'000};

// Until the first frame is whole.
Task<Result<wire::NamedBytes>> read_question(net::Stream& stream, net::Deadline deadline) {
  wire::FrameReader reader;
  std::string buffer(16 << 10, '\0');
  for (;;) {
    BZ_CO_TRY(auto frame, reader.next());
    if (frame && frame->type != wire::kEnroll) co_return fail(Errc::Invalid, "not a request for a certificate");
    if (frame) co_return wire::NamedBytes::decode(frame->payload);
    auto reading = stream.read_some(buffer, deadline);
    auto got = co_await std::move(reading);
    if (!got) co_return std::move(got).error();
    if (*got == 0) co_return fail(Errc::Closed, "ended without a question");
    reader.feed(std::string_view(buffer).substr(0, *got));
  }
}

std::string answer(const std::string& name, const std::string& bytes) {
  return wire::encode_frame(wire::kEnrolled, wire::NamedBytes{name, bytes}.encode());
}

}  // namespace

Task<void> InnerRole::enroll(int fd) {
  struct Count {
    size_t& n;
    explicit Count(size_t& of) : n(of) { ++n; }
    ~Count() { --n; }
  } count(pending_);
  const auto deadline = net::Deadline::in(kEnrollTime);
  auto from = net::peer_of(fd);
  net::Stream stream(host_->loop(), fd);
  auto shaking = stream.accept_tls(enroll_tls_, deadline);
  auto shaken = co_await std::move(shaking);
  if (!shaken) co_return;  // a scanner, or `buzon network check`
  auto reading = read_question(stream, deadline);
  auto question = co_await std::move(reading);
  if (!question) co_return;
  Result<Enrolled> done =
      question->name.empty() ? renew(stream, question->bytes) : take_token(question->name, question->bytes);
  base::wipe(question->name.data(), question->name.size());
  std::string out;
  if (done) {
    // What the node has must be what we know after a power cut.
    auto saving = write_nodes();
    auto saved = co_await saving;
    if (!saved) done = std::move(saved).error();
  }
  if (done) {
    log::event(log::Info, "node_enrolled").field("node", done->node).field("address", from ? from->address : "");
    out = answer("certificate", done->certificate) + answer("config", gateway_config(host_->config(), done->node));
  } else {
    log::event(log::Warn, "enrolment_refused").field("address", from ? from->address : "").error(done.error());
    out = answer("refused", done.error().text());
  }
  out += answer("end", {});
  auto writing = stream.write_all(out, deadline);
  auto written = co_await std::move(writing);
  if (!written) co_return;
  auto ending = stream.shutdown(deadline);
  (void)co_await std::move(ending);
}

Result<InnerRole::Enrolled> InnerRole::take_token(const std::string& secret, const std::string& request) {
  const std::string hash = token_hash(secret);
  const int64_t now = base::system_clock().unix_seconds();
  BZ_TRY(auto token, registry_.find_token(hash, now));
  BZ_TRY(std::string certificate,
         crypto::issue_node_certificate(authority_, request, token.name, token.role, crypto::kNodeDays,
                                        base::system_clock(), base::system_random()));
  BZ_TRY(auto identity, crypto::node_identity_pem(certificate));
  BZ_TRY_VOID(registry_.add(identity, now));
  registry_.drop_token(hash);
  return Enrolled{token.name, std::move(certificate)};
}

// The key stays: it is what the list knows the node by.
Result<InnerRole::Enrolled> InnerRole::renew(const net::Stream& stream, const std::string& request) {
  const auto& chain = stream.tls().peer_chain;
  if (chain.empty()) return fail(Errc::Denied, "neither a token nor a certificate");
  BZ_TRY(auto identity, crypto::node_identity(chain[0]));
  BZ_TRY_VOID(registry_.check(identity));
  BZ_TRY(std::string certificate,
         crypto::issue_node_certificate(authority_, request, identity.name, identity.role, crypto::kNodeDays,
                                        base::system_clock(), base::system_random()));
  BZ_TRY(auto renewed, crypto::node_identity_pem(certificate));
  if (renewed.key_sha256 != identity.key_sha256) return fail(Errc::Denied, "a renewal keeps its key");
  registry_.renewed(identity.name, renewed.not_after);
  return Enrolled{identity.name, std::move(certificate)};
}

Result<std::string> InnerRole::make_node_token(const std::string& name, std::string_view role, std::string_view seconds) {
  constexpr int64_t kLongest = 7 * 86'400;
  const auto life = base::parse_number<int64_t>(seconds);
  if (!crypto::is_node_name(name))
    return fail(Errc::Invalid, "a node's name has 1 to 32 lower case letters, digits and \"-\"");
  if (role != "gateway") return fail(Errc::Invalid, "gateway is the one role that nodes have");
  if (!life || *life < 1 || *life > kLongest) return fail(Errc::Invalid, "a token lives a second to seven days");
  const auto& listeners = host_->config().listeners;
  if (std::none_of(listeners.begin(), listeners.end(), [&](const auto& listener) { return listener.node == name; }))
    return fail(Errc::Invalid, "no [[listener]] has node = \"" + name + "\": write down first what that host will open");
  const InnerConfig& inner = host_->config().inner;
  BZ_TRY(auto authority, crypto::read_certificate(authority_.chain_pem));
  const NodeToken token = make_token(inner.listen, inner.enroll_port, authority.sha256, base::system_random());
  const int64_t now = base::system_clock().unix_seconds();
  BZ_TRY_VOID(registry_.add_token(token_hash(token.secret.reveal()), {name, std::string(role), now + *life}, now));
  log::event(log::Info, "token_made").field("node", name).field("seconds", *life);
  return std::string(token_text(token).reveal()) + "\n";
}

}  // namespace bz::roles
