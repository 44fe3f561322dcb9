// rooms: base model wire
// First byte: which record. What is accepted is written again to something that means the same.
#include <cstdint>
#include <cstdlib>
#include <iterator>
#include <string>
#include <string_view>

#include "wire/schema.h"

namespace {
using namespace bz::wire;

template <class T>
void check(std::string_view bytes) {
  auto record = T::decode(bytes);
  if (!record) return;
  std::string again = record->encode();
  auto second = T::decode(again);
  if (!second || second->encode() != again) std::abort();
}

constexpr void (*kRecords[])(std::string_view) = {
    check<ConfigText>,         check<NamedBytes>,       check<Peer>,           check<Hello>,         check<SaslStart>,
    check<SaslStep>,           check<SaslAbort>,        check<SaslDone>,       check<SaslFail>,      check<LookupRecipient>,
    check<LocalRecipient>,     check<RecipientVerdict>, check<MaySendAs>,      check<SendAsVerdict>, check<LookupAccount>,
    check<AccountInfo>,        check<EndSessions>,      check<ControlRequest>, check<ControlAnswer>, check<Reloaded>,
    check<InstallCertificate>, check<InstallStaple>,    check<RunHook>,        check<ShowChallenge>, check<Done>,
    check<AskSessions>,        check<AccountSessions>,  check<ClientNamed>,    check<ForeignLogin>,  check<FileSent>,
    check<TicketKeys>,         check<ApplePush>,        check<ApplePushGone>};
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  std::string_view bytes(reinterpret_cast<const char*>(data), size);
  kRecords[data[0] % std::size(kRecords)](bytes.substr(1));
  return 0;
}
