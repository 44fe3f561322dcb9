#include "intl/saslprep.h"

#include <unicode/usprep.h>
#include <unicode/ustring.h>

#include <algorithm>
#include <vector>

#include "base/check.h"
#include "base/text.h"

namespace bz::intl {
namespace {

const UStringPrepProfile* profile() {
  static const UStringPrepProfile* const opened = [] {
    UErrorCode status = U_ZERO_ERROR;
    auto* made = usprep_openByType(USPREP_RFC4013_SASLPREP, &status);
    BZ_CHECK(U_SUCCESS(status), "ICU without its stringprep data");
    return made;
  }();
  return opened;
}

bool is_printable_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

// A password must not stay behind in freed memory.
class Wiped {
 public:
  explicit Wiped(size_t size) : units_(size) {}
  Wiped(const Wiped&) = delete;
  Wiped& operator=(const Wiped&) = delete;
  ~Wiped() { base::wipe(units_.data(), units_.size() * sizeof(char16_t)); }
  char16_t* data() { return units_.data(); }
  int32_t capacity() const { return static_cast<int32_t>(units_.size()); }

 private:
  std::vector<char16_t> units_;
};

Error refused(UErrorCode status) {
  if (status == U_STRINGPREP_UNASSIGNED_ERROR) return fail(Errc::Invalid, "a sign that Unicode 3.2 does not know");
  if (status == U_STRINGPREP_CHECK_BIDI_ERROR) return fail(Errc::Invalid, "a mixture of writing directions");
  if (status == U_STRINGPREP_PROHIBITED_ERROR) return fail(Errc::Invalid, "a sign that is not allowed here");
  return fail(Errc::Invalid, "a text that cannot be prepared");
}

}  // namespace

Result<std::string> saslprep(std::string_view utf8, Saslprep use) {
  if (is_printable_ascii(utf8)) return std::string(utf8);
  if (utf8.size() > kMaxSaslprep) return fail(Errc::Invalid, "a text of too many octets");
  if (!base::is_utf8(utf8)) return fail(Errc::Invalid, "not UTF-8");
  UErrorCode status = U_ZERO_ERROR;
  int32_t size = 0;
  Wiped text(utf8.size() + 1);  // never more UTF-16 units than UTF-8 octets
  u_strFromUTF8(text.data(), text.capacity(), &size, utf8.data(), static_cast<int32_t>(utf8.size()), &status);
  // NFKC makes at most 18 units of three octets (U+FDFA; Unicode Standard Annex 15 section 13).
  Wiped prepared(utf8.size() * 6 + 1);
  const int32_t options = use == Saslprep::Query ? USPREP_ALLOW_UNASSIGNED : USPREP_DEFAULT;
  size = usprep_prepare(profile(), text.data(), size, prepared.data(), prepared.capacity(), options, nullptr, &status);
  if (U_FAILURE(status)) return refused(status);
  std::string out(static_cast<size_t>(size) * 3, '\0');
  int32_t octets = 0;
  u_strToUTF8(out.data(), static_cast<int32_t>(out.size()), &octets, prepared.data(), size, &status);
  if (U_FAILURE(status)) return refused(status);
  out.resize(static_cast<size_t>(octets));
  return out;
}

std::string login_text(std::string_view utf8) {
  auto prepared = saslprep(utf8, Saslprep::Query);
  return prepared ? std::move(*prepared) : std::string(utf8);
}

Secret password_text(std::string_view utf8) {
  auto prepared = saslprep(utf8, Saslprep::Query);
  // RFC 5802 2.2 lets an empty result fail; nobody shall have an empty password because all its signs map to nothing.
  if (!prepared || prepared->empty()) return Secret(std::string(utf8));
  return Secret(std::move(*prepared));
}

std::vector<Secret> password_candidates(std::string_view sent) {
  std::vector<Secret> out;
  out.push_back(password_text(sent));
  if (out[0].reveal() != sent) out.emplace_back(std::string(sent));
  return out;
}

}  // namespace bz::intl
