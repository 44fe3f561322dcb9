// The mechanisms' makers. Private to this room.
#pragma once
#include <memory>

#include "sasl/mechanism.h"

namespace bz::sasl {

using Machine = std::unique_ptr<ServerMechanism>;

// A name or password as the mechanisms take it: UTF-8 without NUL, 1 to 1024 bytes.
bool is_field(std::string_view text);

Machine make_plain();
Machine make_login();
Machine make_cram_md5(const ServerOptions& options, const base::Clock& clock, base::Random& random);
Machine make_scram(Kind kind, ServerOptions options, base::Random& random);
Machine make_digest_md5(ServerOptions options, base::Random& random);
Machine make_ntlm(ServerOptions options, const base::Clock& clock, base::Random& random);
Machine make_external();
Machine make_oauth(Kind kind);
Machine make_apop();
Machine make_gss(Kind kind);

}  // namespace bz::sasl
