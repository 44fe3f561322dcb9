#include "sasl/mechanism.h"

#include "base/text.h"
#include "sasl/machines.h"

namespace bz::sasl {

namespace {

struct Row {
  Kind kind;
  std::string_view name;
};
constexpr Row kRows[] = {
    {Kind::Plain, "PLAIN"},
    {Kind::Login, "LOGIN"},
    {Kind::CramMd5, "CRAM-MD5"},
    {Kind::ScramSha1, "SCRAM-SHA-1"},
    {Kind::ScramSha1Plus, "SCRAM-SHA-1-PLUS"},
    {Kind::ScramSha256, "SCRAM-SHA-256"},
    {Kind::ScramSha256Plus, "SCRAM-SHA-256-PLUS"},
    {Kind::ScramSha512, "SCRAM-SHA-512"},
    {Kind::ScramSha512Plus, "SCRAM-SHA-512-PLUS"},
    {Kind::DigestMd5, "DIGEST-MD5"},
    {Kind::Ntlm, "NTLM"},
    {Kind::External, "EXTERNAL"},
    {Kind::OauthBearer, "OAUTHBEARER"},
    {Kind::Xoauth2, "XOAUTH2"},
    {Kind::Apop, "APOP"},
    {Kind::Gssapi, "GSSAPI"},
    {Kind::GssSpnego, "GSS-SPNEGO"},
};
constexpr size_t kCount = std::size(kRows);

constexpr bool in_order() {
  for (size_t i = 0; i < kCount; ++i)
    if (static_cast<size_t>(kRows[i].kind) != i) return false;
  return true;
}
static_assert(in_order(), "name() indexes by kind");

constexpr auto kKinds = [] {
  std::array<Kind, kCount> kinds{};
  for (size_t i = 0; i < kCount; ++i) kinds[i] = kRows[i].kind;
  return kinds;
}();

}  // namespace

std::span<const Kind> all_kinds() { return kKinds; }

std::string_view name(Kind kind) { return kRows[static_cast<size_t>(kind)].name; }

std::optional<Kind> mechanism_of(std::string_view name) {
  for (const Row& row : kRows)
    if (base::iequals(row.name, name)) return row.kind;
  return std::nullopt;
}

bool is_plus(Kind kind) { return name(kind).ends_with("-PLUS"); }
bool is_scram(Kind kind) { return name(kind).starts_with("SCRAM-"); }

crypto::Hash scram_hash(Kind kind) {
  BZ_CHECK(is_scram(kind), "a SCRAM mechanism");
  if (kind == Kind::ScramSha1 || kind == Kind::ScramSha1Plus) return crypto::Hash::Sha1;
  if (kind == Kind::ScramSha512 || kind == Kind::ScramSha512Plus) return crypto::Hash::Sha512;
  return crypto::Hash::Sha256;
}

const std::string* ChannelBindings::find(std::string_view type) const {
  const std::string* data = type == "tls-exporter"           ? &exporter
                            : type == "tls-unique"           ? &unique
                            : type == "tls-server-end-point" ? &server_end_point
                                                             : nullptr;
  return data && !data->empty() ? data : nullptr;
}

bool is_field(std::string_view text) {
  return !text.empty() && text.size() <= kMaxField && text.find('\0') == text.npos && base::is_utf8(text);
}

Step ServerMechanism::settle(Step step) {
  if (std::holds_alternative<Challenge>(step)) expect_ = Expect::Message;
  if (std::holds_alternative<NeedPassword>(step)) expect_ = Expect::Verdict;
  if (std::holds_alternative<NeedCredentials>(step)) expect_ = Expect::Credentials;
  if (std::holds_alternative<NeedToken>(step) || std::holds_alternative<NeedCertificate>(step)) expect_ = Expect::Identity;
  if (std::holds_alternative<NeedPrincipal>(step)) expect_ = Expect::Identity;
  if (std::holds_alternative<NeedGss>(step)) expect_ = Expect::Answer;
  if (auto* ntlm = std::get_if<NeedNtlm>(&step))
    expect_ = ntlm->call == NeedNtlm::Call::Negotiate ? Expect::Answer : Expect::Identity;
  if (std::holds_alternative<Done>(step) || std::holds_alternative<Failure>(step)) expect_ = Expect::Nothing;
  return step;
}

Step ServerMechanism::start(std::optional<std::string_view> initial) {
  if (expect_ != Expect::Start) return broken();
  if (!initial) return settle(on_start());
  expect_ = Expect::Message;
  return next(*initial);
}

Step ServerMechanism::next(std::string_view message) {
  if (expect_ != Expect::Message) return broken();
  if (++messages_ > kMaxSteps) return settle(malformed("too many steps"));
  if (message.size() > max_message()) return settle(malformed("message too long"));
  return settle(on_message(message));
}

Step ServerMechanism::verified(bool ok) {
  if (expect_ != Expect::Verdict) return broken();
  return settle(on_verified(ok));
}

Step ServerMechanism::supply(const Credentials& credentials) {
  if (expect_ != Expect::Credentials) return broken();
  return settle(on_supply(credentials));
}

Step ServerMechanism::identified(std::optional<std::string> user) {
  if (expect_ != Expect::Identity) return broken();
  return settle(on_identified(std::move(user)));
}

Step ServerMechanism::answered(Result<GssAnswer> answer) {
  if (expect_ != Expect::Answer) return broken();
  return settle(on_answered(std::move(answer)));
}

std::unique_ptr<ServerMechanism> make_server(Kind kind, ServerOptions options, const base::Clock& clock,
                                             base::Random& random) {
  switch (kind) {
    case Kind::Plain:
      return make_plain();
    case Kind::Login:
      return make_login();
    case Kind::CramMd5:
      return make_cram_md5(options, clock, random);
    case Kind::DigestMd5:
      return make_digest_md5(std::move(options), random);
    case Kind::Ntlm:
      return make_ntlm(std::move(options), clock, random);
    case Kind::External:
      return make_external();
    case Kind::OauthBearer:
    case Kind::Xoauth2:
      return make_oauth(kind);
    case Kind::Apop:
      return make_apop();
    case Kind::Gssapi:
    case Kind::GssSpnego:
      return make_gss(kind);
    case Kind::ScramSha1:
    case Kind::ScramSha1Plus:
    case Kind::ScramSha256:
    case Kind::ScramSha256Plus:
    case Kind::ScramSha512:
    case Kind::ScramSha512Plus:
      return make_scram(kind, std::move(options), random);
  }
  BZ_CHECK(false, "unknown mechanism");
  return nullptr;
}

}  // namespace bz::sasl
