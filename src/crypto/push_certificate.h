// The certificate with which a mail system speaks to Apple's push service.
#pragma once
#include <string>
#include <string_view>

#include "base/result.h"

namespace bz::crypto {

// The topic that pushes by this certificate (PEM, the leaf first) have: the user id (0.9.2342.19200300.100.1.1) in its
// subject, "com.apple.mail.XServer.<uuid>". Invalid with a text for the administrator: there is none, or it is not one of
// Mail's, which phones would not heed.
Result<std::string> push_topic(std::string_view chain_pem);

}  // namespace bz::crypto
