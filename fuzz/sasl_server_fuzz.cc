// rooms: base crypto sasl
// A client that says anything, to every server mechanism; and a server that says anything, to every client mechanism.
// First byte: mechanism (its place in all_kinds()) and flags; where that is 15, a second byte counts on from there. Then
// the messages, one per line (a line may be empty).
// Held: no crash; Done only after the machine was told that the secret was right, or (where the machine itself compares)
// never, because the fuzzer does not know the password; after Done or Failure only Failure follows.
#include <cstdint>
#include <set>

#include "base/check.h"
#include "base/text.h"
#include "sasl/client.h"
#include "sasl/mechanism.h"
#include "sasl/ntlm.h"

using namespace bz;
using namespace bz::sasl;

static void serve(Kind kind, uint8_t flags, const std::vector<std::string_view>& lines) {
  base::ManualClock clock;
  base::SeededRandom random(flags);
  static const Credentials secrets = [] {
    Credentials made = fake_credentials(Secret("unguessable-by-a-fuzzer"), "u", 1);
    made.digest->realm = "r";
    return made;
  }();
  ServerOptions options{.host = "h.test",
                        .service = "imap",
                        .realm = "r",
                        .bindings = {.exporter = "0123", .server_end_point = "4567"},
                        .nonce = kind == Kind::Ntlm ? "12345678" : "s",
                        .ntlm_elsewhere = kind == Kind::Ntlm && (flags & 1) != 0,
                        .offers_plus = (flags & 1) != 0};
  auto machine = make_server(kind, options, clock, random);
  size_t at = 0;
  std::optional<std::string_view> initial;
  if ((flags & 2) && !lines.empty()) initial = lines[at++];
  Step step = machine->start(initial);
  bool told_right = false, ended = false;
  for (int turn = 0; turn < 20; ++turn) {
    bool end = std::holds_alternative<Done>(step) || std::holds_alternative<Failure>(step);
    BZ_CHECK(!std::holds_alternative<Done>(step) || (told_right && !ended), "a success nobody earned");
    BZ_CHECK(!ended || std::holds_alternative<Failure>(step), "life after the end");
    ended = ended || end;
    if (auto* need = std::get_if<NeedPassword>(&step)) {
      BZ_CHECK(!need->user.empty() && need->user.size() <= kMaxField, "user out of bounds");
      told_right = (flags & 4) != 0;
      step = machine->verified(told_right);
    } else if (std::holds_alternative<NeedCredentials>(step)) {
      Credentials credentials = secrets;
      credentials.known = (flags & 8) != 0;
      step = machine->supply(credentials);
    } else if (std::holds_alternative<NeedToken>(step) || std::holds_alternative<NeedCertificate>(step)) {
      told_right = (flags & 4) != 0;
      step = machine->identified(told_right ? std::optional<std::string>("u") : std::nullopt);
    } else if (auto* ntlm = std::get_if<NeedNtlm>(&step)) {
      BZ_CHECK(!ntlm->bytes.empty() && ntlm->bytes.size() <= kMaxMessage, "message out of bounds");
      told_right = (flags & 4) != 0 && ntlm->call == NeedNtlm::Call::Authenticate;
      if (ntlm->call == NeedNtlm::Call::Authenticate) {
        BZ_CHECK(!ntlm->user.empty(), "anonymous");
        step = machine->identified(told_right ? std::optional<std::string>("u") : std::nullopt);
      } else {
        ntlm::ChallengeMessage challenge{.flags = 0, .target = "T", .server_challenge = "12345678", .target_info = {}};
        step = machine->answered(GssAnswer{challenge.encode()});
      }
    } else if (std::holds_alternative<NeedGss>(step)) {
      step = machine->answered(Error(Errc::Denied, "gss_fuzz believes more"));
    } else {
      if (at >= lines.size()) return;
      step = machine->next(lines[at++]);
    }
  }
}

static void ask(Kind kind, uint8_t flags, const std::vector<std::string_view>& lines) {
  base::SeededRandom random(flags);
  auto machine = make_client(
      kind,
      {.user = "u,=", .password = Secret("p"), .authzid = flags & 1 ? "a" : "", .channel_binding = "0123", .nonce = "c"},
      random);
  if (!machine) return;
  if (flags & 2) (void)machine->initial();
  for (std::string_view line : lines) {
    if (line.find(",i=") != line.npos && line.size() > 3) {  // no time for PBKDF2 here: only what is refused before it
      auto first = parse_server_first(line);
      if (first && first->iterations >= 4096) return;
    }
    if (!machine->next(line)) return;
  }
  BZ_CHECK(!is_scram(kind) || !machine->may_succeed(), "SCRAM believed a server");
}

// Takes from `input` what chooses the mechanism.
static Kind chosen(std::string_view& input) {
  constexpr size_t kCountsOn = 15;
  BZ_CHECK(all_kinds().size() > kCountsOn, "the second byte counts on from a mechanism");
  const auto take = [&input] {
    const auto byte = static_cast<uint8_t>(input.empty() ? 0 : input.front());
    input.remove_prefix(input.empty() ? 0 : 1);
    return byte;
  };
  const size_t at = take() >> 4;
  return all_kinds()[at < kCountsOn ? at : at + take() % (all_kinds().size() - kCountsOn)];
}

// Once: a mechanism that no input chooses would be fuzzed by nobody, and nobody would know.
extern "C" int LLVMFuzzerInitialize(int*, char***) {
  std::set<Kind> reached;
  for (int first = 0; first < 256; ++first)
    for (int second = 0; second < 256; ++second) {
      const char bytes[] = {static_cast<char>(first), static_cast<char>(second)};
      std::string_view input(bytes, sizeof bytes);
      reached.insert(chosen(input));
    }
  BZ_CHECK(reached.size() == all_kinds().size(), "no input reaches some mechanism");
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 1) return 0;
  std::string_view text(reinterpret_cast<const char*>(data), size);
  const Kind kind = chosen(text);
  auto lines = base::split(text, '\n');
  serve(kind, data[0] & 15, lines);
  ask(kind, data[0] & 15, lines);
  return 0;
}
