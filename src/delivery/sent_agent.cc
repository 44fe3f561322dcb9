#include "delivery/sent_agent.h"

#include <algorithm>

#include "crypto/digest.h"

namespace bz::delivery {
namespace {

using View = queue::ContentReader::View;

// SHA-256 of what stands behind the header of the Sent copy.
Task<Result<std::string>> body_hash(queue::ContentReader reader, uint64_t header_size) {
  crypto::Sha256 hash;
  uint64_t skip = header_size;
  while (true) {
    auto reading = reader.next();
    BZ_CO_TRY(const std::string piece, co_await reading);
    if (piece.empty()) break;
    const size_t gone = static_cast<size_t>(std::min<uint64_t>(skip, piece.size()));
    skip -= gone;
    hash.update(std::string_view(piece).substr(gone));
  }
  co_return hash.finish();
}

Task<Result<smtp::Reply>> read_reply(net::Stream& leg, net::Deadline deadline) {
  smtp::ReplyParser parser;
  std::string in;
  while (true) {
    std::string_view rest = in;
    BZ_CO_TRY(auto reply, parser.next(rest));
    if (reply) co_return std::move(*reply);
    char buffer[1024];
    auto reading = leg.read_some(buffer, deadline);
    BZ_CO_TRY(const size_t size, co_await reading);
    if (size == 0) co_return fail(Errc::Closed, "egress has gone");
    in.assign(buffer, size);
  }
}

}  // namespace

Task<std::vector<queue::Attempt>> SentAgent::deliver(queue::Job job, std::string user, const queue::Entry& entry,
                                                     queue::Queue& queue) {
  const auto& envelope = entry.envelope;
  const auto& r = envelope.recipients[job.recipients.front()];
  wire::FileSent request;
  request.server = r.server;
  request.host = r.host;
  request.user = std::move(user);
  request.queue_id = envelope.id;
  request.session_id = envelope.session;
  request.account = envelope.account_name;
  request.message_id = envelope.message_id;
  request.size = queue::ContentReader::size_of(envelope, View::SentCopy);
  request.received = static_cast<uint64_t>(envelope.received / 1000);
  auto filing = file(std::move(request), entry, queue);
  auto reply = co_await filing;
  smtp::Reply why(451, "4.3.0", "The mail server cannot be asked now");
  if (reply && (reply->positive() || reply->temporary())) why = std::move(*reply);
  if (!reply) why = smtp::Reply(451, "4.4.2", reply.error().text());
  const auto kind = why.positive() ? smtp::Outcome::Kind::Done : smtp::Outcome::Kind::Temporary;
  co_return std::vector<queue::Attempt>(job.recipients.size(), queue::Attempt{{kind, why}, r.host, false});
}

Task<Result<smtp::Reply>> SentAgent::file(wire::FileSent request, const queue::Entry& entry, queue::Queue& queue) {
  const auto& envelope = entry.envelope;
  const uint64_t size = request.size;
  auto hashing = body_hash(queue.reader(entry, View::SentCopy), envelope.header_size - envelope.trace_size);
  BZ_CO_TRY(request.body_sha256, co_await hashing);
  auto opening = legs_.open_sent_leg(std::move(request));
  BZ_CO_TRY(auto leg, co_await opening);
  auto waiting = read_reply(*leg, net::Deadline::in(settings_.data_start_time));
  BZ_CO_TRY(auto go, co_await waiting);
  if (!go.intermediate()) co_return std::move(go);
  auto content = queue.reader(entry, View::SentCopy);
  for (uint64_t left = size; left > 0;) {
    auto reading = content.next();
    BZ_CO_TRY(const std::string piece, co_await reading);
    if (piece.empty()) co_return fail(Errc::Corrupt, "a queued message is shorter than its envelope says");
    left -= std::min<uint64_t>(left, piece.size());
    auto writing = leg->write_all(piece, net::Deadline::in(settings_.data_block_time));
    auto written = co_await writing;
    if (!written) break;  // why is in the last line, if there is one
  }
  auto ending = read_reply(*leg, net::Deadline::in(settings_.data_end_time));
  co_return co_await ending;
}

}  // namespace bz::delivery
