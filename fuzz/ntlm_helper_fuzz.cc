// rooms: base crypto sasl
// A helper (ntlm_auth) that says anything. First byte: whether it was asked for a challenge (1) or a verdict (0), and how
// its bytes are cut (the rest); then what it says.
// Held: no crash; nobody is accepted who was not asked about; texts are within limits and may be logged; the cut changes
// nothing; a name that comes out of an accepted account is of a domain that the rules have.
#include <algorithm>
#include <cstdint>

#include "base/check.h"
#include "base/text.h"
#include "sasl/mechanism.h"
#include "sasl/ntlm_helper.h"
#include "sasl/ntlm_names.h"

using namespace bz;
using namespace bz::sasl;
using Said = ntlm::HelperAnswer::Kind;
using Heard = Result<std::optional<ntlm::HelperAnswer>>;

static Heard hear(std::string_view bytes, bool challenge, size_t piece) {
  ntlm::HelperTalk talk;
  (void)(challenge ? talk.negotiate("m") : talk.authenticate("m"));
  Heard heard = std::optional<ntlm::HelperAnswer>();
  for (; !bytes.empty() && heard; bytes.remove_prefix(std::min(piece, bytes.size())))
    heard = talk.take(bytes.substr(0, piece));
  return heard;
}

static void check_names(std::string_view text) {
  static const std::vector<ntlm::DomainRule> rules = {{"OFFICE", ""}, {"SALES", "sales.test"}};
  for (const auto& login : {ntlm::login_of_account(text, rules), ntlm::login_of("", text, rules)}) {
    if (!login) {
      BZ_CHECK(login.error().text().size() < 500, "an error's text");
      continue;
    }
    BZ_CHECK(!login->empty() && base::is_utf8(*login) && login->size() <= kMaxField + 20, "a name out of bounds");
    BZ_CHECK(std::count(login->begin(), login->end(), '@') <= 1, "an address with two domains");
    BZ_CHECK(login->find('\\') == login->npos || login->find('@') != login->npos, "a domain in a bare name");
  }
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const bool challenge = (data[0] & 1) != 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data + 1), size - 1);
  const Heard whole = hear(bytes, challenge, bytes.size() + 1), cut = hear(bytes, challenge, 1 + (data[0] >> 1));
  // In pieces the answer may be out before what follows it shows that the helper is mad.
  if (whole) {
    BZ_CHECK(cut.has_value() && cut->has_value() == whole->has_value(), "the cut counts");
    if (*whole) BZ_CHECK((*cut)->kind == (*whole)->kind && (*cut)->text == (*whole)->text, "the cut counts");
  }
  check_names(bytes);
  if (!whole || !*whole) return 0;
  const ntlm::HelperAnswer& answer = **whole;
  BZ_CHECK(!answer.text.empty(), "an answer without a word");
  BZ_CHECK((answer.kind != Said::Challenge || challenge) && (answer.kind != Said::Accepted || !challenge), "not asked for");
  BZ_CHECK(answer.text.size() <= (answer.kind == Said::Challenge ? kMaxMessage : kMaxField), "too long");
  if (answer.kind == Said::Challenge) return 0;
  for (char c : answer.text) BZ_CHECK(static_cast<unsigned char>(c) >= 0x20 && c != 0x7f, "not fit for a log");
  if (answer.kind == Said::Accepted) check_names(answer.text);
  return 0;
}
