// What phones and mail programs will say about the certificates a server sends, in plain words. The rules are those of
// Apple (103769: TLS server certificates; 102028: 398 days), RFC 5280, RFC 6125 and RFC 7633. Bytes in, findings out: used
// on the administrator's own files, and by the probe on what a stranger sends, so every byte is hostile. Any thread;
// milliseconds when roots are given.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace bz::crypto {

enum class Severity : uint8_t {
  Note,     // worth knowing
  Warning,  // some clients, or soon
  Error,    // phones refuse the connection, or ask the user a question that he should not have to answer
};
std::string_view name(Severity severity);  // "note"

struct Finding {
  Severity severity = Severity::Note;
  std::string code;    // stable, for programs: "san-missing"
  std::string text;    // what is wrong and who minds
  std::string advice;  // what to do
};

struct TrustedRoots {
  std::string public_pem;   // those that phones have; empty: not known
  std::string private_pem;  // an authority of one's own
};

struct LintInput {
  std::vector<std::string> chain;  // DER, as the server sends it: leaf first
  std::string host;                // that clients connect to; empty: not checked
  TrustedRoots roots;
  std::string staple;           // DER of the OCSP response that came along
  bool judge_root = true;       // false: where the chain leads is left open
  bool staple_expected = true;  // false: the file alone is judged, so must-staple is only a note
  int64_t now = 0;              // Unix seconds
};
// In the order of their weight, errors first. Never fails: bytes that are no certificate are a finding.
std::vector<Finding> lint_certificates(const LintInput& input);
bool has_errors(const std::vector<Finding>& findings);

// PEM text as DER, at most 10 certificates. Roots: at most 1000.
Result<std::vector<std::string>> certificates_der(std::string_view pem);
// Its facts for people, one line each: subject, names, key, dates, issuer, digest.
std::vector<std::string> describe_certificate(std::string_view der);

}  // namespace bz::crypto
