#include "crypto/push_certificate.h"

#include <openssl/objects.h>

#include <algorithm>

#include "base/text.h"
#include "crypto/pem.h"

namespace bz::crypto {
namespace {

constexpr size_t kMaxTopic = 128;
constexpr std::string_view kOfMail = "com.apple.mail";

bool is_topic(std::string_view text) {
  return text.size() <= kMaxTopic && std::all_of(text.begin(), text.end(), [](char c) {
           return base::is_alpha(c) || base::is_digit(c) || c == '.' || c == '-' || c == '_';
         });
}

}  // namespace

Result<std::string> push_topic(std::string_view chain_pem) {
  BZ_TRY(auto chain, parse_certificates(chain_pem, kMaxChain));
  const X509_NAME* subject = X509_get_subject_name(chain[0].get());
  const int at = X509_NAME_get_index_by_NID(subject, NID_userId, -1);
  if (at < 0)
    return fail(Errc::Invalid, "the certificate's subject has no user id, which would be the topic of its pushes");
  const ASN1_STRING* value = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at));
  std::string topic(reinterpret_cast<const char*>(ASN1_STRING_get0_data(value)),
                    static_cast<size_t>(ASN1_STRING_length(value)));
  if (!is_topic(topic)) return fail(Errc::Invalid, "the user id of the certificate's subject is no topic");
  if (!topic.starts_with(kOfMail))
    return fail(Errc::Invalid, "the certificate is for " + topic + "; phones read mail on a topic of com.apple.mail only");
  return topic;
}

}  // namespace bz::crypto
