// One question to an OCSP responder over HTTP (RFC 6960 appendix A), for tools: blocking, bounded in time and size, no TLS
// (answers are signed), no redirects. The answer is not checked here.
#pragma once
#include <string>
#include <string_view>

#include "base/env.h"
#include "base/result.h"

namespace bz::net {

Result<std::string> post_ocsp(const std::string& url, std::string_view request_der, base::Millis limit);

}  // namespace bz::net
