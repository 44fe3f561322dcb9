#include "crypto/lint.h"

#include <openssl/err.h>

#include <algorithm>

#include "base/date.h"
#include "base/text.h"
#include "crypto/lint_chain.h"
#include "crypto/ocsp.h"
#include "crypto/pem.h"
#include "crypto/tls.h"

namespace bz::crypto {
namespace {

constexpr int64_t kDay = 86'400;
// Certificates issued from then on must keep the rule (Apple 103769, 102028).
constexpr int64_t kRules2019 = 1'561'939'200;  // 2019-07-01
constexpr int64_t kRules2020 = 1'598'918'400;  // 2020-09-01
constexpr int64_t kMaxDays = 825, kMaxPublicDays = 398;
constexpr int64_t kSoon = 14 * kDay;

std::string days(int64_t seconds) { return std::to_string(seconds / kDay) + " days"; }

using base::date;

std::string listed(const std::vector<std::string>& names) {
  std::string out;
  for (size_t i = 0; i < names.size() && i < 5; ++i) out += (out.empty() ? "" : ", ") + names[i];
  return names.size() > 5 ? out + " and " + std::to_string(names.size() - 5) + " more" : out;
}

void check_dates(const CertificateFacts& facts, int64_t now, FindingList& out) {
  if (now < facts.not_before) {
    out.error("not-yet-valid", "The certificate is valid only from " + date(facts.not_before) + "; every phone refuses it.",
              "Wait until then, or check the clock of the machine that made it.");
  }
  if (now > facts.not_after) {
    out.error("expired", "The certificate expired on " + date(facts.not_after) + "; every phone refuses it.",
              "Renew it, and let the renewal run by itself.");
  } else if (facts.not_after - now < kSoon) {
    out.warning("expires-soon",
                "The certificate expires in " + days(facts.not_after - now) + ", on " + date(facts.not_after) + ".",
                "Renew it now.");
  }
}

void check_names(const CertificateFacts& facts, const std::string& host, FindingList& out) {
  if (facts.names.empty()) {
    out.error("san-missing",
              "The certificate has no subject alternative name. iPhones (iOS 13 and later) and Macs refuse it: they do not "
              "look at "
              "the common name.",
              "Request one with the name as subject alternative name (buzon tls csr does so).");
  } else if (!host.empty() && !certificate_covers(facts, host)) {
    out.error("name-mismatch",
              "The certificate is for " + listed(facts.names) + ", not for " + host +
                  "; phones say that they cannot verify the server's identity.",
              "Enter one of its names on the phones, or get a certificate that names " + host + ".");
  }
}

void check_use(const CertificateFacts& facts, FindingList& out) {
  if (!facts.server_auth) {
    out.add(facts.not_before >= kRules2019 ? Severity::Error : Severity::Warning, "eku-missing",
            "The certificate lacks the extended key usage serverAuth; iPhones (iOS 13 and later) and Macs refuse it when "
            "it was issued "
            "after 2019-07-01.",
            "Get one with extendedKeyUsage = serverAuth.");
  }
  if (facts.authority) {
    out.warning("ca-certificate", "The server shows a CA certificate as its own; some clients refuse that.",
                "Let the authority issue a server certificate and install that.");
  }
}

void check_length(const CertificateFacts& facts, Root root, bool judge_root, FindingList& out) {
  int64_t length = facts.not_after - facts.not_before;
  if (facts.not_before >= kRules2019 && length > kMaxDays * kDay) {
    out.error("validity-too-long",
              "The certificate is valid for " + days(length) +
                  "; iPhones (iOS 13 and later) and Macs refuse more than 825, private "
                  "authorities included.",
              "Issue it for at most 397 days.");
    return;
  }
  if (facts.not_before < kRules2020 || length <= kMaxPublicDays * kDay || root == Root::Private || !judge_root) return;
  bool is_public = root == Root::Public;
  out.add(is_public ? Severity::Error : Severity::Warning, "validity-too-long",
          "The certificate is valid for " + days(length) + "; of public authorities iPhones and Macs accept at most 398.",
          "Issue it for at most 397 days.");
}

void check_staple_of(const LintInput& input, const Chain& chain, FindingList& out) {
  if (input.staple.empty()) {
    if (!chain.must_staple()) return;
    out.add(input.staple_expected ? Severity::Error : Severity::Note, "must-staple",
            "The certificate demands a stapled OCSP response (RFC 7633) and none came; clients that heed this refuse it.",
            "Set ocsp_file and keep it fresh (buzon tls staple), or get a certificate without must-staple.");
    return;
  }
  auto facts = check_staple(input.staple, chain.pem(), input.now);
  if (!facts) {
    out.error("staple-invalid", "The stapled OCSP response is no good: " + facts.error().text() + ".",
              "Fetch a new one (buzon tls staple).");
  } else if (facts->status != CertificateStatus::Good) {
    out.error("revoked", "The authority says that the certificate is revoked or unknown to it; phones refuse it.",
              "Get a new certificate.");
  } else if (!usable(*facts, input.now)) {
    out.error("staple-expired", "The stapled OCSP response was good until " + date(facts->next_update) + " only.",
              "Fetch a new one (buzon tls staple), and let that run by itself every day.");
  }
}

}  // namespace

std::string_view name(Severity severity) {
  return severity == Severity::Error ? "error" : severity == Severity::Warning ? "warning" : "note";
}

bool has_errors(const std::vector<Finding>& findings) {
  return std::any_of(findings.begin(), findings.end(), [](const Finding& f) { return f.severity == Severity::Error; });
}

std::vector<Finding> lint_certificates(const LintInput& input) {
  FindingList out;
  ERR_clear_error();
  auto chain = Chain::read(input.chain);
  if (!chain) {
    out.error("unreadable", "What the server sends is no certificate: " + chain.error().text() + ".",
              "Install the certificate again, in PEM.");
    return std::move(out).take();
  }
  CertificateFacts facts = facts_of(chain->leaf(), input.chain.size());
  Root root = chain->check(input, out);
  check_dates(facts, input.now, out);
  check_names(facts, input.host, out);
  check_use(facts, out);
  check_length(facts, root, input.judge_root, out);
  check_staple_of(input, *chain, out);
  if (root == Root::Public && !chain->has_timestamps()) {
    out.warning("ct-missing",
                "The certificate carries no signed timestamps of certificate transparency; Apple refuses such certificates "
                "of public "
                "authorities unless the timestamps come another way.",
                "Get a current certificate; public authorities put them in.");
  }
  (void)take_tls_errors();
  return std::move(out).take();
}

Result<std::vector<std::string>> certificates_der(std::string_view pem) {
  BZ_TRY(auto chain, parse_certificates(pem, kMaxChain));
  std::vector<std::string> out;
  for (const X509Ptr& certificate : chain) out.push_back(certificate_der(certificate.get()));
  return out;
}

std::vector<std::string> describe_certificate(std::string_view der) {
  auto chain = Chain::read({std::string(der)});
  if (!chain) return {"unreadable"};
  CertificateFacts facts = facts_of(chain->leaf(), 1);
  (void)take_tls_errors();
  return {"subject: " + facts.subject, "names: " + listed(facts.names),
          "key: " + facts.key_type,    "valid: " + date(facts.not_before) + " to " + date(facts.not_after),
          "issuer: " + facts.issuer,   "sha256: " + facts.sha256};
}

}  // namespace bz::crypto
