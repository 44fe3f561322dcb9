// MD4 (RFC 1320), for the NT hash of NTLM and nothing else: it is broken, and OpenSSL 3 keeps it out of its default
// provider.
#pragma once
#include <string>
#include <string_view>

namespace bz::crypto {

std::string md4(std::string_view bytes);  // 16 raw bytes; for passwords: what was copied is wiped

}  // namespace bz::crypto
