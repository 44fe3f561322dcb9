// rooms: base sasl gss
// A client of GSSAPI and GSS-SPNEGO that says anything, with a context that believes anything; principals and keytabs.
// First byte: bit 0 mechanism, bit 1 initial response, bit 2 that the context stands at the first token, bit 3 that calls
// fail. Then lines: the first is a principal, the rest are the client's messages, which the "context" hands on as they are.
// Held: Done only after the context stood and the principal had an account; a login name never has the realm's form.
#include <cstdint>

#include "base/check.h"
#include "base/text.h"
#include "gss/keytab.h"
#include "gss/principal.h"
#include "sasl/mechanism.h"

using namespace bz;
using namespace bz::sasl;

static void serve(uint8_t flags, const std::vector<std::string_view>& lines) {
  base::ManualClock clock;
  base::SeededRandom random(flags);
  const std::vector<gss::RealmRule> rules{{"EXAMPLE.ORG", "example.org"}, {"BARE", ""}};
  auto login = gss::login_of(lines[0], rules);
  BZ_CHECK(!login || login->find_first_of("\\/ \n") == std::string::npos, "a login name with a quote or an instance");
  auto machine = make_server(flags & 1 ? Kind::GssSpnego : Kind::Gssapi, {}, clock, random);
  size_t at = 1;
  std::optional<std::string_view> initial;
  if ((flags & 2) && at < lines.size()) initial = lines[at++];
  Step step = machine->start(initial);
  bool stood = false, named = false;
  for (int turn = 0; turn < 30; ++turn) {
    if (auto* call = std::get_if<NeedGss>(&step)) {
      BZ_CHECK(call->bytes.size() <= kMaxGssMessage, "a message over the limit");
      BZ_CHECK(call->call == NeedGss::Call::Accept || stood, "wrapped before the context stood");
      if ((flags & 8) && turn > 3) {
        step = machine->answered(Error(Errc::Denied, "no"));
        continue;
      }
      bool complete = call->call == NeedGss::Call::Accept && ((flags & 4) || turn > 2);
      stood = stood || complete;
      step = machine->answered(GssAnswer{std::string(call->bytes), complete});
    } else if (std::holds_alternative<NeedPrincipal>(step)) {
      BZ_CHECK(stood, "a principal of no context");
      named = login.has_value();
      step = machine->identified(login ? std::optional(*login) : std::nullopt);
    } else if (std::holds_alternative<Done>(step)) {
      BZ_CHECK(stood && named, "a success nobody earned");
      step = machine->next("");
      BZ_CHECK(std::holds_alternative<Failure>(step), "life after the end");
      return;
    } else {
      if (std::holds_alternative<Failure>(step) || at >= lines.size()) return;
      step = machine->next(lines[at++]);
    }
  }
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 1) return 0;
  std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  serve(data[0], base::split(text, '\n'));
  if (auto entries = gss::parse_keytab(text)) {
    for (const auto& entry : *entries) BZ_CHECK(!entry.realm.empty() && !entry.key.empty(), "half an entry");
  }
  (void)gss::RealmRule::parse(text.substr(0, 300));
  return 0;
}
