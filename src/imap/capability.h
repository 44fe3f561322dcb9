// The one definition of what buzon's IMAP can do. The gateway shows it before login and adds what is its own business there
// (STARTTLS, LOGINDISABLED, AUTH=...); the session shows it after login.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace bz::imap {

inline constexpr std::string_view kCapabilitiesBeforeLogin = "IMAP4rev1 LITERAL+ SASL-IR ID ENABLE IDLE LANGUAGE";
// While the session may go to another server: what the gateway itself understands, and no promise for what comes after. The
// tagged OK of the login says the rest.
inline constexpr std::string_view kCapabilitiesOfAnyServer = "IMAP4rev1 SASL-IR ID";
inline constexpr std::string_view kCapabilitiesAfterLogin =
    "IMAP4rev1 LITERAL+ ID ENABLE IDLE NAMESPACE CHILDREN UIDPLUS UNSELECT MOVE XLIST UIDBATCHES UIDONLY MULTIAPPEND "
    "BINARY "
    "CATENATE "
    "REPLACE "
    "URLAUTH URLAUTH=BINARY URL-PARTIAL UTF8=ACCEPT "
    "NOTIFY INPROGRESS "
    "SPECIAL-USE CREATE-SPECIAL-USE "
    "LIST-EXTENDED LIST-STATUS STATUS=SIZE OBJECTID PREVIEW ESEARCH SEARCHRES WITHIN PARTIAL CONDSTORE QRESYNC "
    "LANGUAGE I18NLEVEL=1 METADATA LIST-METADATA QUOTA QUOTA=RES-STORAGE QUOTA=RES-MESSAGE QUOTA=RES-MAILBOX "
    "MULTISEARCH SEARCH=FUZZY SAVEDATE CONTEXT=SEARCH CONTEXT=SORT SORT SORT=DISPLAY ESORT THREAD=ORDEREDSUBJECT "
    "THREAD=REFERENCES THREAD=REFS";
// The text of COMPRESS's tagged OK (RFC 4978): what follows on the connection is no IMAP to those who only pass it on.
inline constexpr std::string_view kDeflateActive = "DEFLATE active";
// ENABLE knows these names (RFC 5161).
inline constexpr std::string_view kEnableCondstore = "CONDSTORE", kEnableQresync = "QRESYNC", kEnableUtf8 = "UTF8=ACCEPT";
inline constexpr std::string_view kEnableUidOnly = "UIDONLY", kEnableMetadata = "METADATA";
// RFC 9051, beside IMAP4rev1: a client that wants it says ENABLE (Appendix A). The session decides whom it is shown to.
inline constexpr std::string_view kRev2 = "IMAP4rev2";

// RFC 7888: a server offers one of the two. LITERAL- allows non-synchronizing literals up to kMinusLiteral octets only.
enum class Literals : unsigned char { Plus, Minus };
inline constexpr uint64_t kMinusLiteral = 4096;

inline std::string with_literals(std::string_view capabilities, Literals literals) {
  std::string out(capabilities);
  const size_t at = literals == Literals::Minus ? out.find("LITERAL+") : std::string::npos;
  if (at != std::string::npos) out[at + 7] = '-';
  return out;
}

// Apple's push. iPhones look for it before login, too.
inline constexpr std::string_view kApplePush = "XAPPLEPUSHSERVICE";

inline std::string capabilities_before_login(Literals literals, bool apple_push) {
  std::string out = with_literals(kCapabilitiesBeforeLogin, literals);
  if (apple_push) out.append(" ").append(kApplePush);
  return out;
}

// "... APPENDLIMIT=<n>" (RFC 7889), without the word CAPABILITY.
inline std::string capabilities_after_login(uint64_t append_limit, Literals literals = Literals::Plus) {
  return with_literals(kCapabilitiesAfterLogin, literals) + " APPENDLIMIT=" + std::to_string(append_limit);
}

}  // namespace bz::imap
