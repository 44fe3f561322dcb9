#include "delivery/fit.h"

#include "base/log.h"
#include "base/text.h"
#include "intl/idna.h"

namespace bz::delivery {
namespace {

Task<Result<mime::SevenBitScan>> scan(queue::ContentReader reader) {
  mime::SevenBitScan scan;
  while (true) {
    auto reading = reader.next();
    BZ_CO_TRY(const std::string piece, co_await reading);
    if (piece.empty()) break;
    scan.feed(piece);
  }
  scan.finish();
  co_return scan;
}

// False: it has a local part that is not ASCII, for which there is no other form, or no valid domain.
bool to_ascii(smtp::Address& address) {
  if (!base::is_ascii(address.local)) return false;
  auto domain = intl::to_a_labels(address.domain);
  if (!domain) return false;
  address.domain = std::move(*domain);
  return true;
}

// An envelope that needs no SMTPUTF8; nullopt: there is none.
std::optional<smtp::ClientMessage> without_smtputf8(smtp::ClientMessage message) {
  if (!to_ascii(message.mail.sender)) return std::nullopt;
  for (auto& rcpt : message.recipients) {
    if (!to_ascii(rcpt.recipient)) return std::nullopt;
  }
  message.mail.smtputf8 = false;
  return message;
}

}  // namespace

Task<Result<std::string>> Content::next() {
  std::string out;
  while (out.empty() && !ended_) {
    auto reading = reader_.next();
    BZ_CO_TRY(std::string piece, co_await reading);
    if (!writer_) co_return std::move(piece);
    ended_ = piece.empty();
    if (ended_) {
      writer_->finish(out);
    } else {
      writer_->feed(piece, out);
    }
  }
  co_return std::move(out);
}

Task<std::variant<Fitted, smtp::Reply>> fit(smtp::ClientMessage message, const queue::Entry& entry,
                                            queue::ContentReader::View view, smtp::ServerOffer offer, queue::Queue& queue) {
  using Answer = std::variant<Fitted, smtp::Reply>;
  const auto& envelope = entry.envelope;
  const bool takes_eight_bit = offer.eight_bit || offer.smtputf8;  // RFC 6531 3.1: who offers the latter has the former
  const bool convert = envelope.eight_bit && !takes_eight_bit;
  const bool plain_envelope = message.mail.smtputf8 && !offer.smtputf8;
  std::optional<mime::SevenBitScan> scanned;
  if (convert || (plain_envelope && envelope.eight_bit)) {
    auto scanning = scan(queue.reader(entry, view));
    auto result = co_await scanning;
    if (!result) {
      log::event(log::Err, "queued_message_unreadable").field("qid", envelope.id).error(result.error());
      co_return Answer(smtp::Reply(451, "4.3.0", "The message could not be read"));
    }
    scanned = std::move(*result);
  }
  // Headers in UTF-8 need SMTPUTF8 themselves (RFC 6532); then the message stays as it is, and is refused (5.6.7).
  if (plain_envelope && !(scanned && scanned->header_has_eight_bit())) {
    auto plain = without_smtputf8(message);
    if (plain) message = std::move(*plain);
  }
  if (!convert) co_return Answer(Fitted{std::move(message), Content(queue.reader(entry, view))});
  if (scanned->refusal()) co_return Answer(smtp::Reply(554, "5.6.3", *scanned->refusal()));
  message.mail.size.reset();  // known at the end only
  message.mail.body.reset();
  log::event(log::Info, "converted_to_7bit").field("qid", envelope.id).field("parts", scanned->plan().leaves.size());
  co_return Answer(Fitted{std::move(message), Content(queue.reader(entry, view), scanned->plan())});
}

}  // namespace bz::delivery
