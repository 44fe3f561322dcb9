#include "intl/idna.h"

#include <unicode/idna.h>

#include <memory>

#include "base/check.h"
#include "base/text.h"

namespace bz::intl {
namespace {

constexpr size_t kMaxName = 253;       // RFC 1035 2.3.4, without the length octets
constexpr size_t kMaxInput = 4 * 253;  // what such a name may take in UTF-8

const icu::IDNA& rules() {
  static const std::unique_ptr<const icu::IDNA> made = [] {
    UErrorCode status = U_ZERO_ERROR;
    constexpr uint32_t kOptions = UIDNA_CHECK_BIDI | UIDNA_CHECK_CONTEXTJ | UIDNA_CHECK_CONTEXTO | UIDNA_USE_STD3_RULES |
                                  UIDNA_NONTRANSITIONAL_TO_ASCII | UIDNA_NONTRANSITIONAL_TO_UNICODE;
    std::unique_ptr<const icu::IDNA> idna(icu::IDNA::createUTS46Instance(kOptions, status));
    BZ_CHECK(U_SUCCESS(status), "ICU without its IDNA data");
    return idna;
  }();
  return *made;
}

}  // namespace

Result<std::string> to_a_labels(std::string_view domain) {
  if (base::is_ascii(domain)) return base::lower(domain);
  if (domain.size() > kMaxInput || !base::is_utf8(domain)) return fail(Errc::Invalid, "not a domain name");
  std::string out;
  icu::StringByteSink<std::string> sink(&out);
  icu::IDNAInfo info;
  UErrorCode status = U_ZERO_ERROR;
  rules().nameToASCII_UTF8({domain.data(), static_cast<int32_t>(domain.size())}, sink, info, status);
  if (U_FAILURE(status) || info.hasErrors() || out.empty() || out.size() > kMaxName) {
    return fail(Errc::Invalid, "not a domain name by IDNA: " + std::string(domain));
  }
  return out;
}

std::string to_u_labels(std::string_view domain) {
  if (domain.size() > kMaxInput || domain.find("xn--") == domain.npos) return std::string(domain);
  std::string out;
  for (const auto label : base::split(domain, '.')) {
    std::string shown;
    icu::StringByteSink<std::string> sink(&shown);
    icu::IDNAInfo info;
    UErrorCode status = U_ZERO_ERROR;
    rules().labelToUnicodeUTF8({label.data(), static_cast<int32_t>(label.size())}, sink, info, status);
    if (!out.empty() || label.data() != domain.data()) out += '.';
    out += U_SUCCESS(status) && !info.hasErrors() ? shown : std::string(label);
  }
  return out;
}

bool same_domain(std::string_view a, std::string_view b) {
  if (base::iequals(a, b)) return true;
  if (base::is_ascii(a) && base::is_ascii(b)) return false;
  const auto left = to_a_labels(a), right = to_a_labels(b);
  return left && right && *left == *right;
}

}  // namespace bz::intl
