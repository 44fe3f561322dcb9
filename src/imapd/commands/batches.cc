// UIDBATCHES (RFC 10022): where a client that knows no message numbers may cut a mailbox into pieces of equal size.
#include <algorithm>

#include "imapd/commands/commands.h"

namespace bz::imapd {
namespace {

constexpr uint32_t kLeastBatch = 500;        // section 3.1.3.2
constexpr uint64_t kMostMessages = 100'000;  // section 3.1.5
// A range takes up to 22 octets, and a line has fewer than 8192. kMostMessages in the smallest batches are 200.
constexpr size_t kMostRanges = 360;
constexpr size_t kMostAsked = 256;  // different questions about one state of the mailbox

bool operator==(const imap::UidBatches& a, const imap::UidBatches& b) {
  return a.size == b.size && a.first == b.first && a.last == b.last;
}

// Section 3.1.1: to ask the same again makes sense only when half a batch has come or gone.
bool asked_too_soon(BatchHistory& history, const store::View& view, const imap::UidBatches& command) {
  const uint64_t news = view.exists() - view.below(history.uid_next);
  const uint64_t gone = history.exists + news - view.exists();
  if (history.asked.empty() || news >= command.size / 2 || gone >= command.size / 2)
    history = {view.highest_uid() + 1, view.exists(), {}};
  const bool again = std::any_of(history.asked.begin(), history.asked.end(), [&](const auto& a) { return a == command; });
  if (again || history.asked.size() == kMostAsked) return true;
  history.asked.push_back(command);
  return false;
}

// Batches `first` to `last` of the view, which follow one another without a gap; the oldest ends at UID 1 (section 3.1.4).
std::vector<UidSet::Range> batches_of(const store::View& view, const imap::UidBatches& command, uint64_t last) {
  std::vector<UidSet::Range> ranges;
  const uint64_t exists = view.exists();
  const auto lowest = [&](uint64_t batch) -> uint32_t {
    return batch * command.size >= exists ? 1 : view.uid_at(static_cast<store::Msn>(exists - batch * command.size + 1));
  };
  for (uint64_t batch = command.first; batch <= last && (batch - 1) * command.size < exists; ++batch) {
    const uint32_t highest = batch == 1 ? view.highest_uid() : lowest(batch - 1) - 1;
    ranges.push_back({lowest(batch), highest});
  }
  return ranges;
}

}  // namespace

Task<Reply> handle(Session& s, const imap::UidBatches& command) {
  const bool all = command.last == 0;
  if (!all && command.last < command.first) co_return Reply{imap::Condition::Bad, "CLIENTBUG", "Invalid batch range"};
  if (command.size < kLeastBatch) co_return no("Minimum batch size is 500", "TOOFEW");
  const uint64_t exist = (uint64_t{s.view().exists()} + command.size - 1) / command.size;
  const uint64_t last = all ? exist : command.last;
  if (!all && (last - command.first + 1) * command.size > kMostMessages) co_return no("Too many messages", "TOOMANY");
  if (all && exist > kMostRanges) co_return no("Too many messages in the mailbox: ask for a range of batches", "TOOMANY");
  if (asked_too_soon(s.batch_history(), s.view(), command))
    co_return no("Asked already, and the mailbox has changed little since", "LIMIT");
  imap::uid_batches_response(s.out(), s.tag(), batches_of(s.view(), command, last));
  co_return ok("UIDBATCHES completed");
}

}  // namespace bz::imapd
