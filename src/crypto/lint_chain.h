// The chain behind a certificate, as the linter sees it. Private to this room.
#pragma once
#include <string>
#include <vector>

#include "crypto/lint.h"
#include "crypto/openssl_ptr.h"

namespace bz::crypto {

class FindingList {
 public:
  void add(Severity severity, const char* code, std::string text, std::string advice) {
    findings_.push_back({severity, code, std::move(text), std::move(advice)});
  }
  void error(const char* code, std::string text, std::string advice) {
    add(Severity::Error, code, std::move(text), std::move(advice));
  }
  void warning(const char* code, std::string text, std::string advice) {
    add(Severity::Warning, code, std::move(text), std::move(advice));
  }
  // By weight; what weighs the same stays in its order.
  std::vector<Finding> take() && {
    std::vector<Finding> out;
    for (Severity weight : {Severity::Error, Severity::Warning, Severity::Note}) {
      for (Finding& finding : findings_) {
        if (finding.severity == weight) out.push_back(std::move(finding));
      }
    }
    return out;
  }

 private:
  std::vector<Finding> findings_;
};

enum class Root : uint8_t { Unknown, Public, Private };

class Chain {
 public:
  // At most kMaxChain certificates of 64 KiB each, none with bytes behind it.
  static Result<Chain> read(const std::vector<std::string>& der);
  X509* leaf() const { return certificates_[0].get(); }
  // Keys, signatures and dates of the links, their order, and where they lead.
  Root check(const LintInput& input, FindingList& out) const;
  bool must_staple() const;     // RFC 7633
  bool has_timestamps() const;  // RFC 6962 section 3.3
  std::string pem() const;

 private:
  void check_links(int64_t now, FindingList& out) const;
  void check_order(FindingList& out) const;
  void say_where_it_ends(bool private_roots_known, FindingList& out) const;
  Root find_root(const TrustedRoots& roots) const;
  std::vector<X509Ptr> certificates_;
};

}  // namespace bz::crypto
